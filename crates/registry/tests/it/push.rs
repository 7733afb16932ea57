//! Undisturbed pushes: what is there afterwards, what is sent and what is not.

use std::collections::BTreeSet;
use std::io::Read;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use airgap::Digest;
use bytes::Bytes;
use registry::push::{Options, PushError, Pushed, Source, SourceError, push};

use crate::images::{Images, Memory, manifests, mixed};
use crate::proxy::Proxy;
use crate::server::{Server, client, endpoint};
use crate::watch::Watch;

/// Parts small enough that blobs have many of them.
pub(crate) fn options() -> Options {
    Options { chunk: 64 << 10, chunks: 8, part: 64 << 10, ..Options::default() }
}

pub(crate) async fn push_to(
    port: u16,
    namespace: &str,
    images: &Images,
    options: Options,
    watch: &Arc<Watch>,
) -> Result<Pushed, PushError> {
    let endpoint = endpoint(port, namespace);
    let source = Arc::new(images.source());
    push(client(&endpoint), images.plan(&endpoint), source, options, Arc::clone(watch) as _).await
}

/// Everything in the registry is, byte by byte, what it was before.
pub(crate) fn assert_there(server: &Server, namespace: &str, images: &Images) {
    for (digest, bytes) in manifests(images) {
        assert_eq!(server.blob(&digest.hex()).as_deref(), Some(&bytes[..]), "manifest {digest}");
    }
    let links = server.links();
    for (name, manifests) in &images.all {
        let digest = manifests.last().expect("one").digest.to_string();
        let repository = name.rsplit('/').next().expect("a name");
        let (repository, link) = if let Some((repository, digest)) = repository.split_once('@') {
            (repository, format!("revisions/sha256/{}/link", &digest[7..]))
        } else {
            let (repository, tag) = repository.split_once(':').expect("a tag");
            (repository, format!("tags/{tag}/current/link"))
        };
        let path = format!("{namespace}/{repository}/_manifests/{link}");
        let found = links.iter().find(|it| it.0 == path).map(|it| it.1.clone());
        assert_eq!(found, Some(digest), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_there_byte_by_byte_and_the_second_push_sends_nothing() {
    let Some(server) = Server::plain() else { return };
    let proxy = Proxy::counting(server.port()).await;
    let (images, watch) = (mixed(1), Watch::new());
    let pushed = push_to(proxy.port, "a/b", &images, options(), &watch).await.expect("pushed");
    assert_there(&server, "a/b", &images);
    assert_eq!((pushed.pushed, pushed.present, pushed.passes), (9, 0, 1));
    // Each blob once, the shared ones taken over.
    assert_eq!(pushed.blobs, images.blob_count());
    assert_eq!(pushed.sent, images.size());
    assert_eq!(proxy.with(|it| it.uploaded), images.size());
    assert!(proxy.with(|it| it.confirmed.values().all(|it| *it == 1)));
    assert!(pushed.mounted >= 8, "{pushed:?}");
    watch.with(|it| {
        let last = it.last.as_ref().expect("progress");
        assert_eq!(last.done, last.total);
        assert_eq!(it.waits, 0, "{:?}", it.lines);
    });
    let before = proxy.with(|it| it.uploaded);
    let again = push_to(proxy.port, "a/b", &images, options(), &Watch::new()).await.expect("again");
    let expected = Pushed { present: 9, ..Pushed::default() };
    assert_eq!((again, proxy.with(|it| it.uploaded)), (expected, before));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_changed_layer_is_all_that_is_sent() {
    let Some(server) = Server::plain() else { return };
    let mut images = Images::new(3);
    let layers: Vec<_> = (0..5).map(|_| images.blob(200_000)).collect();
    let manifest = images.docker(layers.clone());
    images.image("quay.io/org/app:1", vec![manifest]);
    push_to(server.port(), "ns", &images, options(), &Watch::new()).await.expect("pushed");
    let changed = images.blob(123_456);
    let manifest = images.docker([&layers[..4], std::slice::from_ref(&changed)].concat());
    let config = manifest.blobs[0].size;
    images.all.clear();
    images.image("quay.io/org/app:2", vec![manifest]);
    let pushed =
        push_to(server.port(), "ns", &images, options(), &Watch::new()).await.expect("pushed");
    assert_eq!((pushed.blobs, pushed.sent), (2, changed.size + config));
    assert_there(&server, "ns", &images);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blob_that_the_registry_lost_is_sent_again_though_its_manifest_is_there() {
    let Some(server) = Server::plain() else { return };
    let mut images = Images::new(12);
    let layers: Vec<_> = (0..3).map(|_| images.blob(100_000)).collect();
    let manifest = images.docker(layers.clone());
    images.image("quay.io/org/app:1", vec![manifest]);
    push_to(server.port(), "ns", &images, options(), &Watch::new()).await.expect("pushed");
    server.lose(&layers[1].digest.hex());
    let again =
        push_to(server.port(), "ns", &images, options(), &Watch::new()).await.expect("pushed");
    assert_eq!((again.present, again.pushed, again.sent), (0, 1, layers[1].size));
    assert!(server.blob(&layers[1].digest.hex()).is_some());
}

/// Large parts as they are by default, through what refuses them.
#[tokio::test(flavor = "multi_thread")]
async fn parts_become_smaller_where_large_ones_are_refused() {
    let Some(server) = Server::plain() else { return };
    let proxy = Proxy::limiting(server.port(), 4 << 20).await;
    let mut images = Images::new(13);
    let layer = images.blob(40 << 20);
    let manifest = images.docker(vec![layer.clone()]);
    images.image("quay.io/org/app:1", vec![manifest]);
    let watch = Watch::new();
    let pushed = push_to(proxy.port, "ns", &images, Options::default(), &watch).await;
    assert_eq!(pushed.expect("pushed").passes, 1);
    assert!(proxy.with(|it| it.disturbed) > 0, "no part was large");
    assert_eq!(watch.with(|it| it.waits), 0);
    assert_there(&server, "ns", &images);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_wants_larger_parts_than_many_blobs_leave_room_for_gets_them() {
    let Some(server) = Server::plain() else { return };
    let least = 3 << 16;
    let proxy = Proxy::demanding(server.port(), least).await;
    let mut images = Images::new(14);
    for name in ["one", "two", "three", "four"] {
        let layer = images.blob(700_000);
        let manifest = images.docker(vec![layer]);
        images.image(&format!("quay.io/org/{name}:1"), vec![manifest]);
    }
    let watch = Watch::new();
    push_to(proxy.port, "ns", &images, options(), &watch).await.expect("pushed");
    assert_there(&server, "ns", &images);
    let parts = proxy.with(|it| it.parts.clone());
    assert!(parts.len() >= 4, "{parts:?}");
    for sizes in parts.values() {
        let (_, before) = sizes.split_last().expect("one part");
        assert!(before.iter().all(|it| least <= *it), "{parts:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn content_of_the_plan_needs_no_source() {
    let Some(server) = Server::plain() else { return };
    let mut images = Images::new(4);
    let mut manifest = images.oci(Vec::new());
    let config = Bytes::from_static(b"{}");
    manifest.blobs = vec![registry::push::Blob {
        digest: airgap::Digest::of(&config),
        size: 2,
        inline: Some(config),
    }];
    let text = format!(
        r#"{{"schemaVersion":2,"mediaType":"{}","config":{{"mediaType":"application/vnd.oci.empty.v1+json","digest":"{}","size":2}},"layers":[]}}"#,
        manifest.media_type, manifest.blobs[0].digest
    );
    manifest.bytes = text.into();
    manifest.digest = airgap::Digest::of(&manifest.bytes);
    images.image("quay.io/org/artifact:1", vec![manifest]);
    let endpoint = endpoint(server.port(), "");
    let source = Arc::new(images.source());
    let plan = images.plan(&endpoint);
    let watch: Arc<Watch> = Watch::new();
    let pushed = push(client(&endpoint), plan, Arc::clone(&source) as _, options(), watch)
        .await
        .expect("ok");
    assert_eq!((pushed.blobs, pushed.passes), (1, 0));
    assert_eq!(source.passes.load(Ordering::Relaxed), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_with_a_part_that_is_nowhere_fails_alone() {
    let Some(server) = Server::plain() else { return };
    let mut images = Images::new(5);
    let good = images.blob(1000);
    let manifest = images.docker(vec![good]);
    images.image("quay.io/org/good:1", vec![manifest]);
    let nowhere =
        registry::push::Blob { digest: airgap::Digest::of(b"nowhere"), size: 7, inline: None };
    let manifest = images.docker(vec![nowhere.clone()]);
    images.image("quay.io/org/bad:1", vec![manifest]);
    let watch = Watch::new();
    let error = push_to(server.port(), "ns", &images, options(), &watch).await.expect_err("one");
    let PushError::Images { failed, total } = &error else { panic!("{error:?}") };
    assert_eq!((failed.len(), *total), (1, 2));
    assert_eq!(
        failed[0].reason,
        format!(
            "blob {} is neither in the registry nor in the bundle (searched: ns/bad, ns/good)",
            nowhere.digest
        )
    );
    images.all.pop();
    assert_there(&server, "ns", &images);
}

/// Gives other bytes than it should; says so only when it is to compare them.
struct Other(Memory);

impl Source for Other {
    fn has(&self, digest: Digest) -> bool {
        self.0.has(digest)
    }

    fn pass(
        &self,
        wanted: &BTreeSet<Digest>,
        is_compared: bool,
        give: &mut dyn FnMut(Digest, &mut dyn Read) -> ControlFlow<()>,
    ) -> Result<(), SourceError> {
        if is_compared {
            return Err(std::io::Error::other("the bundle was changed").into());
        }
        self.0.pass(wanted, is_compared, &mut |digest, data| {
            let mut first = [0];
            let read = data.read(&mut first).expect("it is in memory");
            let first = [first[0] ^ 1];
            give(digest, &mut (&first[..read]).chain(data))
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_registry_finds_to_be_other_bytes_is_compared_here_and_named() {
    let Some(server) = Server::plain() else { return };
    let images = mixed(6);
    let endpoint = endpoint(server.port(), "ns");
    let source = Arc::new(Other(images.source()));
    let error = push(client(&endpoint), images.plan(&endpoint), source, options(), Watch::new())
        .await
        .expect_err("nothing is what it should be");
    assert!(matches!(error, PushError::Source(_)), "{error:?}");
    push_to(server.port(), "ns", &images, options(), &Watch::new()).await.expect("the next one");
    assert_there(&server, "ns", &images);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_changes_ends_the_push() {
    let Some(server) = Server::plain() else { return };
    let images = mixed(6);
    let endpoint = endpoint(server.port(), "ns");
    let mut source = images.source();
    source.cut = Some(70_000);
    let error =
        push(client(&endpoint), images.plan(&endpoint), Arc::new(source), options(), Watch::new())
            .await
            .expect_err("the source fails");
    assert!(matches!(error, PushError::Source(_)), "{error:?}");
    push_to(server.port(), "ns", &images, options(), &Watch::new()).await.expect("the next one");
    assert_there(&server, "ns", &images);
}
