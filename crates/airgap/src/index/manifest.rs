//! Manifests of images: docker schema 2 and OCI, single and lists.
//!
//! Only what pushing needs is read; the bytes stay as they are, for their digest is the image's name.

use serde::Deserialize;

use crate::digest::Digest;

const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// A manifest, or a list of manifests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Its digest.
    pub digest: Digest,
    /// Its media type: what it says, else the OCI type it has the shape of.
    pub media_type: String,
    /// Its bytes, to be sent as they are.
    pub bytes: Vec<u8>,
    /// The manifests of a list.
    pub manifests: Vec<Descriptor>,
    /// The config and then the layers of a single image.
    pub blobs: Vec<Descriptor>,
}

/// What a manifest says of something it is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptor {
    /// Its digest.
    pub digest: Digest,
    /// Its bytes.
    pub size: u64,
    /// Its media type.
    pub media_type: String,
    /// Whether it is to be fetched from elsewhere and need not be in a registry.
    pub foreign: bool,
    /// `linux/arm64/v8`, where a list says so.
    pub platform: Option<String>,
    /// The names that an OCI index gives an image.
    pub names: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawManifest {
    schema_version: Option<u64>,
    media_type: Option<String>,
    config: Option<RawDescriptor>,
    layers: Option<Vec<RawDescriptor>>,
    manifests: Option<Vec<RawDescriptor>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawDescriptor {
    #[serde(default)]
    media_type: String,
    digest: String,
    size: u64,
    #[serde(default)]
    urls: Option<Vec<String>>,
    #[serde(default)]
    platform: Option<RawPlatform>,
    #[serde(default)]
    annotations: Option<Annotations>,
}

#[derive(Deserialize)]
struct RawPlatform {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    variant: String,
}

#[derive(Deserialize)]
struct Annotations {
    #[serde(rename = "org.opencontainers.image.ref.name")]
    ref_name: Option<String>,
    #[serde(rename = "io.containerd.image.name")]
    containerd_name: Option<String>,
}

impl Manifest {
    /// Reads a manifest. `None` is something else: of another shape, of schema 1, one that is an image and a list at
    /// once, or one that names a part by another digest than SHA-256.
    pub fn parse(digest: Digest, bytes: Vec<u8>) -> Option<Self> {
        let raw: RawManifest = serde_json::from_slice(&bytes).ok()?;
        if raw.schema_version != Some(2) {
            return None;
        }
        let (manifests, blobs, shape) = match (raw.manifests, raw.config, raw.layers) {
            (Some(manifests), None, None) => (descriptors(manifests)?, Vec::new(), OCI_INDEX),
            (None, Some(config), layers) => {
                let all = std::iter::once(config).chain(layers.unwrap_or_default()).collect();
                (Vec::new(), descriptors(all)?, OCI_MANIFEST)
            }
            _ => return None,
        };
        let media_type =
            raw.media_type.filter(|it| !it.is_empty()).unwrap_or_else(|| shape.to_owned());
        // It becomes a header of HTTP.
        if !media_type.bytes().all(|it| it.is_ascii_graphic()) {
            return None;
        }
        Some(Self { digest, media_type, bytes, manifests, blobs })
    }

    /// Whether it is a list.
    pub fn is_list(&self) -> bool {
        self.blobs.is_empty()
    }
}

/// The images of an `index.json`.
pub(crate) fn oci_index(bytes: &[u8]) -> Option<Vec<Descriptor>> {
    let raw: RawManifest = serde_json::from_slice(bytes).ok()?;
    descriptors(raw.manifests?)
}

fn descriptors(raw: Vec<RawDescriptor>) -> Option<Vec<Descriptor>> {
    raw.into_iter().map(descriptor).collect()
}

fn descriptor(raw: RawDescriptor) -> Option<Descriptor> {
    let platform = raw.platform.map(|it| {
        let parts = [it.os, it.architecture, it.variant];
        parts.into_iter().filter(|it| !it.is_empty()).collect::<Vec<_>>().join("/")
    });
    let names = raw.annotations.map(|it| [it.containerd_name, it.ref_name]).into_iter().flatten();
    Some(Descriptor {
        digest: Digest::parse(&raw.digest)?,
        size: raw.size,
        foreign: raw.urls.is_some_and(|it| !it.is_empty())
            && (raw.media_type.contains(".foreign.")
                || raw.media_type.contains(".nondistributable.")),
        media_type: raw.media_type,
        platform: platform.filter(|it| !it.is_empty()),
        names: names.flatten().collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> String {
        let text = text.replace("DIGEST", &Digest::of(b"").to_string());
        match Manifest::parse(Digest::of(text.as_bytes()), text.into_bytes()) {
            Some(it) => {
                let count = (it.manifests.len(), it.blobs.len());
                format!("{} {count:?}", it.media_type)
            }
            None => "no manifest".to_owned(),
        }
    }

    #[test]
    fn images_and_lists_are_told_apart() {
        let part = r#"{"mediaType":"m","digest":"DIGEST","size":1}"#;
        assert_eq!(
            check(&format!(r#"{{"schemaVersion":2,"config":{part},"layers":[{part},{part}]}}"#)),
            "application/vnd.oci.image.manifest.v1+json (0, 3)"
        );
        assert_eq!(
            check(&format!(r#"{{"schemaVersion":2,"mediaType":"x/y","manifests":[{part}]}}"#)),
            "x/y (1, 0)"
        );
        for text in [
            format!(r#"{{"schemaVersion":2,"manifests":[{part}],"config":{part},"layers":[]}}"#),
            format!(r#"{{"schemaVersion":1,"config":{part},"layers":[]}}"#),
            format!(r#"{{"schemaVersion":2,"mediaType":"a\r\nb","manifests":[{part}]}}"#),
            r#"{"schemaVersion":2,"manifests":[{"digest":"sha512:00","size":1}]}"#.to_owned(),
            r#"{"schemaVersion":2,"manifests":[{"digest":"DIGEST","size":-1}]}"#.to_owned(),
            r#"{"architecture":"amd64"}"#.to_owned(),
            "{".to_owned(),
        ] {
            assert_eq!(check(&text), "no manifest", "{text}");
        }
    }

    #[test]
    fn an_index_names_its_images() {
        let text = r#"{"schemaVersion":2,"manifests":[{"digest":"DIGEST","size":1,"platform":{"os":"linux","architecture":"arm64","variant":"v8"},"annotations":{"org.opencontainers.image.ref.name":"1.0","other":"x"}}]}"#
            .replace("DIGEST", &Digest::of(b"").to_string());
        let found = oci_index(text.as_bytes()).expect("an index");
        assert_eq!(found[0].names, ["1.0"]);
        assert_eq!(found[0].platform.as_deref(), Some("linux/arm64/v8"));
    }
}
