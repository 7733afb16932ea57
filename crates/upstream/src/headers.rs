//! Headers of a release, and the ones we send with every question.

use http::HeaderMap;
use jiff::Timestamp;

/// Header names of the protocol, as HTTP carries them (lower case).
pub(crate) const CHANNEL_SEQUENCE: &str = "x-replicated-channelsequence";
pub(crate) const CHANNEL_ID: &str = "x-replicated-channelid";
pub(crate) const CHANNEL_NAME: &str = "x-replicated-channelname";
pub(crate) const VERSION_LABEL: &str = "x-replicated-versionlabel";
pub(crate) const IS_REQUIRED: &str = "x-replicated-isrequired";
pub(crate) const RELEASED_AT: &str = "x-replicated-releasedat";
pub(crate) const CHART_NAMES: &str = "x-replicated-replicatedchartnames";
pub(crate) const APP_DOMAIN: &str = "x-replicated-replicatedappdomain";
pub(crate) const REGISTRY_DOMAIN: &str = "x-replicated-replicatedregistrydomain";
pub(crate) const PROXY_DOMAIN: &str = "x-replicated-replicatedproxydomain";
pub(crate) const UPDATE_CHECK_AT: &str = "x-replicated-updatecheckat";
pub(crate) const LICENSE_VERSION: &str = "x-replicated-license-version";

/// What the headers of a release say about it (`pkg/upstream/replicated.go:368-483`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReleaseMeta {
    /// Position in the channel: the cursor.
    pub channel_sequence: i64,
    /// The channel.
    pub channel_id: String,
    /// The channel's name.
    pub channel_name: String,
    /// The vendor's label; not unique.
    pub version_label: String,
    /// Whether later releases need it.
    pub is_required: bool,
    /// When the vendor released it.
    pub released_at: Option<Timestamp>,
    /// Charts of the release that are the vendor's SDK.
    pub replicated_chart_names: Vec<String>,
    /// Host of the vendor's own services; empty for the default.
    pub replicated_app_domain: String,
    /// Host of the vendor's registry; empty for the default.
    pub replicated_registry_domain: String,
    /// Host of the vendor's registry proxy; empty for the default.
    pub replicated_proxy_domain: String,
}

/// Which header is wrong, with what it held.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum MetaError {
    /// A part of the identity is not what was asked for.
    Differs { field: &'static str, asked: String, got: String },
    /// A header cannot be read.
    Unreadable(String),
}

impl ReleaseMeta {
    /// Reads the headers of an answer to the question for release `sequence` of channel `channel`.
    pub(crate) fn read(
        headers: &HeaderMap,
        sequence: i64,
        channel: &str,
    ) -> Result<Self, MetaError> {
        let differs = |field, asked: String, got: Option<&str>| MetaError::Differs {
            field,
            asked,
            got: got.unwrap_or("nothing").to_owned(),
        };
        let got = text(headers, CHANNEL_SEQUENCE);
        if got.and_then(|text| text.parse::<i64>().ok()) != Some(sequence) {
            return Err(differs("channel sequence", sequence.to_string(), got));
        }
        let got = text(headers, CHANNEL_ID);
        if got != Some(channel) {
            return Err(differs("channel", channel.to_owned(), got));
        }

        let owned = |name| text(headers, name).unwrap_or_default().to_owned();
        let is_required = match text(headers, IS_REQUIRED).map(str::to_ascii_lowercase).as_deref() {
            None | Some("false" | "0" | "f") => false,
            Some("true" | "1" | "t") => true,
            Some(other) => {
                return Err(MetaError::Unreadable(format!(
                    "the header `{IS_REQUIRED}` is `{other}`, allowed are `true` and `false`"
                )));
            }
        };
        let released_at = match text(headers, RELEASED_AT) {
            None => None,
            Some(time) => Some(time.parse().map_err(|_| {
                MetaError::Unreadable(format!("the header `{RELEASED_AT}` is `{time}`, not a time"))
            })?),
        };
        Ok(Self {
            channel_sequence: sequence,
            channel_id: channel.to_owned(),
            channel_name: owned(CHANNEL_NAME),
            version_label: owned(VERSION_LABEL),
            is_required,
            released_at,
            replicated_chart_names: text(headers, CHART_NAMES)
                .unwrap_or_default()
                .split(',')
                .map(str::trim)
                .filter(|name| !name.is_empty())
                .map(str::to_owned)
                .collect(),
            replicated_app_domain: owned(APP_DOMAIN),
            replicated_registry_domain: owned(REGISTRY_DOMAIN),
            replicated_proxy_domain: owned(PROXY_DOMAIN),
        })
    }
}

/// Returns a header's text; `None` when it is absent, empty or not UTF-8.
pub(crate) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let value = std::str::from_utf8(headers.get(name)?.as_bytes()).ok()?.trim();
    (!value.is_empty()).then_some(value)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use insta::assert_snapshot;

    use super::*;

    /// Headers as `name: value` lines; asked for sequence 7 of channel `stable`.
    fn check(lines: &str) -> String {
        let mut headers = HeaderMap::new();
        for line in lines.lines() {
            let (name, value) = line.split_once(": ").expect("`name: value`");
            let name: http::HeaderName = format!("x-replicated-{name}").parse().expect("a name");
            headers.insert(name, HeaderValue::from_bytes(value.as_bytes()).expect("a value"));
        }
        match ReleaseMeta::read(&headers, 7, "stable") {
            Ok(meta) => format!("{meta:?}"),
            Err(error) => format!("{error:?}"),
        }
    }

    #[test]
    fn reads_every_header() {
        assert_snapshot!(
            check(
                "channelsequence: 7\nchannelid: stable\nchannelname: Stable ✓\nversionlabel: 1.1.0\n\
                 isrequired: true\nreleasedat: 2026-01-02T03:04:05Z\nreplicatedchartnames: a, b"
            ),
            @r#"ReleaseMeta { channel_sequence: 7, channel_id: "stable", channel_name: "Stable ✓", version_label: "1.1.0", is_required: true, released_at: Some(2026-01-02T03:04:05Z), replicated_chart_names: ["a", "b"], replicated_app_domain: "", replicated_registry_domain: "", replicated_proxy_domain: "" }"#
        );
    }

    #[test]
    fn another_release_or_channel_is_refused() {
        assert_snapshot!(check("channelsequence: 8\nchannelid: stable"), @r#"Differs { field: "channel sequence", asked: "7", got: "8" }"#);
        assert_snapshot!(check("channelid: stable"), @r#"Differs { field: "channel sequence", asked: "7", got: "nothing" }"#);
        assert_snapshot!(check("channelsequence: 7\nchannelid: beta"), @r#"Differs { field: "channel", asked: "stable", got: "beta" }"#);
    }

    #[test]
    fn a_header_that_cannot_be_read_is_not_taken_for_absent() {
        assert_snapshot!(check("channelsequence: 7\nchannelid: stable\nisrequired: maybe"), @r#"Unreadable("the header `x-replicated-isrequired` is `maybe`, allowed are `true` and `false`")"#);
        assert_snapshot!(check("channelsequence: 7\nchannelid: stable\nreleasedat: soon"), @r#"Unreadable("the header `x-replicated-releasedat` is `soon`, not a time")"#);
    }
}
