//! Puts the manifests of images whose blobs are there: those of a list first, the image's own last.

use futures::StreamExt as _;
use futures::stream;

use super::tally::ImageState;
use super::{Event, Pushed, Shared, Todo};
use crate::client::Fault;

/// Puts the manifests of every image that lacks nothing else.
pub(super) async fn put_complete(shared: &Shared, todo: &mut Todo, pushed: &mut Pushed) {
    let complete: Vec<usize> = todo
        .open
        .iter()
        .copied()
        .filter(|it| shared.plan.places(*it).all(|place| !todo.missing.contains(&place)))
        .collect();
    let mut ends = stream::iter(complete)
        .map(|image| async move { (image, put(shared, image).await) })
        .buffer_unordered(shared.options.parallelism);
    while let Some((image, end)) = ends.next().await {
        match end {
            Ok(()) => {
                todo.open.remove(&image);
                pushed.pushed += 1;
                shared.tally.set(image, ImageState::Uploaded);
                shared.tell(&Event::Pushed { image });
            }
            Err(fault) => todo.fail(shared, image, &fault.to_string(), Some(fault.clone())),
        }
    }
}

async fn put(shared: &Shared, image: usize) -> Result<(), Fault> {
    if shared.tally.start(image) {
        shared.tell(&Event::Started { image });
    }
    let it = &shared.plan.images()[image];
    shared.tally.waiting_for(format!("the manifest of {}", it.destination));
    let repository = &it.destination.repository;
    let own = it.manifests.len() - 1;
    for (at, manifest) in it.manifests.iter().enumerate() {
        let version =
            if at == own { it.destination.version_text() } else { manifest.digest.to_string() };
        let what = format!("put manifest {version} into {repository}");
        let attempt = || {
            shared.client.put_manifest(repository, &version, &manifest.media_type, &manifest.bytes)
        };
        shared.keep(&what, attempt).await?;
    }
    Ok(())
}
