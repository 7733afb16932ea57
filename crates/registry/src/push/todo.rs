//! What a push has still to do, and what becomes of an image for which that cannot be done.

use std::collections::{BTreeMap, BTreeSet};

use super::plan::Place;
use super::tally::ImageState;
use super::{Event, Shared};
use crate::client::Fault;
use airgap::Digest;

/// What is still to be done.
#[derive(Debug, Default)]
pub(super) struct Todo {
    /// Blobs that are missing, where.
    pub(super) missing: BTreeSet<Place>,
    /// Repositories known to have a blob.
    pub(super) have: BTreeMap<Digest, BTreeSet<String>>,
    /// Images that are not there yet.
    pub(super) open: BTreeSet<usize>,
    /// Images that will not come to be there.
    pub(super) failed: BTreeMap<usize, (String, Option<Fault>)>,
    /// The registry does not take blobs over from other repositories.
    pub(super) no_mounts: bool,
}

impl Todo {
    /// Ends an image.
    pub(super) fn fail(
        &mut self,
        shared: &Shared,
        image: usize,
        reason: &str,
        fault: Option<Fault>,
    ) {
        if !self.open.remove(&image) {
            return;
        }
        shared.tally.set(image, ImageState::Failed(reason.to_owned()));
        shared.tell(&Event::Failed { image, reason });
        self.failed.insert(image, (reason.to_owned(), fault));
        // What only this image needs is not worth sending any more.
        let still = shared.plan.needed(&self.open);
        self.missing.retain(|it| still.contains(it));
    }

    /// Ends every image that needs a blob in a repository.
    pub(super) fn fail_place(
        &mut self,
        shared: &Shared,
        place: &Place,
        reason: &str,
        fault: Option<&Fault>,
    ) {
        for image in shared.plan.users(place) {
            self.fail(shared, image, reason, fault.cloned());
        }
    }

    /// A blob is there.
    pub(super) fn there(&mut self, place: &Place) {
        self.missing.remove(place);
        self.have.entry(place.digest).or_default().insert(place.repository.to_string());
    }
}
