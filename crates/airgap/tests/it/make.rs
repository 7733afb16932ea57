//! Bundles and patches that are made here, read back.

use std::{
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
    process::Command,
};

use airgap::{
    Digest, Index, Limits,
    make::{ImageFolder, Layout, Made, MakeError, create, diff},
};
use insta::assert_snapshot;
use tempfile::TempDir;

use crate::{
    images::{TestImage, airgap_yaml, bundle_of, layer, list},
    support::{chain, on_disk},
};

/// An image's name, its manifest or list, and all blobs.
type NamedImage = (&'static str, Vec<u8>, Vec<Vec<u8>>);

/// A folder with an OCI layout, a release and metadata.
struct Site {
    folder: TempDir,
}

impl Site {
    fn new() -> Self {
        let site = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        site.put("release/app.yaml", b"kind: Application\n");
        site.put("release/charts/b.tgz", b"packed");
        site.put(
            "airgap.yaml",
            b"apiVersion: kots.io/v1beta1\nkind: Airgap\nspec:\n  appSlug: sample\n  channelID: stable-id\n  updateCursor: \"2\"\n  versionLabel: 1.1.0\n  unknown: kept\n",
        );
        site.put("images/oci-layout", b"{\"imageLayoutVersion\":\"1.0.0\"}");
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("it is below")).expect("the folder is ours");
        fs::write(path, bytes).expect("the folder is ours");
    }

    /// Puts images there.
    fn images(&self, images: &[NamedImage]) {
        let mut all = Vec::new();
        for (name, root, blobs) in images {
            for blob in blobs.iter().chain([root]) {
                self.put(&format!("images/blobs/sha256/{}", Digest::of(blob).hex()), blob);
            }
            all.push(format!(
                r#"{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{}","size":{},"annotations":{{"org.opencontainers.image.ref.name":"{name}"}}}}"#,
                Digest::of(root),
                root.len()
            ));
        }
        let index = format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, all.join(","));
        self.put("images/index.json", index.as_bytes());
    }

    fn create(&self, layout: Layout, name: &str) -> Result<Made, MakeError> {
        let images = ImageFolder::open(&self.path("images"))?;
        create(
            &self.path("airgap.yaml"),
            &self.path("release"),
            &images,
            layout,
            &self.path(name),
            &|| false,
        )
    }

    /// The error without the name of the folder.
    fn refused<T: std::fmt::Debug>(&self, result: Result<T, MakeError>) -> String {
        let text = chain(&result.expect_err("refused"));
        text.replace(&self.folder.path().display().to_string(), "")
    }
}

fn build(path: &Path) -> Index {
    Index::build(path, &Limits::default(), &mut |_| ControlFlow::Continue(()))
        .expect("a good bundle")
}

fn two_images(changed: u8) -> [TestImage; 2] {
    let base = layer(1, 2 << 20);
    [
        TestImage::new(vec![base.clone(), layer(2, 300_000)]),
        TestImage::new(vec![base, layer(changed, 100_000)]),
    ]
}

fn site(changed: u8) -> Site {
    let site = Site::new();
    let [one, two] = two_images(changed);
    let all = list(&[&one, &two]);
    let mut blobs = one.blobs();
    blobs.extend(two.blobs());
    site.images(&[
        ("quay.io/org/one:1.0", one.manifest(), one.blobs()),
        ("docker.io/library/all:2", all, blobs),
    ]);
    site
}

fn whole(index: &Index) {
    for image in &index.images {
        assert_eq!(image.faults, [], "{}", image.reference);
        assert!(image.manifest.is_some());
    }
}

#[test]
fn a_bundle_is_made_the_same_every_time_and_reads_back_whole() {
    for layout in [Layout::Storage, Layout::Oci] {
        let site = site(3);
        let made = site.create(layout, "a.airgap").expect("it can be made");
        let again = site.create(layout, "b.airgap").expect("it can be made");
        assert_eq!(made, again);
        let bytes = fs::read(site.path("a.airgap")).expect("it is there");
        assert_eq!((made.size, made.sha256), (bytes.len() as u64, Digest::of(&bytes)));

        let index = build(&site.path("a.airgap"));
        whole(&index);
        assert_eq!(index.airgap.saved_images, ["docker.io/library/all:2", "quay.io/org/one:1.0"]);
        assert_eq!(index.airgap.format, layout.format());
        assert!(index.airgap_yaml.contains("unknown: kept"));
        assert_eq!(index.check().expect("it has a release").app_files, 2);
        assert_eq!((made.images, made.blobs), (2, 5));
        let left: Vec<_> = fs::read_dir(site.folder.path()).expect("it is there").collect();
        assert_eq!(left.len(), 5, "{left:?}");
    }
}

#[test]
fn what_is_not_whole_makes_no_bundle() {
    let site = site(3);
    let [one, _] = two_images(3);
    let blob = |bytes: &[u8]| site.path("images/blobs/sha256").join(Digest::of(bytes).hex());
    let check = || {
        let text = site.refused(site.create(Layout::Storage, "a.airgap"));
        assert!(!site.path("a.airgap").exists());
        text
    };
    let layer = blob(&one.layers[1]);
    let good = fs::read(&layer).expect("it is there");
    let mut other = good.clone();
    other[7] ^= 1;
    fs::write(&layer, &other).expect("it is ours");
    assert_snapshot!(check(), @"/images/blobs/sha256/5d9d2a0938444e9e132fc51257f35b2ea633405302ac4c543b56def5507b7955 should be sha256:5d9d2a0938444e9e132fc51257f35b2ea633405302ac4c543b56def5507b7955, its content is sha256:27b6f7e78d143944becd244d3af4b95a1e84a86dbac579bce27cfeda9516cf6e");
    fs::write(&layer, b"short").expect("it is ours");
    assert_snapshot!(check(), @"/images/blobs/sha256/5d9d2a0938444e9e132fc51257f35b2ea633405302ac4c543b56def5507b7955 has 5 bytes, its manifest says 300000");
    fs::remove_file(&layer).expect("it is ours");
    assert_snapshot!(check(), @r#"failed to read "/images/blobs/sha256/5d9d2a0938444e9e132fc51257f35b2ea633405302ac4c543b56def5507b7955": No such file or directory (os error 2)"#);
    fs::write(&layer, &good).expect("it is ours");
    let manifest = blob(&one.manifest());
    fs::write(&manifest, b"{}").expect("it is ours");
    assert_snapshot!(check(), @"/images/blobs/sha256/18f1261abd92c12f91b2b6cdebb23067ae602e3fcac47651e7f4e6ce080b8057 should be sha256:18f1261abd92c12f91b2b6cdebb23067ae602e3fcac47651e7f4e6ce080b8057, its content is sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
    site.images(&[("1.0", one.manifest(), one.blobs())]);
    assert_snapshot!(check(), @r#"image sha256:18f1261abd92c12f91b2b6cdebb23067ae602e3fcac47651e7f4e6ce080b8057 in "/images" has no whole name"#);
    let [_, two] = two_images(9);
    site.images(&[
        ("quay.io/a/one:1", one.manifest(), one.blobs()),
        ("quay.io/b/one:1", two.manifest(), two.blobs()),
    ]);
    assert_snapshot!(check(), @"images `quay.io/a/one:1` and `quay.io/b/one:1` would be one in registry storage");
    fs::remove_dir_all(site.path("release")).expect("it is ours");
    fs::create_dir(site.path("release")).expect("it is ours");
    assert_snapshot!(check(), @r#"release folder "/release" holds no files"#);
    std::os::unix::fs::symlink("/etc/passwd", site.path("release/x")).expect("it is ours");
    assert_snapshot!(check(), @r#""/release/x" is neither a regular file nor a folder"#);
    site.put("airgap.yaml", b"apiVersion: kots.io/v1beta1\nkind: Airgap\nspec:\n  channelID: c\n");
    assert_snapshot!(check(), @"airgap.yaml has no `spec.updateCursor`");
}

fn patch(old: &Path, new: &Path, out: &Path) -> Result<Made, MakeError> {
    diff(&build(old), (new, &build(new)), out, &|| false)
}

#[test]
fn a_patch_has_the_changed_layer_and_says_what_it_leaves_out() {
    for layout in [Layout::Storage, Layout::Oci] {
        let (old, new) = (site(3), site(4));
        old.create(layout, "a.airgap").expect("it can be made");
        new.create(layout, "a.airgap").expect("it can be made");
        let out = new.path("patch.airgap");
        let made =
            patch(&old.path("a.airgap"), &new.path("a.airgap"), &out).expect("it can be made");
        // The layer, two configs, and metadata.
        assert_eq!((made.blobs, made.left_out), (3, 2));
        assert!(made.size < 100_000 + 10_000, "{}", made.size);
        let again = patch(&old.path("a.airgap"), &new.path("a.airgap"), &new.path("b.airgap"));
        assert_eq!(again.expect("it can be made"), made);

        let index = build(&out);
        whole(&index);
        let [_, two] = two_images(4);
        assert!(index.blobs.contains_key(&Digest::of(&two.layers[1])));
        let expected: Vec<_> = index.images[1].expected.iter().map(|it| it.size).collect();
        assert_eq!(expected, [2 << 20, 300_000]);
        let from = &index.patch.as_ref().expect("it is a patch").from;
        assert_eq!(from.version_label, "1.1.0");
        assert_eq!(from.sha256, Digest::of(&fs::read(old.path("a.airgap")).expect("it is there")));
        assert_eq!(
            index.entries[1].section.digest,
            build(&new.path("a.airgap")).entries[1].section.digest
        );
    }
}

#[test]
fn a_patch_of_saved_images_is_registry_storage() {
    let bundle = |changed: u8| {
        let [one, two] = two_images(changed);
        let entries = vec![
            ("images/docker-archive/quay.io/org/one/1.0".to_owned(), one.saved("one:1.0")),
            ("images/docker-archive/quay.io/org/two/1.0".to_owned(), two.saved("two:1.0")),
            ("embedded-cluster/charts.tar.gz".to_owned(), b"charts".to_vec()),
        ];
        on_disk(&bundle_of(&airgap_yaml("docker-archive", &["quay.io/org/one:1.0"]), &entries))
    };
    let (old, new) = (bundle(3), bundle(4));
    let out = new.path.with_file_name("patch.airgap");
    let made = patch(&old.path, &new.path, &out).expect("it can be made");
    assert_eq!((made.blobs, made.left_out), (3, 2));
    let (whole_index, index) = (build(&new.path), build(&out));
    whole(&index);
    assert_eq!(index.airgap.format, "docker");
    assert!(index.entry("embedded-cluster/charts.tar.gz").is_some());
    for (before, after) in whole_index.images.iter().zip(&index.images) {
        assert_eq!((&before.reference, before.manifest), (&after.reference, after.manifest));
    }
}

#[test]
fn an_archive_that_skopeo_writes_is_read() {
    let site = site(3);
    let image = format!("oci:{}:quay.io/org/one:1.0", site.path("images").display());
    let archive = site.path("one.tar");
    let to = format!("docker-archive:{}:quay.io/org/one:1.0", archive.display());
    let ran = Command::new("skopeo").args(["--insecure-policy", "copy", &image, &to]).output();
    let Ok(ran) = ran else {
        skipped::skipped!("`skopeo` is not installed");
        return;
    };
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let saved = fs::read(&archive).expect("it was just written");
    let entries = vec![("images/docker-archive/quay.io/org/one/1.0".to_owned(), saved)];
    let yaml = airgap_yaml("docker-archive", &["quay.io/org/one:1.0"]);
    let index = build(&on_disk(&bundle_of(&yaml, &entries)).path);
    whole(&index);
    let [one, _] = two_images(3);
    let found = index.parts(&index.images[0]).blobs.iter().map(|it| it.digest).collect::<Vec<_>>();
    assert_eq!(found[1..], one.layers.iter().map(|it| Digest::of(it)).collect::<Vec<_>>());
}

#[test]
fn a_patch_needs_two_whole_bundles_of_one_application() {
    let (old, new) = (site(3), site(4));
    old.create(Layout::Storage, "a.airgap").expect("it can be made");
    new.create(Layout::Storage, "a.airgap").expect("it can be made");
    let out = new.path("patch.airgap");
    patch(&old.path("a.airgap"), &new.path("a.airgap"), &out).expect("it can be made");
    let text = new.refused(patch(&old.path("a.airgap"), &out, &new.path("twice.airgap")));
    assert_snapshot!(text, @"image `docker.io/library/all:2` is not whole: sha256:0715b79c2fbae5555649216dd077161337f7e33b408f43a0df6179f2a7879e42 is left out: the bundle is itself a patch");
    let yaml = airgap_yaml("docker", &["gone:1"]);
    let other = on_disk(&bundle_of(&yaml, &Vec::new()));
    assert_snapshot!(new.refused(patch(&old.path("a.airgap"), &other.path, &out)), @"image `gone:1` is not whole: it is not in the bundle (`images/docker/registry/v2/repositories/gone/_manifests/tags/1/current/link` is missing)");
    let other =
        on_disk(&bundle_of(&yaml.replace("appSlug: sample", "appSlug: other"), &Vec::new()));
    assert_snapshot!(new.refused(patch(&old.path("a.airgap"), &other.path, &out)), @"the bundles are of two applications, `sample` and `other`");
}
