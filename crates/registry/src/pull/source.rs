//! Images of registries as what is pushed to another.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::io::{self, BufRead as _, BufReader, Read};
use std::ops::ControlFlow;

use airgap::make::ImageSource as _;
use airgap::{Digest, Manifest};
use sha2::{Digest as _, Sha256};

use super::{RegistryImages, Watch};
use crate::name::Destination;
use crate::push::{self, Image, Kind, Plan, PlanError, Source, SourceError};

impl<W: Watch> RegistryImages<W> {
    /// What goes where: the images in the order in which they were wanted, each to its destination.
    ///
    /// # Errors
    ///
    /// Everything that makes it impossible: two images that would become one.
    ///
    /// # Panics
    ///
    /// When there is not one destination for each image.
    pub fn plan(&self, destinations: Vec<Destination>) -> Result<Plan, Vec<PlanError>> {
        assert_eq!(self.images.len(), destinations.len(), "every image goes somewhere");
        let images = self.images.iter().zip(destinations).map(|((name, root), destination)| {
            let mut manifests = Vec::new();
            self.collect(*root, &mut BTreeSet::new(), &mut manifests);
            Image { kind: Kind::Application, name: name.clone(), destination, manifests }
        });
        Plan::new(images.collect())
    }

    /// The manifests of an image, those of a list before the list.
    fn collect(
        &self,
        digest: Digest,
        seen: &mut BTreeSet<Digest>,
        found: &mut Vec<push::Manifest>,
    ) {
        let Some(manifest) = self.manifests.get(&digest).filter(|_| seen.insert(digest)) else {
            return;
        };
        for part in &manifest.manifests {
            self.collect(part.digest, seen, found);
        }
        found.push(of_pushed(manifest));
    }
}

fn of_pushed(manifest: &Manifest) -> push::Manifest {
    let blobs = manifest.blobs.iter().filter(|it| !it.foreign);
    push::Manifest {
        digest: manifest.digest,
        media_type: manifest.media_type.clone(),
        bytes: manifest.bytes.clone().into(),
        blobs: blobs
            .map(|it| push::Blob { digest: it.digest, size: it.size, inline: None })
            .collect(),
    }
}

impl<W: Watch + Send> Source for RegistryImages<W> {
    fn has(&self, digest: Digest) -> bool {
        self.blobs.contains_key(&digest)
    }

    /// Large blobs first, each to the part that has least to read.
    fn runs(&self, wanted: BTreeSet<Digest>, most: usize) -> Vec<BTreeSet<Digest>> {
        let size = |it: &Digest| self.blobs.get(it).map_or(0, |it| it.1);
        let mut blobs: Vec<(u64, Digest)> = wanted.iter().map(|it| (size(it), *it)).collect();
        blobs.sort_by_key(|it| Reverse(*it));
        let n_runs = most.min(blobs.len()).max(1);
        let mut runs = vec![(0, BTreeSet::new()); n_runs];
        for (size, digest) in blobs {
            if let Some(run) = runs.iter_mut().min_by_key(|it| it.0) {
                run.0 += size;
                run.1.insert(digest);
            }
        }
        runs.into_iter().map(|it| it.1).collect()
    }

    fn pass(
        &self,
        wanted: &BTreeSet<Digest>,
        is_compared: bool,
        give: &mut dyn FnMut(Digest, &mut dyn Read) -> ControlFlow<()>,
    ) -> Result<(), SourceError> {
        for digest in wanted.iter().filter(|it| self.blobs.contains_key(it)) {
            if is_compared {
                self.compare(*digest)?;
            }
            if give(*digest, &mut self.open(*digest)?).is_break() {
                break;
            }
        }
        Ok(())
    }
}

impl<W: Watch> RegistryImages<W> {
    /// Makes sure that a blob is what its digest says.
    fn compare(&self, digest: Digest) -> io::Result<()> {
        let mut hash = Sha256::new();
        let mut blob = BufReader::with_capacity(64 << 10, self.open(digest)?);
        loop {
            let part = blob.fill_buf()?;
            if part.is_empty() {
                break;
            }
            let n = part.len();
            hash.update(part);
            blob.consume(n);
        }
        if hex::encode(hash.finalize()) == digest.hex() {
            return Ok(());
        }
        let place = self.place(digest);
        Err(io::Error::other(format!(
            "{place} is not what its digest says in the registry it is read from"
        )))
    }
}
