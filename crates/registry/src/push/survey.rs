//! Looks what a registry has, and whether we may push what it lacks, before anything is sent.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::StreamExt as _;
use futures::stream;

use super::plan::Place;
use super::{Event, PushError, Pushed, Shared, Source, Todo};
use crate::client::{Fault, Mounted};
use crate::push::tally::ImageState;
use airgap::Digest;

/// Questions asked at once.
const QUESTIONS: usize = 8;

/// Finds out what is to be done.
///
/// # Errors
///
/// [`PushError::Access`] when the registry is none, or does not let us in, or lets us push nothing at all.
pub(super) async fn look(
    shared: &Arc<Shared>,
    source: &dyn Source,
    pushed: &mut Pushed,
) -> Result<Todo, PushError> {
    shared.keep("reach the registry", || shared.client.ping()).await.map_err(PushError::Access)?;
    let mut todo = Todo { open: (0..shared.plan.images().len()).collect(), ..Todo::default() };
    let named = manifests(shared, &mut todo).await;
    blobs(shared, &mut todo).await;
    present(shared, &named, &mut todo, pushed);
    sourced(shared, source, &mut todo).await;
    permission(shared, &mut todo).await;
    let nothing = todo.open.is_empty() && pushed.present == 0;
    match todo.failed.values().next() {
        // One reason for all is one error.
        Some((reason, Some(fault)))
            if nothing
                && !matches!(fault, Fault::LeftOut { .. })
                && todo.failed.values().all(|(other, _)| other == reason) =>
        {
            Err(PushError::Access(fault.clone()))
        }
        _ => Ok(todo),
    }
}

/// How many images are not there, with all their manifests and blobs. Changes nothing.
pub(super) async fn missing(shared: &Shared) -> Result<usize, Fault> {
    shared.keep("reach the registry", || shared.client.ping()).await?;
    let mut there = BTreeSet::new();
    for (image, found) in ask_manifests(shared).await {
        if found? {
            there.insert(image);
        }
    }
    for (place, found) in ask_blobs(shared, shared.plan.needed(&there)).await {
        if !found? {
            for image in shared.plan.users(&place) {
                there.remove(&image);
            }
        }
    }
    Ok(shared.plan.images().len() - there.len())
}

/// Images whose manifests are there already. A manifest does not prove its blobs: registries lose some.
async fn manifests(shared: &Shared, todo: &mut Todo) -> BTreeSet<usize> {
    let mut named = BTreeSet::new();
    for (image, found) in ask_manifests(shared).await {
        match found {
            Ok(true) => drop(named.insert(image)),
            Ok(false) => {}
            Err(fault) => todo.fail(shared, image, &fault.to_string(), Some(fault.clone())),
        }
    }
    named
}

async fn ask_manifests(shared: &Shared) -> Vec<(usize, Result<bool, Fault>)> {
    stream::iter(0..shared.plan.images().len())
        .map(|image| async move { (image, is_named(shared, image).await) })
        .buffered(QUESTIONS)
        .collect()
        .await
}

/// Whether all manifests of an image are there, its own under its name.
async fn is_named(shared: &Shared, image: usize) -> Result<bool, Fault> {
    let it = &shared.plan.images()[image];
    let repository = &it.destination.repository;
    let what = format!("look for {}", it.destination);
    let versions = std::iter::once((it.destination.version_text(), it.top().digest));
    let parts = it.manifests.iter().rev().skip(1).map(|it| (it.digest.to_string(), it.digest));
    for (version, digest) in versions.chain(parts) {
        let asked = || shared.client.manifest(repository, &version);
        if shared.keep(&what, asked).await? != Some(digest) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Which blobs are missing.
async fn blobs(shared: &Shared, todo: &mut Todo) {
    for (place, found) in ask_blobs(shared, shared.plan.needed(&todo.open)).await {
        match found {
            Ok(true) => {
                shared.tally.there(&place);
                todo.there(&place);
            }
            Ok(false) => drop(todo.missing.insert(place)),
            Err(fault) => {
                let reason = fault.to_string();
                todo.fail_place(shared, &place, &reason, Some(&fault));
            }
        }
    }
    todo.missing.iter().for_each(|it| shared.tally.missing(it));
}

async fn ask_blobs(
    shared: &Shared,
    places: impl IntoIterator<Item = Place>,
) -> Vec<(Place, Result<bool, Fault>)> {
    stream::iter(places)
        .map(|place| async move {
            let what = format!("look for blob {} in {}", place.digest, place.repository);
            let asked = || shared.client.has_blob(&place.repository, place.digest);
            let found = shared.keep(&what, asked).await;
            (place, found)
        })
        .buffered(QUESTIONS)
        .collect()
        .await
}

/// Takes out the images of which everything is there.
fn present(shared: &Shared, named: &BTreeSet<usize>, todo: &mut Todo, pushed: &mut Pushed) {
    for image in named.iter().copied() {
        let lacks = shared.plan.places(image).any(|it| todo.missing.contains(&it));
        if !lacks && todo.open.remove(&image) {
            pushed.present += 1;
            shared.tally.set(image, ImageState::Uploaded);
            shared.tell(&Event::Present { image });
        }
    }
}

/// Looks further for parts that the source does not have, and ends the images of which one is nowhere. A patch leaves
/// out what an earlier push has brought, perhaps as part of another image.
async fn sourced(shared: &Shared, source: &dyn Source, todo: &mut Todo) {
    let lacking: Vec<Place> = todo
        .missing
        .iter()
        .filter(|it| !source.has(it.digest) && shared.plan.inline(it.digest).is_none())
        .cloned()
        .collect();
    let lost: BTreeSet<Digest> =
        lacking.iter().map(|it| it.digest).filter(|it| !todo.have.contains_key(it)).collect();
    let known = shared.repositories.known();
    let planned = (0..shared.plan.images().len()).map(|it| shared.plan.repository(it).to_string());
    let elsewhere: BTreeSet<String> = planned.chain(known).collect();
    let mut asked = stream::iter(lost)
        .map(|digest| {
            let elsewhere = &elsewhere;
            async move { (digest, find(shared, digest, elsewhere).await) }
        })
        .buffered(QUESTIONS);
    while let Some((digest, found)) = asked.next().await {
        if let Some(repository) = found {
            todo.have.entry(digest).or_default().insert(repository);
        }
    }
    drop(asked);
    let searched = elsewhere.into_iter().collect::<Vec<_>>().join(", ");
    let nowhere: Vec<Place> =
        lacking.into_iter().filter(|it| !todo.have.contains_key(&it.digest)).collect();
    fail_lacking(shared, todo, &nowhere, |blobs, are| {
        format!("{blobs} {are} neither in the registry nor in the bundle (searched: {searched})")
    });
}

/// Ends the images that need `places`, each with all that it lacks.
fn fail_lacking(
    shared: &Shared,
    todo: &mut Todo,
    places: &[Place],
    words: impl Fn(&str, &str) -> String,
) {
    let mut lacks: BTreeMap<usize, BTreeSet<Digest>> = BTreeMap::new();
    for place in places {
        for image in shared.plan.users(place) {
            lacks.entry(image).or_default().insert(place.digest);
        }
    }
    for (image, digests) in lacks {
        let names: Vec<_> = digests.iter().map(ToString::to_string).collect();
        let what = match names.as_slice() {
            [one] => words(&format!("blob {one}"), "is"),
            all => words(&format!("blobs {}", all.join(", ")), "are"),
        };
        todo.fail(shared, image, &what, Some(Fault::LeftOut { what: what.clone() }));
    }
}

/// A repository that has a blob.
async fn find(shared: &Shared, digest: Digest, repositories: &BTreeSet<String>) -> Option<String> {
    for repository in repositories {
        let what = format!("look for blob {digest} in {repository}");
        let asked = || shared.client.has_blob(repository, digest);
        // One that cannot be looked into, or is not there any more, does not have it.
        if shared.keep(&what, asked).await.unwrap_or(false) {
            return Some(repository.clone());
        }
    }
    None
}

/// Ends the images that need a blob which the registry has elsewhere, does not take over, and the source does not have.
pub(super) fn not_taken_over(shared: &Shared, source: &dyn Source, todo: &mut Todo) {
    if !todo.no_mounts {
        return;
    }
    let lacking: Vec<Place> = todo
        .missing
        .iter()
        .filter(|it| !source.has(it.digest) && shared.plan.inline(it.digest).is_none())
        .cloned()
        .collect();
    let at = lacking.iter().filter_map(|it| todo.have.get(&it.digest)).flatten().cloned();
    let at = at.collect::<BTreeSet<String>>().into_iter().collect::<Vec<_>>().join(", ");
    fail_lacking(shared, todo, &lacking, |blobs, are| {
        let them = if are == "is" { "it" } else { "them" };
        format!(
            "{blobs} {are} not in the bundle; the registry has {them} in {at} and does not take {them} over from there"
        )
    });
}

/// Begins and gives up an upload in every repository that something is to go to.
async fn permission(shared: &Shared, todo: &mut Todo) {
    let repositories: BTreeSet<&Arc<str>> =
        todo.open.iter().map(|it| shared.plan.repository(*it)).collect();
    let found: Vec<(Arc<str>, Result<(), Fault>)> = stream::iter(repositories.into_iter().cloned())
        .map(|repository| async move {
            let what = format!("check the permission to push to {repository}");
            let begun = shared.keep(&what, || shared.client.begin(&repository)).await;
            let end = match begun {
                Ok(session) => {
                    shared.client.cancel(&repository, &session.location).await;
                    Ok(())
                }
                Err(fault) => Err(fault),
            };
            (repository, end)
        })
        .buffered(QUESTIONS)
        .collect()
        .await;
    for (repository, end) in found {
        let Err(fault) = end else { continue };
        let images: Vec<usize> = todo
            .open
            .iter()
            .copied()
            .filter(|it| *shared.plan.repository(*it) == repository)
            .collect();
        for image in images {
            let reason = format!("no permission to push to {repository}: {fault}");
            todo.fail(shared, image, &reason, Some(fault.clone()));
        }
    }
}

/// Has the registry take over missing blobs that it has elsewhere.
pub(super) async fn mount(shared: &Shared, todo: &mut Todo, pushed: &mut Pushed) {
    if todo.no_mounts {
        return;
    }
    let mounts: Vec<(Place, String)> = todo
        .missing
        .iter()
        .filter_map(|it| {
            let from = todo.have.get(&it.digest)?.iter().find(|at| **at != *it.repository)?;
            Some((it.clone(), from.clone()))
        })
        .collect();
    let mut ends = stream::iter(mounts)
        .map(|(place, from)| async move {
            let what = format!("take blob {} over into {}", place.digest, place.repository);
            let attempt = || shared.client.mount(&place.repository, place.digest, &from);
            let end = shared.keep(&what, attempt).await;
            (place, end)
        })
        .buffer_unordered(QUESTIONS);
    while let Some((place, end)) = ends.next().await {
        match end {
            Ok(Mounted::Done) => {
                pushed.mounted += 1;
                shared.tally.there(&place);
                todo.there(&place);
                shared.tell(&Event::Progress);
            }
            Ok(Mounted::Refused) => todo.no_mounts = true,
            Err(fault) => {
                let reason = fault.to_string();
                todo.fail_place(shared, &place, &reason, Some(&fault));
            }
        }
    }
}
