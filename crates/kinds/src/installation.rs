//! `kots.io/v1beta1` Installation: what an application's version was made of.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::gvk::{self, KindError};

/// What a version was made of, as kept in `upstream/userdata/installation.yaml`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Installation {
    /// The channel sequence of the release.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub update_cursor: String,
    /// The channel's id.
    #[serde(rename = "channelID", skip_serializing_if = "String::is_empty")]
    pub channel_id: String,
    /// The channel's name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub channel_name: String,
    /// The version label of the release.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version_label: String,
    /// Whether later releases may only be deployed after this one.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_required: bool,
    /// The release notes.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub release_notes: String,
    /// When the release was made, in RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub released_at: Option<String>,
    /// The vendor's image registry.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub replicated_registry_domain: String,
    /// The vendor's image proxy.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub replicated_proxy_domain: String,
    /// The names of the charts that get the vendor SDK's values.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub replicated_chart_names: Vec<String>,
    /// The images found.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub known_images: Vec<KnownImage>,
    /// The files that are not YAML.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub yaml_errors: Vec<FileError>,
    /// The key that encrypts passwords of this version.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub encryption_key: String,
    /// The files of an embedded cluster, passed through.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub embedded_cluster_artifacts: Value,
}

/// An image of a version.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct KnownImage {
    /// The image.
    pub image: String,
    /// Whether it needs credentials.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_private: bool,
}

/// A file that is not YAML.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FileError {
    /// The file.
    pub path: String,
    /// What is wrong.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub error: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Document {
    spec: Installation,
}

impl Installation {
    /// Reads an Installation document.
    ///
    /// # Errors
    ///
    /// [`KindError`] when it is not YAML, not a `kots.io/v1beta1` Installation, or a field has the
    /// wrong type.
    pub fn parse(text: &str) -> Result<Self, KindError> {
        gvk::decode::<Document>(text, &["kots.io/v1beta1"], "Installation", &[])
            .map(|(_, document)| document.spec)
    }

    /// Writes the document that [`parse`](Self::parse) reads.
    pub fn to_yaml(&self, name: &str) -> String {
        let document = serde_json::json!({
            "apiVersion": "kots.io/v1beta1",
            "kind": "Installation",
            "metadata": {"name": name},
            "spec": self,
            "status": {},
        });
        crate::yaml::to_string(&document).expect("maps, text and numbers always have a YAML form")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_installation_is_written_and_read() {
        let installation = Installation {
            update_cursor: "007".into(),
            version_label: "1.0".into(),
            is_required: true,
            known_images: vec![KnownImage { image: "a:1".into(), is_private: true }],
            ..Installation::default()
        };
        assert_eq!(Installation::parse(&installation.to_yaml("my-app")), Ok(installation));
    }
}
