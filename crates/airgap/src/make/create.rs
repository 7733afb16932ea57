//! A bundle from a release folder and images.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read},
    path::Path,
};

use sha2::{Digest as _, Sha256};

use super::{
    ImageSource, Layout, Made, MakeError, Output, Stoppable,
    layout::{Planned, blob_name, files},
    metadata, read_error, text,
};
use crate::{
    AIRGAP_YAML, APP_ARCHIVE,
    digest::Digest,
    gzip::read_some,
    index::{Content, Parts, Section},
    limits::Limits,
    release::{ReleaseFile, pack},
};

/// Blobs come from elsewhere, and not from a bundle.
static NOTHING: BTreeMap<Digest, Section> = BTreeMap::new();

/// Makes a bundle at `out`, replacing what is there: the release in the folder `release`, the `images`, and what the
/// file `airgap_yaml` says. Its `format` and `savedImages` are set to what the bundle has. `is_stopped` is asked often.
///
/// # Errors
///
/// Says what is missing or wrong; then `out` is as it was.
pub fn create(
    airgap_yaml: &Path,
    release: &Path,
    images: &dyn ImageSource,
    layout: Layout,
    out: &Path,
    is_stopped: &dyn Fn() -> bool,
) -> Result<Made, MakeError> {
    let text = text(airgap_yaml)?;
    let names: Vec<_> = images.images().iter().map(|it| it.0.clone()).collect();
    let (text, airgap) = metadata(&text, airgap_yaml, layout, &names)?;
    for (field, value) in [
        ("spec.channelID", &airgap.channel_id),
        ("spec.updateCursor", &airgap.update_cursor),
        ("spec.versionLabel", &airgap.version_label),
    ] {
        if value.is_empty() {
            return Err(MakeError::Field(field));
        }
    }
    let app = app_archive(release)?;
    let planned = plan(images)?;
    let described = files(layout, "images", &planned)?;

    let sources: Vec<_> = super::identity(airgap_yaml).into_iter().collect();
    let mut output = Output::create(out, &sources)?;
    output.bytes(AIRGAP_YAML, text.as_bytes())?;
    output.bytes(APP_ARCHIVE, &app)?;
    for (name, bytes) in &described {
        output.bytes(name, bytes)?;
    }
    let blobs: BTreeMap<Digest, u64> =
        planned.iter().flat_map(|it| &it.blobs).map(|it| (it.digest, it.size)).collect();
    for (digest, size) in &blobs {
        let place = || images.place(*digest);
        let unreadable = |source| MakeError::Blob { place: place(), source };
        let source = images.open(*digest).map_err(unreadable)?;
        let source = Stoppable { source, is_stopped };
        let mut source = Hashing { source, hash: Sha256::new(), fault: None };
        let written = output.file(&blob_name(layout, "images", *digest), *size, &mut source);
        if let Some(fault) = source.fault {
            return Err(unreadable(fault));
        }
        written?;
        let found = Digest::finish(source.hash);
        if found != *digest {
            return Err(MakeError::Content { place: place(), named: *digest, found });
        }
    }
    let (size, sha256) = output.finish()?;
    let (images, blobs) = (planned.len(), blobs.len());
    Ok(Made { size, sha256, images, blobs, left_out: 0, left_out_bytes: 0 })
}

/// The images with their parts; all of them must be there.
fn plan(images: &dyn ImageSource) -> Result<Vec<Planned<'_>>, MakeError> {
    let content = Content { manifests: images.manifests(), blobs: &NOTHING, patch: None };
    let plan_one = |(reference, root): &(String, Digest)| {
        let parts = Parts::of(content, *root);
        if let Some(fault) = parts.faults.first() {
            let (reference, fault) = (reference.clone(), fault.to_string());
            return Err(MakeError::Image { reference, fault });
        }
        parts.blobs.iter().try_for_each(|it| images.check(it))?;
        let Parts { manifests, blobs, .. } = parts;
        Ok(Planned { reference: reference.clone(), root: *root, manifests, blobs })
    };
    images.images().iter().map(plan_one).collect()
}

/// `app.tar.gz` of the files in a folder.
fn app_archive(folder: &Path) -> Result<Vec<u8>, MakeError> {
    let mut files = Vec::new();
    let mut left = Limits::default().in_memory;
    add_files(folder, "", &mut files, &mut left)?;
    if files.is_empty() {
        return Err(MakeError::NoFiles(folder.to_owned()));
    }
    pack(&files).map_err(super::write_error(folder))
}

fn add_files(
    folder: &Path,
    prefix: &str,
    files: &mut Vec<ReleaseFile>,
    left: &mut u64,
) -> Result<(), MakeError> {
    for entry in fs::read_dir(folder).map_err(read_error(folder))? {
        let entry = entry.map_err(read_error(folder))?;
        let path = entry.path();
        let kind = entry.file_type().map_err(read_error(&path))?;
        let name = entry.file_name().into_string().map_err(|_| {
            read_error(&path)(io::Error::new(io::ErrorKind::InvalidData, "its name is not UTF-8"))
        })?;
        let name = format!("{prefix}{name}");
        if kind.is_dir() {
            add_files(&path, &format!("{name}/"), files, left)?;
        } else if kind.is_file() {
            let size = entry.metadata().map_err(read_error(&path))?.len();
            let limit = Limits::default().in_memory;
            let too_large = || MakeError::TooLarge { path: folder.to_owned(), limit };
            *left = left.checked_sub(size).ok_or_else(too_large)?;
            let bytes = fs::read(&path).map_err(read_error(&path))?;
            files.push(ReleaseFile { path: name, bytes });
        } else {
            return Err(MakeError::Kind { path });
        }
    }
    Ok(())
}

/// A source whose bytes are hashed, and whose fault is told from those of writing.
struct Hashing<R> {
    source: R,
    hash: Sha256,
    fault: Option<io::Error>,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = read_some(&mut self.source, buf).map_err(|fault| {
            let kind = fault.kind();
            self.fault = Some(fault);
            io::Error::from(kind)
        })?;
        self.hash.update(&buf[..n]);
        Ok(n)
    }
}
