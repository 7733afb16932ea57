//! Pushes from a source that leaves out what an earlier one brought.

use std::path::Path;
use std::sync::Arc;

use hyper::Method;
use registry::push::{Blob, Options, PushError, Pushed, push};

use crate::images::Images;
use crate::proxy::{Disturb, Proxy};
use crate::push::{assert_there, options, push_to};
use crate::server::{Server, client, endpoint};
use crate::watch::Watch;

/// An earlier release with an image that the next one does not have, but a layer of it.
async fn earlier(server: &Server, repositories: &Path) -> (Images, Blob) {
    let options = Options { repositories: Some(repositories.to_owned()), ..options() };
    let mut images = Images::new(30);
    let layer = images.blob(200_000);
    let manifest = images.docker(vec![layer.clone()]);
    images.image("quay.io/org/before:1", vec![manifest]);
    push_to(server.port(), "ns", &images, options, &Watch::new()).await.expect("pushed");
    images.all.clear();
    let own = images.blob(100_000);
    let manifest = images.docker(vec![layer.clone(), own]);
    images.image("quay.io/org/after:2", vec![manifest]);
    (images, layer)
}

async fn push_without(
    port: u16,
    images: &Images,
    left_out: &Blob,
    repositories: Option<&Path>,
) -> Result<Pushed, PushError> {
    let endpoint = endpoint(port, "ns");
    let mut source = images.source();
    source.leave_out(left_out.digest);
    let options = Options { repositories: repositories.map(Path::to_owned), ..options() };
    let plan = images.plan(&endpoint);
    push(client(&endpoint), plan, Arc::new(source), options, Watch::new()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_left_out_blob_is_found_in_a_repository_of_an_earlier_push() {
    let Some(server) = Server::plain() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let known = folder.path().join("known");
    let (images, layer) = earlier(&server, &known).await;
    let error = push_without(server.port(), &images, &layer, None).await.expect_err("unknown");
    let PushError::Images { failed, total: 1 } = &error else { panic!("{error:?}") };
    assert_eq!(
        failed[0].reason,
        format!(
            "blob {} is neither in the registry nor in the bundle (searched: ns/after)",
            layer.digest
        )
    );
    let pushed = push_without(server.port(), &images, &layer, Some(&known)).await.expect("pushed");
    assert_eq!((pushed.pushed, pushed.mounted), (1, 1));
    assert_there(&server, "ns", &images);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_takes_nothing_over_is_named_with_what_it_has_where() {
    let Some(server) = Server::plain() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let known = folder.path().join("known");
    let (images, layer) = earlier(&server, &known).await;
    let decide = |_: &Method, path: &str, _: usize| {
        if path.contains("mount=") { Disturb::Answer(405) } else { Disturb::Pass }
    };
    let proxy = Proxy::start(server.port(), Arc::new(decide)).await;
    let error = push_without(proxy.port, &images, &layer, Some(&known)).await.expect_err("no");
    let PushError::Images { failed, .. } = &error else { panic!("{error:?}") };
    assert_eq!(
        failed[0].reason,
        format!(
            "blob {} is not in the bundle; the registry has it in ns/before and does not take it over from there",
            layer.digest
        )
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_is_left_out_and_not_there_is_listed_and_what_to_push_first() {
    let Some(server) = Server::plain() else { return };
    let mut images = Images::new(33);
    let (one, other) = (images.blob(100), images.blob(200));
    let manifest = images.docker(vec![one.clone(), other.clone()]);
    images.image("quay.io/org/after:2", vec![manifest]);
    let endpoint = endpoint(server.port(), "ns");
    let mut source = images.source();
    source.leave_out(one.digest);
    source.leave_out(other.digest);
    let plan = images.plan(&endpoint);
    let pushed = push(client(&endpoint), plan, Arc::new(source), options(), Watch::new());
    let error = pushed.await.expect_err("both are nowhere");
    let PushError::Images { failed, total: 1 } = &error else { panic!("{error:?}") };
    let mut blobs = [one.digest.to_string(), other.digest.to_string()];
    blobs.sort();
    assert_eq!(
        failed[0].reason,
        format!(
            "blobs {} are neither in the registry nor in the bundle (searched: ns/after)",
            blobs.join(", ")
        )
    );
    assert!(!error.passes());
    let first = "push the bundle that the patch was made from to the same place first";
    assert!(error.hint().starts_with(first), "{}", error.hint());
}
