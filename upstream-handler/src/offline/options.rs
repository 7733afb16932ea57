//! What a test case of the original says of an installation: `PullOptions`, `RenderDirOptions`, or
//! `Upstream` and `RenderOptions`. Pure.

use kinds::context::RegistrySettings;
use kinds::yaml;
use serde_json::Value;

use crate::release::DOWNSTREAM;

/// The slug that the original's test gives an application whose options name none.
const TEST_SLUG: &str = "my-app";

/// The key that values of the original's test are encrypted with.
const TEST_KEY: &str = "4FxTKorpUz/cbjJnUcTBAnJrSWlUqhhiVFS1Nhime+xQP9Dl";

/// Of an installation what a release alone does not say.
#[derive(Debug, Clone)]
pub struct Options {
    /// Namespace the application is deployed to; `None` for that of the environment.
    pub namespace: Option<String>,
    /// The application's slug in the console; the licence's when `None`.
    pub app_slug: Option<String>,
    /// The application's id in the console.
    pub app_id: String,
    /// The number of the version.
    pub sequence: i64,
    /// Whether there is no way to the vendor.
    pub is_airgap: bool,
    /// The operator's image registry.
    pub registry: RegistrySettings,
    /// Whether all images come from it.
    pub rewrite_images: bool,
    /// Names of the downstreams.
    pub downstreams: Vec<String>,
    /// Which of the licence's channels it is.
    pub channel_id: String,
    /// Which release it is, where the case says so.
    pub release: ReleaseOptions,
    /// Whether the values stay as they were given: cases of templates alone take none in.
    pub keeps_values: bool,
    /// The key that values are encrypted with, where the case says so.
    pub encryption_key: String,
}

/// Which release it is.
#[derive(Debug, Clone, Default)]
pub struct ReleaseOptions {
    /// The channel sequence.
    pub update_cursor: String,
    /// The channel's name.
    pub channel_name: String,
    /// The version label.
    pub version_label: String,
    /// The release notes.
    pub release_notes: String,
    /// Whether later releases need it.
    pub is_required: bool,
    /// Hosts of the vendor's images: registry, proxy.
    pub domains: [String; 2],
    /// Names of the chart of the vendor's SDK.
    pub chart_names: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            namespace: None,
            app_slug: None,
            app_id: String::new(),
            sequence: 0,
            is_airgap: false,
            registry: RegistrySettings::default(),
            rewrite_images: false,
            downstreams: vec![DOWNSTREAM.to_owned()],
            channel_id: String::new(),
            release: ReleaseOptions::default(),
            keeps_values: false,
            encryption_key: String::new(),
        }
    }
}

impl Options {
    /// Reads a case's `testcase.yaml`. Names are matched as Go's JSON does: without regard to case.
    ///
    /// # Errors
    ///
    /// It is not YAML, or not a map.
    pub fn parse(text: &str) -> Result<Self, String> {
        let case = yaml::to_value(text).map_err(|error| error.to_string())?;
        if !case.is_object() {
            return Err("a test case is a map with PullOptions or RenderOptions".to_owned());
        }
        let mut options = Self::default();
        if field(&case, "RenderOptions").is_some() {
            options.of_templates();
        }
        for name in ["PullOptions", "RenderOptions", "RenderDirOptions"] {
            if let Some(section) = field(&case, name) {
                options.app_slug = Some(TEST_SLUG.to_owned());
                options.section(section);
            }
        }
        if let Some(upstream) = field(&case, "Upstream") {
            options.upstream(upstream);
        }
        Ok(options)
    }

    /// What a case of templates alone leaves to the original's test.
    fn of_templates(&mut self) {
        self.keeps_values = true;
        TEST_KEY.clone_into(&mut self.encryption_key);
        self.release = ReleaseOptions {
            update_cursor: "123".to_owned(),
            channel_name: "My Channel".to_owned(),
            version_label: "1.0.1".to_owned(),
            release_notes: "Release 1.0.1".to_owned(),
            ..ReleaseOptions::default()
        };
    }

    fn section(&mut self, section: &Value) {
        self.namespace =
            Some(text(section, "Namespace")).filter(|it| !it.is_empty()).or(self.namespace.take());
        set(&mut self.app_id, section, "AppID");
        set(&mut self.channel_id, section, "AppSelectedChannelID");
        set(&mut self.release.update_cursor, section, "UpdateCursor");
        set(&mut self.release.version_label, section, "AppVersionLabel");
        for name in ["Sequence", "AppSequence"] {
            self.sequence = field(section, name).and_then(Value::as_i64).unwrap_or(self.sequence);
        }
        self.is_airgap |= flag(section, "IsAirgap") || !text(section, "AirgapRoot").is_empty();
        self.rewrite_images |= flag(section, "RewriteImages");
        let slug = text(section, "AppSlug");
        if !slug.is_empty() {
            self.app_slug = Some(slug);
        }
        for name in ["RewriteImageOptions", "RegistrySettings"] {
            if let Some(registry) = field(section, name) {
                set(&mut self.registry.host, registry, "Hostname");
                set(&mut self.registry.namespace, registry, "Namespace");
                set(&mut self.registry.username, registry, "Username");
                self.registry.password = text(registry, "Password").into();
                self.registry.is_read_only = flag(registry, "IsReadOnly");
            }
        }
        if let Some(app) = field(section, "App") {
            set(&mut self.app_id, app, "ID");
            set(&mut self.channel_id, app, "SelectedChannelID");
            self.is_airgap |= flag(app, "IsAirgap");
            self.app_slug =
                Some(text(app, "Slug")).filter(|it| !it.is_empty()).or(self.app_slug.take());
        }
        let downstreams = field(section, "Downstreams").and_then(Value::as_array);
        let name = |it: &Value| Some(it.as_str().map_or_else(|| text(it, "Name"), str::to_owned));
        let names: Vec<_> = downstreams.into_iter().flatten().filter_map(name).collect();
        if names.iter().any(|it| !it.is_empty()) {
            self.downstreams = names;
        }
    }

    fn upstream(&mut self, upstream: &Value) {
        let release = &mut self.release;
        set(&mut release.update_cursor, upstream, "UpdateCursor");
        set(&mut release.channel_name, upstream, "ChannelName");
        set(&mut release.version_label, upstream, "VersionLabel");
        set(&mut release.release_notes, upstream, "ReleaseNotes");
        set(&mut release.domains[0], upstream, "ReplicatedRegistryDomain");
        set(&mut release.domains[1], upstream, "ReplicatedProxyDomain");
        set(&mut self.channel_id, upstream, "ChannelID");
        set(&mut self.encryption_key, upstream, "EncryptionKey");
        release.is_required = flag(upstream, "IsRequired");
        let names = field(upstream, "ReplicatedChartNames").and_then(Value::as_array);
        let names = names.into_iter().flatten().filter_map(|it| it.as_str().map(str::to_owned));
        release.chart_names = names.collect();
    }
}

fn field<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let map = value.as_object()?;
    map.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// A text, or a number as one.
fn text(value: &Value, name: &str) -> String {
    match field(value, name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

fn set(into: &mut String, value: &Value, name: &str) {
    let given = text(value, name);
    if !given.is_empty() {
        *into = given;
    }
}

fn flag(value: &Value, name: &str) -> bool {
    field(value, name).and_then(Value::as_bool).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_of_every_kind_are_read() {
        let pull = Options::parse("PullOptions: {Namespace: ns, RewriteImages: true, RewriteImageOptions: {Hostname: h, IsReadOnly: true}, Downstreams: [a, b], AppSelectedChannelID: c}").expect("options");
        assert_eq!(
            (pull.namespace.as_deref(), pull.app_slug.as_deref()),
            (Some("ns"), Some("my-app"))
        );
        assert_eq!(
            (&*pull.registry.host, pull.registry.is_read_only, pull.rewrite_images),
            ("h", true, true)
        );
        assert_eq!(
            (pull.downstreams, &*pull.channel_id),
            (vec!["a".to_owned(), "b".to_owned()], "c")
        );
        let base = Options::parse("Upstream: {UpdateCursor: 123, VersionLabel: 1.2.3}\nRenderOptions: {Sequence: 321, IsAirgap: true}").expect("options");
        assert_eq!(
            (base.sequence, base.is_airgap, &*base.release.update_cursor),
            (321, true, "123")
        );
        let tree = Options::parse(
            "RenderDirOptions: {App: {ID: i, Slug: s}, Downstreams: [{Name: d}], Sequence: 1}",
        )
        .expect("options");
        assert_eq!(
            (tree.app_slug.as_deref(), &*tree.app_id, &*tree.downstreams[0]),
            (Some("s"), "i", "d")
        );
        assert!(Options::parse("[]").is_err());
    }
}
