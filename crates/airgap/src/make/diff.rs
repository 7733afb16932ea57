//! A patch bundle: a new bundle without the layers an old one had.
//!
//! Left out are layers only. Manifests and configs stay, so that everything can be checked and the original's own push
//! works, which reads a layer only after it has asked the registry for it. Whatever is not an image is copied as it is.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use super::{
    Layout, Made, MakeError, Output, Stoppable,
    layout::{Files, Planned, blob_name, files},
    metadata,
};
use crate::{
    AIRGAP_YAML, APP_ARCHIVE, PATCH_JSON,
    bundle::BundleError,
    digest::Digest,
    index::{ImageKind, Index, Patch, PatchFrom, Section},
    sections::Sections,
    tar::clean,
};

/// Makes at `out` the patch that leads from the bundle `old` to the bundle `new`; their indexes are `old_index` and
/// `new_index`. Images saved by docker become registry storage in it.
///
/// # Errors
///
/// Refuses bundles of two applications and a new bundle that is itself not whole; then `out` is as it was.
pub fn diff(
    old_index: &Index,
    (new, new_index): (&Path, &Index),
    out: &Path,
    is_stopped: &dyn Fn() -> bool,
) -> Result<Made, MakeError> {
    let apps = (&old_index.airgap.app_slug, &new_index.airgap.app_slug);
    if apps.0 != apps.1 {
        return Err(MakeError::Apps(apps.0.clone(), apps.1.clone()));
    }
    let layout = if new_index.airgap.format == "oci" { Layout::Oci } else { Layout::Storage };
    let had: BTreeSet<Digest> = old_index
        .images
        .iter()
        .flat_map(|it| old_index.parts(it).blobs)
        .map(|it| it.digest)
        // What an old patch left out is in the registry where that patch was applied.
        .filter(|it| old_index.blobs.contains_key(it) || is_expected(old_index, *it))
        .collect();

    let mut plan = Plan::default();
    let mut small = Files::new();
    for (kind, root) in roots(new_index) {
        let images = planned(new_index, kind)?;
        for image in &images {
            plan.add(new_index, layout, &root, image, &had);
        }
        if !images.is_empty() {
            small.extend(files(layout, &root, &images)?);
        }
        if kind == ImageKind::App {
            plan.names = images.into_iter().map(|it| it.reference).collect();
        }
        plan.roots.push(format!("{root}/"));
    }
    plan.add_others(new_index);

    let (text, _) = metadata(&new_index.airgap_yaml, new, layout, &plan.names)?;
    let patch = Patch { from: from(old_index), blobs: plan.left_out.clone() };
    let app = new_index.entry(APP_ARCHIVE).map(|it| it.section);
    let app = app.ok_or(MakeError::Field(APP_ARCHIVE))?;
    let marks = [&old_index.mark, &new_index.mark];
    let mut output = Output::create(out, &marks.map(|it| (it.device, it.inode)))?;
    output.bytes(AIRGAP_YAML, text.as_bytes())?;
    copy(
        new,
        new_index,
        &BTreeMap::from([(app, APP_ARCHIVE.to_owned())]),
        &mut output,
        is_stopped,
    )?;
    output.bytes(PATCH_JSON, patch.to_json().as_bytes())?;
    for (name, bytes) in &small {
        output.bytes(name, bytes)?;
    }
    copy(new, new_index, &plan.copied, &mut output, is_stopped)?;
    let (size, sha256) = output.finish()?;
    Ok(Made {
        size,
        sha256,
        images: new_index.images.len(),
        blobs: plan.blobs,
        left_out: plan.left_out.len(),
        left_out_bytes: plan.left_out.values().sum(),
    })
}

fn is_expected(index: &Index, digest: Digest) -> bool {
    index.patch.as_ref().is_some_and(|it| it.blobs.contains_key(&digest))
}

fn from(old: &Index) -> PatchFrom {
    PatchFrom {
        sha256: old.sha256,
        version_label: old.airgap.version_label.clone(),
        channel_id: old.airgap.channel_id.clone(),
        update_cursor: old.airgap.update_cursor.clone(),
    }
}

/// Where images are, by whose they are.
fn roots(index: &Index) -> Vec<(ImageKind, String)> {
    let mut roots = vec![(ImageKind::App, "images".to_owned())];
    let artifacts = index.airgap.embedded_cluster_artifacts.as_ref();
    if let Some(Ok((dir, _))) = artifacts.map(|it| clean(it.registry.dir.as_bytes())) {
        roots.push((ImageKind::EmbeddedCluster, dir));
    }
    roots
}

fn planned(index: &Index, kind: ImageKind) -> Result<Vec<Planned<'_>>, MakeError> {
    index
        .images
        .iter()
        .filter(|it| it.kind == kind)
        .map(|image| {
            let wrong =
                |fault: String| MakeError::Image { reference: image.reference.clone(), fault };
            if let Some(fault) = image.faults.first() {
                return Err(wrong(fault.to_string()));
            }
            if let Some(part) = image.expected.first() {
                return Err(wrong(format!(
                    "{} is left out: the bundle is itself a patch",
                    part.digest
                )));
            }
            let root = image.manifest.ok_or_else(|| wrong("it has no manifest".to_owned()))?;
            let parts = index.parts(image);
            let (manifests, blobs) = (parts.manifests, parts.blobs);
            Ok(Planned { reference: image.reference.clone(), root, manifests, blobs })
        })
        .collect()
}

#[derive(Default)]
struct Plan {
    /// What is copied, and the name it gets.
    copied: BTreeMap<Section, String>,
    left_out: BTreeMap<Digest, u64>,
    blobs: usize,
    names: Vec<String>,
    roots: Vec<String>,
}

impl Plan {
    fn add(
        &mut self,
        index: &Index,
        layout: Layout,
        root: &str,
        image: &Planned<'_>,
        had: &BTreeSet<Digest>,
    ) {
        let configs: BTreeSet<Digest> =
            image.manifests.iter().filter_map(|it| it.blobs.first()).map(|it| it.digest).collect();
        for blob in &image.blobs {
            if had.contains(&blob.digest) && !configs.contains(&blob.digest) {
                self.left_out.insert(blob.digest, blob.size);
                continue;
            }
            let name = blob_name(layout, root, blob.digest);
            // The application's and the cluster's images may both have it; then each folder has its own.
            let own = index.entry(&name).map(|it| it.section);
            if let Some(section) = own.or_else(|| index.blobs.get(&blob.digest).copied()) {
                self.blobs += usize::from(self.copied.insert(section, name).is_none());
            }
        }
    }

    /// Whatever belongs to no image.
    fn add_others(&mut self, index: &Index) {
        for entry in &index.entries {
            let is_known = [AIRGAP_YAML, APP_ARCHIVE, PATCH_JSON].contains(&entry.name.as_str());
            if !is_known && !self.roots.iter().any(|it| entry.name.starts_with(it)) {
                self.copied.insert(entry.section, entry.name.clone());
            }
        }
    }
}

fn copy(
    path: &Path,
    index: &Index,
    wanted: &BTreeMap<Section, String>,
    output: &mut Output,
    is_stopped: &dyn Fn() -> bool,
) -> Result<(), MakeError> {
    let wrong = |source| MakeError::Bundle { path: path.to_owned(), source };
    let mut sections = Sections::open(path, index, wanted.keys().copied()).map_err(wrong)?;
    while let Some(section) = sections.next_section().map_err(wrong)? {
        let mut source = Stoppable { source: &mut sections, is_stopped };
        output.file(&wanted[&section], section.size, &mut source)?;
        if is_stopped() {
            return Err(wrong(BundleError::Cancelled));
        }
    }
    Ok(())
}
