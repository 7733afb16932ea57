//! Images made for tests, in each of the layouts of a bundle.

use airgap::{BundleWriter, Digest};

use crate::support::app;

/// Entries of a bundle, in order.
pub(crate) type Entries = Vec<(String, Vec<u8>)>;

/// An image of one platform.
#[derive(Debug, Clone)]
pub(crate) struct TestImage {
    pub(crate) config: Vec<u8>,
    pub(crate) layers: Vec<Vec<u8>>,
}

/// A layer of `size` bytes that do not compress; another `seed` makes another.
pub(crate) fn layer(seed: u8, size: u32) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15 ^ u64::from(seed);
    let step = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..size).map(step).collect()
}

impl TestImage {
    pub(crate) fn new(layers: Vec<Vec<u8>>) -> Self {
        let ids: Vec<_> = layers.iter().map(|it| format!("\"{}\"", Digest::of(it))).collect();
        let config = format!(
            r#"{{"architecture":"amd64","os":"linux","rootfs":{{"type":"layers","diff_ids":[{}]}}}}"#,
            ids.join(",")
        );
        Self { config: config.into_bytes(), layers }
    }

    pub(crate) fn manifest(&self) -> Vec<u8> {
        let part = |bytes: &[u8], kind: &str| {
            let (size, digest) = (bytes.len(), Digest::of(bytes));
            format!(
                r#"{{"mediaType":"application/vnd.oci.image.{kind}","digest":"{digest}","size":{size}}}"#
            )
        };
        let layers: Vec<_> = self.layers.iter().map(|it| part(it, "layer.v1.tar")).collect();
        format!(
            r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{},"layers":[{}]}}"#,
            part(&self.config, "config.v1+json"),
            layers.join(",")
        )
        .into_bytes()
    }

    /// The blobs, manifest last.
    pub(crate) fn blobs(&self) -> Vec<Vec<u8>> {
        let mut blobs = self.layers.clone();
        blobs.push(self.config.clone());
        blobs.push(self.manifest());
        blobs
    }

    /// A tar as `docker save` makes it; a layer that was there already is a link to it.
    pub(crate) fn saved(&self, name: &str) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        let mut add = |name: &str, bytes: &[u8]| {
            let mut header = tar::Header::new_ustar();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, name, bytes).expect("a vector takes all");
        };
        let mut names = Vec::new();
        for (at, layer) in self.layers.iter().enumerate() {
            let id = Digest::of(layer).hex();
            add(&format!("{id}.tar"), layer);
            names.push(format!("\"{at}/layer.tar\""));
        }
        let config = format!("{}.json", Digest::of(&self.config).hex());
        add(&config, &self.config);
        let list = format!(
            r#"[{{"Config":"{config}","RepoTags":["{name}"],"Layers":[{}]}}]"#,
            names.join(",")
        );
        add("manifest.json", list.as_bytes());
        for (at, layer) in self.layers.iter().enumerate() {
            let mut header = tar::Header::new_ustar();
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_size(0);
            let target = format!("../{}.tar", Digest::of(layer).hex());
            tar.append_link(&mut header, format!("{at}/layer.tar"), target).expect("it fits");
        }
        tar.into_inner().expect("a vector takes all")
    }
}

/// A list of images, as bytes.
pub(crate) fn list(images: &[&TestImage]) -> Vec<u8> {
    let parts: Vec<_> = images
        .iter()
        .map(|it| {
            let manifest = it.manifest();
            format!(
                r#"{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{}","size":{},"platform":{{"os":"linux","architecture":"amd64"}}}}"#,
                Digest::of(&manifest),
                manifest.len()
            )
        })
        .collect();
    format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{}]}}"#,
        parts.join(",")
    )
    .into_bytes()
}

/// Blobs in registry storage below `root`, each once.
pub(crate) fn storage_blobs(root: &str, blobs: &[Vec<u8>]) -> Entries {
    let mut entries = Entries::new();
    for blob in blobs {
        let hex = Digest::of(blob).hex();
        let name = format!("{root}/docker/registry/v2/blobs/sha256/{}/{hex}/data", &hex[..2]);
        if !entries.iter().any(|it| it.0 == name) {
            entries.push((name, blob.clone()));
        }
    }
    entries
}

/// The links of a tag in registry storage.
pub(crate) fn storage_tag(root: &str, repository: &str, tag: &str, manifest: &[u8]) -> Entries {
    let digest = Digest::of(manifest);
    let folder = format!("{root}/docker/registry/v2/repositories/{repository}/_manifests");
    let link = digest.to_string().into_bytes();
    vec![
        (format!("{folder}/tags/{tag}/current/link"), link.clone()),
        (format!("{folder}/revisions/sha256/{}/link", digest.hex()), link),
    ]
}

/// An `airgap.yaml` of this format with these images.
pub(crate) fn airgap_yaml(format: &str, images: &[&str]) -> String {
    let images: Vec<_> = images.iter().map(|it| format!("  - {it}\n")).collect();
    let images = images.concat();
    format!(
        "apiVersion: kots.io/v1beta1\nkind: Airgap\nspec:\n  appSlug: sample\n  channelID: stable-id\n  updateCursor: \"2\"\n  versionLabel: 1.1.0\n  format: {format}\n  savedImages:\n{images}"
    )
}

/// A bundle with these entries after the two it needs.
pub(crate) fn bundle_of(airgap_yaml: &str, entries: &Entries) -> Vec<u8> {
    bundle_at(6, airgap_yaml, entries)
}

/// As [`bundle_of`], with this level of compression.
pub(crate) fn bundle_at(level: u32, airgap_yaml: &str, entries: &Entries) -> Vec<u8> {
    let mut writer = BundleWriter::with_level(Vec::new(), level);
    writer.bytes("airgap.yaml", airgap_yaml.as_bytes()).expect("a good name");
    writer.bytes("app.tar.gz", &app()).expect("a good name");
    for (name, bytes) in entries {
        if bytes.len() > 1 << 20 {
            writer.start_member(level).expect("a vector takes all");
        }
        writer.bytes(name, bytes).expect("a good name");
    }
    writer.finish().expect("a vector takes all")
}
