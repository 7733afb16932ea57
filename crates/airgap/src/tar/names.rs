//! Which names were there already.

use std::{
    collections::HashSet,
    hash::{BuildHasher, RandomState},
};

use super::{EntryKind, error::ArchiveError};

/// The names seen so far, kept as 64-bit hashes with a key drawn for this run: memory does not depend on the length of
/// the names, and nobody can choose two names that collide. Two honest names collide once in a hundred million
/// archives of 200,000 entries, and then the archive is refused, never misread.
#[derive(Debug)]
pub(super) struct Names {
    key: RandomState,
    files: HashSet<u64>,
    folders: HashSet<u64>,
    limit: u64,
}

impl Names {
    pub(super) fn new(limit: u64) -> Self {
        let key = RandomState::new();
        Self { key, files: HashSet::new(), folders: HashSet::new(), limit }
    }

    /// Notes a name and the folders it implies. A folder may come again: programs that append do that, and it
    /// carries nothing.
    pub(super) fn add(&mut self, name: &str, kind: EntryKind) -> Result<(), ArchiveError> {
        for (at, _) in name.match_indices('/') {
            self.add_folder(&name[..at])?;
        }
        match kind {
            EntryKind::Directory => self.add_folder(name),
            EntryKind::File | EntryKind::Link => {
                let hash = self.key.hash_one(name);
                if self.folders.contains(&hash) {
                    return Err(ArchiveError::Duplicate { name: name.to_owned(), folder: true });
                }
                if !self.files.insert(hash) {
                    return Err(ArchiveError::Duplicate { name: name.to_owned(), folder: false });
                }
                Ok(())
            }
        }
    }

    fn add_folder(&mut self, name: &str) -> Result<(), ArchiveError> {
        let hash = self.key.hash_one(name);
        if self.files.contains(&hash) {
            return Err(ArchiveError::Duplicate { name: name.to_owned(), folder: true });
        }
        self.folders.insert(hash);
        if self.folders.len() as u64 > self.limit {
            return Err(ArchiveError::TooMany { limit: self.limit });
        }
        Ok(())
    }
}
