//! Which images of the newest version are in a registry.

use std::sync::Arc;

use airgap::Reference;
use kinds::installation::KnownImage;
use registry::Destination;

use super::{ChangeError, StoredRegistry};
use crate::context::{Context, Shared};
use crate::http::reply::chain;
use crate::images::{self, copy::absent};
use crate::release::Version;
use crate::store::tasks::image_rewrite;
use crate::versions::unpack_tree;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The images that are not there, by the names they would be pulled by.
    pub(super) missing: Vec<String>,
    /// How many the version has.
    pub(super) total: usize,
}

/// Asks the registry for every image of the newest version.
///
/// # Errors
///
/// The registry does not answer, or what is stored cannot be read.
pub(super) async fn missing(
    shared: &Shared,
    app_id: &str,
    registry: &StoredRegistry,
) -> Result<Found, ChangeError> {
    let Some(newest) = shared.store.newest_version(app_id).await? else {
        return Ok(Found::default());
    };
    let known = {
        let shared = Arc::clone(shared);
        let read = move || known_images(&shared, &newest.tree_sha256);
        tokio::task::spawn_blocking(read).await.unwrap_or_else(|_| Err("a bug".to_owned()))
    };
    let known = known.map_err(|why| ChangeError::Tree { why })?;
    let (client, endpoint) = images::client(shared, registry)?;
    let mut wanted: Vec<Destination> = known
        .iter()
        .filter_map(|it| Reference::parse(&it.image).ok())
        .map(|it| Destination::of(&it, &endpoint))
        .collect();
    wanted.sort();
    wanted.dedup();
    let total = wanted.len();
    let task = image_rewrite(app_id);
    let message = format!("Looking for {total} images in the registry...");
    shared.store.task_running(&task, &shared.boot_id, &message).await?;

    let host = || registry.host.clone();
    let absent = absent(&client, wanted).await;
    let absent = absent.map_err(|fault| ChangeError::Access { host: host(), fault })?;
    Ok(Found { missing: absent.iter().map(ToString::to_string).collect(), total })
}

/// The images of the version in an archive; an error tells why they cannot be read.
fn known_images(shared: &Context, tree_sha256: &str) -> Result<Vec<KnownImage>, String> {
    let told = |error: &(dyn std::error::Error + 'static)| chain(error).join(": ");
    let work = shared.archives.work_folder().map_err(|error| told(&error))?;
    let tree = work.path().join("tree");
    unpack_tree(&shared.archives, tree_sha256, &tree).map_err(|error| told(&error))?;
    Ok(Version::open(&tree).map_err(|error| told(&error))?.installation.known_images)
}
