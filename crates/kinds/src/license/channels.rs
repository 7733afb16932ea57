//! Which channels a licence gives access to.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::License;

/// A channel of a licence.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Channel {
    /// The channel's id.
    #[serde(rename = "channelID")]
    pub channel_id: String,
    /// The channel's name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub channel_name: String,
    /// The channel's slug.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub channel_slug: String,
    /// Whether this is the channel used when none is asked for.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_default: bool,
    /// The vendor endpoint of the channel; empty means the licence's.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub endpoint: String,
    /// The vendor's image proxy of the channel; empty means the licence's.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub replicated_proxy_domain: String,
    /// Whether the channel's versions are ordered by semantic versioning.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_semver_required: bool,
}

/// Why a channel is not in a licence. The texts are the original's.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ChannelError {
    /// The licence lists its channels, and this id is not one of them.
    #[error("channel not found in multi channel format license")]
    NotInList {
        /// The id asked for.
        found: String,
        /// The ids the licence has.
        allowed: Vec<String>,
    },
    /// The licence has one channel, and it is another.
    #[error("channel not found in non-multi channel license")]
    NotTheOne {
        /// The id asked for.
        found: String,
        /// The id the licence has.
        allowed: String,
    },
    /// No channel of the licence has this slug.
    #[error("requested install channel slug \"{found}\" not found in license channels")]
    UnknownSlug {
        /// The slug asked for.
        found: String,
    },
}

impl License {
    /// Returns the channel with an id (`FindChannelInLicense`).
    ///
    /// A licence without a list of channels has the one channel of its top-level fields.
    ///
    /// # Errors
    ///
    /// [`ChannelError`] when the licence gives no access to it.
    pub fn channel(&self, id: &str) -> Result<Channel, ChannelError> {
        if self.channels.is_empty() {
            return if id == self.channel_id {
                Ok(self.only_channel())
            } else {
                Err(ChannelError::NotTheOne {
                    found: id.to_owned(),
                    allowed: self.channel_id.clone(),
                })
            };
        }
        self.channels.iter().find(|channel| channel.channel_id == id).cloned().ok_or_else(|| {
            ChannelError::NotInList {
                found: id.to_owned(),
                allowed: self.channels.iter().map(|c| c.channel_id.clone()).collect(),
            }
        })
    }

    /// Returns the id of the channel with a slug, or of the licence's own channel for an empty
    /// slug or a licence without a list (`FindChannelIDInLicense`).
    ///
    /// # Errors
    ///
    /// [`ChannelError::UnknownSlug`].
    pub fn channel_id_for_slug(&self, slug: &str) -> Result<String, ChannelError> {
        if slug.is_empty() || self.channels.is_empty() {
            return Ok(self.channel_id.clone());
        }
        self.channels
            .iter()
            .find(|channel| channel.channel_slug == slug)
            .map(|channel| channel.channel_id.clone())
            .ok_or_else(|| ChannelError::UnknownSlug { found: slug.to_owned() })
    }

    /// Returns the channel used when none was chosen: the default one of the list, else the one of
    /// the top-level fields.
    pub fn default_channel(&self) -> Channel {
        self.channels
            .iter()
            .find(|channel| channel.is_default)
            .or_else(|| self.channels.iter().find(|channel| channel.channel_id == self.channel_id))
            .or_else(|| self.channels.first())
            .cloned()
            .unwrap_or_else(|| self.only_channel())
    }

    fn only_channel(&self) -> Channel {
        Channel {
            channel_id: self.channel_id.clone(),
            channel_name: self.channel_name.clone(),
            channel_slug: String::new(),
            is_default: true,
            endpoint: self.endpoint.clone(),
            replicated_proxy_domain: self.replicated_proxy_domain.clone(),
            is_semver_required: self.is_semver_required,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A licence whose own channel is `own`, with a list of `ID:SLUG`, the default one marked by `*`.
    fn license(own: &str, list: &[&str]) -> License {
        let channel = |text: &&str| {
            let (id, slug) = text.trim_start_matches('*').split_once(':').expect("ID:SLUG");
            Channel {
                channel_id: id.into(),
                channel_name: id.to_uppercase(),
                channel_slug: slug.into(),
                is_default: text.starts_with('*'),
                is_semver_required: id == "b",
                ..Channel::default()
            }
        };
        License {
            channel_id: own.into(),
            channel_name: "Own".into(),
            endpoint: "https://vendor.example".into(),
            is_semver_required: true,
            channels: list.iter().map(channel).collect(),
            ..License::default()
        }
    }

    #[test]
    fn channels_are_found_by_id_and_slug() {
        let none = "channel not found in non-multi channel license";
        let listed = "channel not found in multi channel format license";
        let id = |own: &str, list: &[&str], wanted: &str| match license(own, list).channel(wanted) {
            Ok(channel) => format!("{} {}", channel.channel_name, channel.is_semver_required),
            Err(error) => error.to_string(),
        };
        for (own, list, wanted, expected) in [
            ("a", &[][..], "a", "Own true"),
            ("a", &[], "b", none),
            ("a", &[], "", none),
            ("", &[], "", "Own true"),
            ("a", &["*a:stable", "b:beta"], "a", "A false"),
            ("a", &["*a:stable", "b:beta"], "b", "B true"),
            // The list counts, not the licence's own channel.
            ("c", &["*a:stable", "b:beta"], "c", listed),
            ("a", &["*a:stable"], "", listed),
        ] {
            assert_eq!(id(own, list, wanted), expected, "{own} {list:?}: {wanted}");
        }
        let slug = |own: &str, list: &[&str], wanted: &str| {
            license(own, list).channel_id_for_slug(wanted).unwrap_or_else(|it| it.to_string())
        };
        for (own, list, wanted, expected) in [
            ("a", &[][..], "beta", "a"),
            ("a", &["*a:stable", "b:beta"], "beta", "b"),
            ("a", &["*a:stable", "b:beta"], "", "a"),
            (
                "a",
                &["*a:stable"],
                "beta",
                "requested install channel slug \"beta\" not found in license channels",
            ),
        ] {
            assert_eq!(slug(own, list, wanted), expected, "{own} {list:?}: {wanted}");
        }
        let default = |own: &str, list: &[&str]| license(own, list).default_channel().channel_id;
        assert_eq!(default("a", &[]), "a");
        assert_eq!(default("a", &["a:x", "*b:y"]), "b");
        assert_eq!(default("b", &["a:x", "b:y"]), "b");
        assert_eq!(default("c", &["a:x", "b:y"]), "a");
        let only = license("a", &[]).default_channel();
        assert_eq!(only.endpoint, "https://vendor.example");
    }

    proptest! {
        #[test]
        fn what_a_licence_has_can_be_found(
            own in "[a-d]",
            list in proptest::collection::vec("\\*?[a-d]:[a-d]", 0..4),
            wanted in "[a-e]?",
        ) {
            let list: Vec<&str> = list.iter().map(String::as_str).collect();
            let license = license(&own, &list);
            // The default channel is always one that can be asked for.
            let default = license.default_channel();
            prop_assert!(license.channel(&default.channel_id).is_ok());
            if let Ok(channel) = license.channel(&wanted) {
                prop_assert_eq!(channel.channel_id, wanted.clone());
            }
            if !list.is_empty() && !wanted.is_empty() && let Ok(id) = license.channel_id_for_slug(&wanted) {
                prop_assert!(license.channel(&id).is_ok());
            }
        }
    }
}
