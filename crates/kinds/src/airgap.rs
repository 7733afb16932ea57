//! `kots.io/v1beta1` Airgap: the `airgap.yaml` of an air-gap bundle.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::gvk::{self, KindError};

/// The metadata of an air-gap bundle.
///
/// Types are strict: an unquoted number in [`update_cursor`](Self::update_cursor) is refused, as
/// the original's decoder does. Unknown fields are ignored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Airgap {
    /// The version label of the release.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version_label: String,
    /// The release notes.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub release_notes: String,
    /// The channel sequence (cursor) of the release, a number written as text.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub update_cursor: String,
    /// The embedded-cluster version of the release.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub embedded_cluster_version: String,
    /// The channel's id; must be one of the licence's.
    #[serde(rename = "channelID", skip_serializing_if = "String::is_empty")]
    pub channel_id: String,
    /// The channel's name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub channel_name: String,
    /// A signature in base64, which the original never checks.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub signature: String,
    /// The application's slug.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub app_slug: String,
    /// Whether later releases may only be deployed after this one.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_required: bool,
    /// The releases that must be deployed before this one, newest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub required_releases: Vec<RequiredRelease>,
    /// The images in the bundle.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub saved_images: Vec<String>,
    /// The files of an embedded cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embedded_cluster_artifacts: Option<EmbeddedClusterArtifacts>,
    /// The size of the bundle's content, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uncompressed_size: Option<i64>,
    /// The image format: `docker`, `docker-archive`, or empty for `docker-archive`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub format: String,
    /// The names of the charts that get the vendor SDK's values.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub replicated_chart_names: Vec<String>,
}

/// A release that must be deployed first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RequiredRelease {
    /// The version label of the release.
    pub version_label: String,
    /// The release notes.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub release_notes: String,
    /// The channel sequence of the release, a number written as text.
    pub update_cursor: String,
    /// The embedded-cluster version of the release.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub embedded_cluster_version: String,
}

/// The files of an embedded cluster in a bundle.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EmbeddedClusterArtifacts {
    /// The path of the charts.
    pub charts: String,
    /// The path of the amd64 images.
    #[serde(rename = "imagesAmd64")]
    pub images_amd64: String,
    /// The path of the amd64 program.
    #[serde(rename = "binaryAmd64")]
    pub binary_amd64: String,
    /// The path of the release's metadata.
    pub metadata: String,
    /// The folder of registry images.
    pub registry: EmbeddedClusterRegistry,
    /// Further paths by name (`kots`, `operator`, …).
    pub additional_artifacts: BTreeMap<String, String>,
}

/// The registry images of an embedded cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EmbeddedClusterRegistry {
    /// The folder, relative to the bundle.
    pub dir: String,
    /// The images in it.
    pub saved_images: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct Document {
    #[serde(default)]
    spec: Airgap,
}

impl Airgap {
    /// Reads an `airgap.yaml`.
    ///
    /// # Errors
    ///
    /// [`KindError`] when it is not YAML, not a `kots.io/v1beta1` Airgap, or a field has the wrong
    /// type.
    pub fn parse(text: &str) -> Result<Self, KindError> {
        gvk::decode::<Document>(text, &["kots.io/v1beta1"], "Airgap", &[])
            .map(|(_, document)| document.spec)
    }

    /// Writes the `airgap.yaml` that [`parse`](Self::parse) reads.
    pub fn to_yaml(&self) -> String {
        let document = serde_json::json!({
            "apiVersion": "kots.io/v1beta1",
            "kind": "Airgap",
            "metadata": {"creationTimestamp": null},
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
    fn a_bundle_is_described() {
        let airgap = Airgap {
            version_label: "1.1.0".into(),
            update_cursor: "2".into(),
            channel_id: "c".into(),
            required_releases: vec![RequiredRelease {
                version_label: "1.0.0".into(),
                update_cursor: "1".into(),
                ..RequiredRelease::default()
            }],
            ..Airgap::default()
        };
        assert_eq!(Airgap::parse(&airgap.to_yaml()), Ok(airgap));
    }

    #[test]
    fn an_unquoted_cursor_is_refused() {
        let text = "apiVersion: kots.io/v1beta1\nkind: Airgap\nspec:\n  updateCursor: 5\n";
        let Err(KindError::Yaml { source, .. }) = Airgap::parse(text) else {
            panic!("an unquoted cursor was read");
        };
        insta::assert_snapshot!(source, @"`spec.updateCursor`: invalid type: integer `5`, expected a string");
    }

    #[test]
    fn another_kind_is_refused() {
        let text = "apiVersion: kots.io/v1beta1\nkind: Config\nspec: {}\n";
        insta::assert_snapshot!(
            Airgap::parse(text).expect_err("a Config is no Airgap"),
            @"found `kots.io/v1beta1, Kind=Config`, allowed is `kots.io/v1beta1, Kind=Airgap`"
        );
    }

    #[test]
    fn null_is_an_absent_field() {
        let text = "apiVersion: kots.io/v1beta1\nkind: Airgap\nmetadata:\n  creationTimestamp: null\nspec:\n  updateCursor: \"5\"\n  savedImages: null\n";
        assert_eq!(Airgap::parse(text).map(|a| a.update_cursor), Ok("5".to_owned()));
    }
}
