//! `Index::build`, `IndexStore` and `Sections` on bundles of every layout.

use std::{fmt::Write as _, io::Read, ops::ControlFlow, path::Path};

use airgap::{BundleError, Digest, Index, IndexStore, Limits, Sections};
use insta::assert_snapshot;

use crate::{
    images::{
        Entries, TestImage, airgap_yaml, bundle_at, bundle_of, layer, list, storage_blobs,
        storage_tag,
    },
    support::{archive, chain, on_disk},
};

fn build(path: &Path) -> Result<Index, BundleError> {
    Index::build(path, &Limits::default(), &mut |_| ControlFlow::Continue(()))
}

fn build_bytes(bytes: &[u8]) -> Result<Index, String> {
    build(&on_disk(bytes).path).map_err(|error| chain(&error))
}

/// The images with what they are made of and what is missing, a line each.
fn described(index: &Index) -> String {
    let mut text = String::new();
    for image in &index.images {
        let parts = index.parts(image);
        let (manifests, blobs) = (parts.manifests.len(), parts.blobs.len());
        let (name, expected) = (&image.reference, image.expected.len());
        writeln!(text, "{name}: {manifests} manifests, {blobs} blobs, {expected} expected")
            .expect("text takes all");
        for fault in &image.faults {
            writeln!(text, "  {fault}").expect("text takes all");
        }
    }
    text
}

/// Two images that share a layer, one of them in a list, in registry storage.
fn storage_bundle() -> (Vec<u8>, Entries) {
    let shared = layer(1, 70_000);
    let one = TestImage::new(vec![shared.clone(), layer(2, 3000)]);
    let two = TestImage::new(vec![shared, layer(3, 4000)]);
    let list = list(&[&one, &two]);
    let mut blobs = [one.blobs(), two.blobs()].concat();
    blobs.push(list.clone());
    let mut entries = storage_blobs("images", &blobs);
    entries.extend(storage_tag("images", "one", "1.0", &one.manifest()));
    entries.extend(storage_tag("images", "all", "latest", &list));
    let digest = Digest::of(&one.manifest());
    let names = ["quay.io/org/one:1.0", "all", &format!("quay.io/x/all@{digest}"), "gone:1", "A:b"];
    (bundle_of(&airgap_yaml("docker", &names), &entries), entries)
}

#[test]
fn registry_storage_is_indexed() {
    let (bytes, entries) = storage_bundle();
    let file = on_disk(&bytes);
    let index = build(&file.path).expect("a good bundle");
    assert_eq!(index.sha256, Digest::of(&bytes));
    assert_eq!(index.entries.len(), entries.len() + 2);
    for (entry, (name, data)) in index.entries[2..].iter().zip(&entries) {
        assert_eq!((&entry.name, entry.section.digest), (name, Digest::of(data)));
    }
    assert_snapshot!(described(&index), @r"
    quay.io/org/one:1.0: 1 manifests, 3 blobs, 0 expected
    all: 3 manifests, 5 blobs, 0 expected
    quay.io/x/all@sha256:03694fa893ba89fd3eab2d4ec5b0e75ca56196d81badf6eee3cf0d2b1d3bdea2: 1 manifests, 3 blobs, 0 expected
    gone:1: 0 manifests, 0 blobs, 0 expected
      it is not in the bundle (`images/docker/registry/v2/repositories/gone/_manifests/tags/1/current/link` is missing)
    A:b: 0 manifests, 0 blobs, 0 expected
      `A:b` is not a name of an image: its path may hold lower-case letters, digits, and `.`, `_`, `-` between them
    ");
    assert_eq!(index.check().expect("it has a release").app_files, 2);

    let wanted = index.entries[2..].iter().map(|it| it.section);
    let mut sections = Sections::open(&file.path, &index, wanted).expect("the same bundle");
    for (_, data) in &entries {
        let section = sections.next_section().expect("the same bundle").expect("one is left");
        assert_eq!(section.digest, Digest::of(data));
        let mut read = Vec::new();
        sections.read_to_end(&mut read).expect("the same bundle");
        assert!(read == *data);
    }
    assert_eq!(sections.next_section().expect("the same bundle"), None);
}

#[test]
fn saved_images_are_indexed_with_a_manifest_made_from_their_parts() {
    let image = TestImage::new(vec![layer(1, 5000), layer(2, 700)]);
    let entries = vec![
        ("images/docker-archive/quay.io/org/one/1.0".to_owned(), image.saved("one:1.0")),
        ("images/docker-archive/docker.io/library/two/2".to_owned(), image.saved("two:2")),
    ];
    let yaml = airgap_yaml("docker-archive", &["quay.io/org/one:1.0", "three:3"]);
    let file = on_disk(&bundle_of(&yaml, &entries));
    let index = build(&file.path).expect("a good bundle");
    assert_snapshot!(described(&index), @r"
    quay.io/org/one:1.0: 1 manifests, 3 blobs, 0 expected
    three:3: 0 manifests, 0 blobs, 0 expected
      it is not in the bundle (`images/docker-archive/docker.io/library/three/3` is missing)
    docker.io/library/two:2: 1 manifests, 3 blobs, 0 expected
    ");
    let parts = index.parts(&index.images[0]);
    assert_snapshot!(String::from_utf8_lossy(&parts.manifests[0].bytes), @r#"{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json","config":{"mediaType":"application/vnd.docker.container.image.v1+json","size":225,"digest":"sha256:e3ecfd4492f001b98c491084250cdb2b55a80ad5dae218ce6ffb5a17cb72f2e9"},"layers":[{"mediaType":"application/vnd.docker.image.rootfs.diff.tar","size":5000,"digest":"sha256:3bfdaebde9d419220651f9eab9a6041dc7f9baa1178d9b99ed1b6b72917ee3a7"},{"mediaType":"application/vnd.docker.image.rootfs.diff.tar","size":700,"digest":"sha256:d734f4000219bb4f9e1825bc0a98b288c3ec03af0a71da714dbb610a2fcb8737"}]}"#);

    let wanted = parts.blobs.iter().map(|it| index.blobs[&it.digest]);
    let mut sections = Sections::open(&file.path, &index, wanted).expect("the same bundle");
    let mut found = Vec::new();
    while sections.next_section().expect("the same bundle").is_some() {
        let mut data = Vec::new();
        sections.read_to_end(&mut data).expect("the same bundle");
        found.push(data);
    }
    assert!(found == [image.layers.clone(), vec![image.config.clone()]].concat());
}

#[test]
fn an_oci_layout_is_indexed() {
    let image = TestImage::new(vec![layer(1, 5000)]);
    let manifest = image.manifest();
    let mut entries: Entries =
        vec![("images/oci-layout".into(), b"{\"imageLayoutVersion\":\"1.0.0\"}".into())];
    let descriptor = |name: &str, manifest: &[u8]| {
        format!(
            r#"{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{}","size":{},"annotations":{{"org.opencontainers.image.ref.name":"{name}"}}}}"#,
            Digest::of(manifest),
            manifest.len()
        )
    };
    let other = TestImage::new(vec![layer(2, 500)]).manifest();
    let all = [
        descriptor("quay.io/org/one:1.0", &manifest),
        descriptor("double:1", &manifest),
        descriptor("docker.io/library/double:1", &other),
    ];
    let text = format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, all.join(","));
    entries.push(("images/index.json".into(), text.into_bytes()));
    for blob in image.blobs() {
        entries.push((format!("images/blobs/sha256/{}", Digest::of(&blob).hex()), blob));
    }
    let yaml = airgap_yaml("oci", &["quay.io/org/one:1.0", "double:1", "quay.io/org/two:1"]);
    let index = build_bytes(&bundle_of(&yaml, &entries)).expect("a good bundle");
    assert_snapshot!(described(&index), @r"
    quay.io/org/one:1.0: 1 manifests, 2 blobs, 0 expected
    double:1: 0 manifests, 0 blobs, 0 expected
      `images/index.json` has several images of that name
    quay.io/org/two:1: 0 manifests, 0 blobs, 0 expected
      it is not in the bundle (`images/index.json` is missing)
    ");
}

#[test]
fn what_is_missing_is_named() {
    let image = TestImage::new(vec![layer(1, 5000), layer(2, 700)]);
    let list = list(&[&image]);
    let yaml = airgap_yaml("docker", &["one:1.0"]);
    let without = |gone: &[u8]| {
        let mut blobs = image.blobs();
        blobs.push(list.clone());
        blobs.retain(|it| it != gone);
        let mut entries = storage_blobs("images", &blobs);
        entries.extend(storage_tag("images", "one", "1.0", &list));
        described(&build_bytes(&bundle_of(&yaml, &entries)).expect("a good bundle"))
    };
    assert_snapshot!(without(b""), @"one:1.0: 2 manifests, 3 blobs, 0 expected");
    assert_snapshot!(without(&image.layers[1]), @r"
    one:1.0: 2 manifests, 3 blobs, 0 expected
      blob sha256:d734f4000219bb4f9e1825bc0a98b288c3ec03af0a71da714dbb610a2fcb8737 of 700 bytes is not in the bundle
    ");
    assert_snapshot!(without(&image.config), @r"
    one:1.0: 2 manifests, 3 blobs, 0 expected
      blob sha256:e3ecfd4492f001b98c491084250cdb2b55a80ad5dae218ce6ffb5a17cb72f2e9 of 225 bytes is not in the bundle
    ");
    assert_snapshot!(without(&image.manifest()), @r"
    one:1.0: 1 manifests, 0 blobs, 0 expected
      manifest sha256:cfcc6e691fb198e5739e44d115670151f3d8cddabdbdc3d58cc8ac43470ed6d6 is not in the bundle
    ");
    assert_snapshot!(without(&list), @r"
    one:1.0: 0 manifests, 0 blobs, 0 expected
      manifest sha256:cce305b629f99db4f18c126fb51289c47c7f078dd65172fcbe820382a35b160f is not in the bundle
    ");
}

#[test]
fn a_bundle_without_a_release_has_its_images() {
    let image = TestImage::new(vec![layer(1, 500)]);
    let mut entries = storage_blobs("images", &image.blobs());
    entries.extend(storage_tag("images", "one", "1.0", &image.manifest()));
    let yaml = airgap_yaml("docker", &["one:1.0"]);
    entries.insert(0, ("airgap.yaml".to_owned(), yaml.into_bytes()));
    let named: Vec<_> = entries.iter().map(|(name, data)| (name.as_str(), &data[..])).collect();
    let index = build_bytes(&archive(&named)).expect("images are enough");
    assert_eq!(described(&index), "one:1.0: 1 manifests, 2 blobs, 0 expected\n");
    assert_eq!(index.release(), None);
    let error = index.check().expect_err("there is no release");
    assert_snapshot!(chain(&error), @"failed to get file app.tar.gz from airgap: file not found in archive (it holds images/)");
}

#[test]
fn content_that_is_not_what_its_name_says_is_refused() {
    let image = TestImage::new(vec![layer(1, 50)]);
    let yaml = airgap_yaml("docker", &["one:1.0"]);
    for at in 0..3 {
        let mut entries = storage_blobs("images", &image.blobs());
        entries[at].1[10] ^= 1;
        let error = build_bytes(&bundle_of(&yaml, &entries)).expect_err("refused");
        assert!(error.starts_with(&format!("refused entry `{}` of", entries[at].0)), "{error}");
        assert!(
            error.contains(&format!("its content is {}", Digest::of(&entries[at].1))),
            "{error}"
        );
    }
}

#[test]
fn a_saved_image_that_is_not_one_is_refused_by_its_fault() {
    let image = TestImage::new(vec![layer(1, 5000)]);
    let refused = |path: &str, bytes: Vec<u8>| {
        let entries = vec![(format!("images/docker-archive/{path}"), bytes)];
        let yaml = airgap_yaml("docker-archive", &["quay.io/org/one:1.0"]);
        build_bytes(&bundle_of(&yaml, &entries)).expect_err("refused")
    };
    let path = "quay.io/org/one/1.0";
    let other = TestImage { layers: vec![layer(2, 5000)], ..image.clone() };
    let fewer = TestImage { layers: Vec::new(), ..image.clone() };
    let saved = image.saved("one:1.0");
    assert_snapshot!(refused(path, other.saved("one:1.0")), @"refused entry `images/docker-archive/quay.io/org/one/1.0` of airgap bundle: its config says layer `0/layer.tar` is sha256:3bfdaebde9d419220651f9eab9a6041dc7f9baa1178d9b99ed1b6b72917ee3a7, its content is sha256:5cf4867bd95a7130e8954ddce563fdd6d25c3b0335e5f87453093b4558a1aa76");
    assert_snapshot!(refused(path, fewer.saved("one:1.0")), @"refused entry `images/docker-archive/quay.io/org/one/1.0` of airgap bundle: its config names 1 layers, its manifest.json 0");
    assert_snapshot!(refused("one/1.0", saved.clone()), @"refused entry `images/docker-archive/one/1.0` of airgap bundle: its path is not that of an image: HOST/PATH/TAG or HOST/PATH/sha256/HEX");
    assert_snapshot!(refused(path, saved[..2000].to_vec()), @"failed to read image `images/docker-archive/quay.io/org/one/1.0` in airgap bundle: cut short: the tar ends after 2000 bytes, inside `3bfdaebde9d419220651f9eab9a6041dc7f9baa1178d9b99ed1b6b72917ee3a7.tar`");
    assert_snapshot!(refused(path, saved[..5632].to_vec()), @"refused entry `images/docker-archive/quay.io/org/one/1.0` of airgap bundle: it holds no manifest.json: not an image saved by docker");
    assert_snapshot!(refused(path, vec![7; 2000]), @"failed to read image `images/docker-archive/quay.io/org/one/1.0` in airgap bundle: not a sound tar archive: at byte 0, the header's checksum does not match");
    assert_snapshot!(refused(path, crate::support::archive(&[("manifest.json", b"[]")])), @"refused entry `images/docker-archive/quay.io/org/one/1.0` of airgap bundle: it is compressed a second time");
}

#[test]
fn a_bundle_cut_anywhere_is_refused_with_the_entry_it_ends_in() {
    let (bytes, _) = storage_bundle();
    for at in (0..64).map(|it| bytes.len() * it / 64) {
        let error = build_bytes(&bytes[..at]).expect_err("refused");
        let is_named = error.contains("at or after entry `") || error.contains("inside `");
        // The first bytes belong to no entry.
        assert!(is_named || at < 600, "at {at}: {error}");
        assert!(error.contains("cut short") || at == 0, "at {at}: {error}");
    }
}

#[test]
fn a_flipped_bit_anywhere_is_refused_or_means_nothing() {
    let (bytes, _) = storage_bundle();
    let good = build_bytes(&bytes).expect("a good bundle");
    let mut unseen = 0;
    // Every byte of the ends, some of the middle, one bit each.
    let some = (0..bytes.len()).filter(|at| *at < 300 || at % 499 == 0 || at + 300 > bytes.len());
    for at in some {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        match build_bytes(&damaged) {
            Err(error) => assert!(
                // The first bytes say how all others are to be read.
                error.contains('`') || at < 300,
                "at {at}: {error}"
            ),
            // Time and system in the header of gzip, and the bits that fill a byte before stored data.
            Ok(index) => {
                unseen += 1;
                assert_eq!(index.entries, good.entries);
            }
        }
    }
    assert!(unseen < 20, "{unseen} flipped bits were not seen");
}

#[test]
fn an_index_is_kept_and_used_without_a_pass() {
    let (bytes, _) = storage_bundle();
    let file = on_disk(&bytes);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = IndexStore::new(folder.path().join("indexes"));
    let limits = Limits::default();
    // Not old enough to be known by its times: both runs read it.
    let mut passes = 0;
    let mut open = |store: &IndexStore| {
        let mut reads = 0;
        let index = store.open(&file.path, &limits, &mut |_| {
            reads += 1;
            ControlFlow::Continue(())
        });
        passes += u32::from(reads > 0);
        (index.expect("a good bundle"), passes)
    };
    let (first, _) = open(&store);
    assert_eq!(store.kept(&file.path, &limits).expect("it is there"), None);
    let settled = || {
        let changed = std::os::unix::fs::MetadataExt::ctime(&file.path.metadata().expect("a file"));
        let now = std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_secs();
        i64::try_from(now).expect("not so late") - changed > 2
    };
    // Time has to pass for a file to be old.
    while !settled() {
        std::thread::yield_now();
    }
    let (second, passes) = open(&store);
    assert_eq!((&second, passes), (&first, 2));
    let (third, passes) = open(&store);
    assert_eq!((&third, passes), (&first, 2));

    // Damage to what is kept costs a pass, never an error.
    for kept in std::fs::read_dir(folder.path().join("indexes")).expect("it is there") {
        let path = kept.expect("it is there").path();
        let mut text = std::fs::read(&path).expect("it is there");
        *text.last_mut().expect("it is not empty") ^= 1;
        std::fs::write(&path, text).expect("it is ours");
    }
    let (fourth, passes) = open(&store);
    assert_eq!((&fourth, passes), (&first, 3));

    // Another content under the same name, size and time.
    let time = file.path.metadata().and_then(|it| it.modified()).expect("a file");
    let mut other = bytes;
    other[5] ^= 1;
    std::fs::write(&file.path, &other).expect("it is ours");
    let handle = std::fs::File::options().write(true).open(&file.path).expect("it is there");
    handle.set_modified(time).expect("it is ours");
    assert_eq!(store.kept(&file.path, &limits).expect("it is there"), None);
    assert!(matches!(Sections::open(&file.path, &fourth, []), Err(BundleError::Changed)));
}

#[test]
fn a_copy_of_a_known_bundle_is_recognised_by_its_digest() {
    let image = TestImage::new(vec![layer(1, 1 << 20)]);
    let mut entries = storage_blobs("images", &image.blobs());
    entries.extend(storage_tag("images", "one", "1.0", &image.manifest()));
    let bytes = bundle_at(0, &airgap_yaml("docker", &["one:1.0"]), &entries);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = IndexStore::new(folder.path().join("indexes"));
    let open = |bytes: &[u8]| {
        let file = on_disk(bytes);
        store.open(&file.path, &Limits::default(), &mut |_| ControlFlow::Continue(()))
    };
    let first = open(&bytes).expect("a good bundle");
    let copy = open(&bytes).expect("the same bundle");
    assert_eq!((copy.sha256, &copy.entries), (first.sha256, &first.entries));
    // The same size, start and end, and something else between them.
    let mut other = bytes;
    let middle = other.len() / 2;
    other[middle] ^= 1;
    let error = open(&other).expect_err("it is damaged");
    assert!(error.to_string().contains("blobs/sha256"), "{error}");
}

#[test]
fn a_large_section_is_entered_at_its_member() {
    let layers: Vec<_> = (1..5).map(|it| layer(it, 6 << 20)).collect();
    let image = TestImage::new(layers.clone());
    let mut entries = storage_blobs("images", &image.blobs());
    entries.extend(storage_tag("images", "one", "1.0", &image.manifest()));
    let file = on_disk(&bundle_at(0, &airgap_yaml("docker", &["one:1.0"]), &entries));
    let index = build(&file.path).expect("a good bundle");
    assert!(index.images[0].faults.is_empty());
    let wanted = [&layers[3], &layers[1]].map(|it| index.blobs[&Digest::of(it)]);
    let mut sections = Sections::open(&file.path, &index, wanted).expect("the same bundle");
    for want in [&layers[1], &layers[3]] {
        sections.next_section().expect("the same bundle").expect("one is left");
        let mut read = Vec::new();
        sections.read_to_end(&mut read).expect("the same bundle");
        assert!(read == *want);
    }
}

#[test]
fn a_stream_of_one_member_is_read_in_several_places_at_once() {
    let layers: Vec<_> = (1..9).map(|it| layer(it, 6 << 20)).collect();
    let image = TestImage::new(layers.clone());
    let mut entries = storage_blobs("images", &image.blobs());
    entries.extend(storage_tag("images", "one", "1.0", &image.manifest()));
    let members = bundle_at(0, &airgap_yaml("docker", &["one:1.0"]), &entries);
    let mut plain = flate2::read::MultiGzDecoder::new(&members[..]);
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::copy(&mut plain, &mut encoder).expect("it is in memory");
    let file = on_disk(&encoder.finish().expect("it is in memory"));

    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = IndexStore::new(folder.path().join("indexes"));
    let mut reads = 0;
    let mut open = || {
        let go_on = &mut |_| {
            reads += 1;
            ControlFlow::Continue(())
        };
        store.open(&file.path, &Limits::default(), go_on).expect("a good bundle")
    };
    for index in [open(), open()] {
        let wanted: Vec<_> = layers.iter().map(|it| index.blobs[&Digest::of(it)]).collect();
        let runs = Sections::runs(&index, wanted.iter().copied(), 3);
        assert_eq!(runs.iter().map(Vec::len).collect::<Vec<_>>(), [3, 2, 3]);
        std::thread::scope(|scope| {
            for run in runs {
                let (file, index, layers) = (&file, &index, &layers);
                scope.spawn(move || {
                    let mut sections = Sections::open(&file.path, index, run).expect("the same");
                    while let Some(section) = sections.next_section().expect("the same bundle") {
                        let mut read = Vec::new();
                        sections.read_to_end(&mut read).expect("the same bundle");
                        let want = layers.iter().find(|it| Digest::of(it) == section.digest);
                        assert!(want == Some(&read));
                    }
                });
            }
        });
        // Where it can be entered only at its start, it is read by one.
        assert_eq!(Sections::runs(&index, wanted[..1].iter().copied(), 4).len(), 1);
    }
}
