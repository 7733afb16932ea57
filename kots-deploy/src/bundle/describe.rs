//! What is in a bundle, for people and for programs. Pure.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use airgap::index::{Descriptor, Parts};
use airgap::{Digest, Image, ImageKind, Index};
use serde_json::{Value, json};
use steps::render::size;

use crate::output::counted;

/// How often each blob is used.
type Uses = BTreeMap<Digest, usize>;

fn uses(index: &Index) -> Uses {
    let mut uses = Uses::new();
    for blob in index.images.iter().flat_map(|it| index.parts(it).blobs) {
        *uses.entry(blob.digest).or_default() += 1;
    }
    uses
}

fn bytes(blobs: &[&Descriptor]) -> u64 {
    blobs.iter().map(|it| it.size).fold(0, u64::saturating_add)
}

/// Configs and layers of an image that another image has, too.
fn shared<'a>(parts: &Parts<'a>, uses: &Uses) -> Vec<&'a Descriptor> {
    let is_shared = |it: &&Descriptor| uses.get(&it.digest).is_some_and(|it| *it > 1);
    parts.blobs.iter().copied().filter(is_shared).collect()
}

/// What a bundle lacks, a line each.
pub(super) fn missing(index: &Index) -> Vec<String> {
    let release = index.release().is_none();
    let release = release.then(|| {
        format!(
            "release: `{}` is not in the bundle, so only images can be taken from it",
            airgap::APP_ARCHIVE
        )
    });
    let images = index.images.iter().flat_map(|image| {
        image.faults.iter().map(move |fault| format!("image `{}`: {fault}", image.reference))
    });
    let artifacts = index.artifacts.iter().filter(|it| it.section.is_none());
    let artifacts =
        artifacts.map(|it| format!("artifact `{}`: `{}` is not in the bundle", it.key, it.path));
    release.into_iter().chain(images).chain(artifacts).collect()
}

fn platforms(parts: &Parts<'_>) -> Vec<String> {
    let listed = parts.manifests.iter().flat_map(|it| &it.manifests);
    listed.filter_map(|it| it.platform.clone()).collect()
}

/// The text of `inspect`.
pub(super) fn text(path: &Path, index: &Index) -> String {
    let mut out = String::new();
    // Writing to a text never fails.
    let _ = write_text(&mut out, path, index);
    out
}

fn write_text(out: &mut String, path: &Path, index: &Index) -> std::fmt::Result {
    let airgap = &index.airgap;
    let or_none = |it: &str| if it.is_empty() { "-".to_owned() } else { it.to_owned() };
    writeln!(out, "Bundle:       {} ({}, {})", path.display(), size(index.size), index.sha256)?;
    writeln!(out, "Application:  {}", or_none(&airgap.app_slug))?;
    writeln!(out, "Version:      {}", or_none(&airgap.version_label))?;
    let channel = if airgap.channel_name.is_empty() {
        String::new()
    } else {
        format!(" ({})", airgap.channel_name)
    };
    writeln!(out, "Channel:      {}{channel}", or_none(&airgap.channel_id))?;
    writeln!(out, "Sequence:     {}", or_none(&airgap.update_cursor))?;
    let required = if airgap.is_required { ", required" } else { "" };
    let release = index.release().map_or_else(
        || "missing".to_owned(),
        |(section, files)| {
            let files = counted(usize::try_from(files).unwrap_or(usize::MAX), "file");
            format!("{files}, {}", size(section.size))
        },
    );
    writeln!(out, "Release:      {release}{required}")?;
    for release in &airgap.required_releases {
        writeln!(
            out,
            "Comes after:  {} (sequence {})",
            release.version_label, release.update_cursor
        )?;
    }
    writeln!(out, "Format:       {}", or_none(&airgap.format))?;
    if let Some(patch) = &index.patch {
        let bytes: u64 = patch.blobs.values().fold(0, |sum, it| sum.saturating_add(*it));
        writeln!(
            out,
            "Patch of:     {} ({})",
            or_none(&patch.from.version_label),
            patch.from.sha256
        )?;
        writeln!(out, "Left out:     {} of {}", counted(patch.blobs.len(), "layer"), size(bytes))?;
    }
    write_images(out, index)?;
    for artifact in &index.artifacts {
        let state = artifact.section.map_or_else(|| "missing".to_owned(), |it| size(it.size));
        writeln!(out, "Artifact:     {} {} ({state})", artifact.key, artifact.path)?;
    }
    let missing = missing(index);
    if !missing.is_empty() {
        writeln!(out, "\nMissing:")?;
        missing.iter().try_for_each(|it| writeln!(out, "  {it}"))?;
    }
    Ok(())
}

fn write_images(out: &mut String, index: &Index) -> std::fmt::Result {
    if index.images.is_empty() {
        return writeln!(out, "Images:       none");
    }
    let uses = uses(index);
    let stored: u64 = uses.keys().filter_map(|it| index.blobs.get(it)).map(|it| it.size).sum();
    let n_shared = uses.values().filter(|it| **it > 1).count();
    writeln!(
        out,
        "Images:       {} with {} of {}, {n_shared} of them shared\n",
        index.images.len(),
        counted(uses.len(), "blob"),
        size(stored)
    )?;
    let width =
        index.images.iter().map(|it| it.reference.chars().count()).max().unwrap_or(0).max(5);
    writeln!(out, "  {:width$}  {:>10}  {:>10}  {:>6}  STATE", "IMAGE", "SIZE", "SHARED", "BLOBS")?;
    for image in &index.images {
        let parts = index.parts(image);
        let (all, shared) = (size(bytes(&parts.blobs)), size(bytes(&shared(&parts, &uses))));
        let (name, n) = (&image.reference, parts.blobs.len());
        writeln!(out, "  {name:width$}  {all:>10}  {shared:>10}  {n:>6}  {}", state(image))?;
    }
    Ok(())
}

fn state(image: &Image) -> String {
    match (image.faults.len(), image.expected.len()) {
        (0, 0) => "whole".to_owned(),
        (0, n) => format!("{n} left out"),
        (n, _) => format!("{n} missing or wrong"),
    }
}

/// The document of `inspect`.
pub(super) fn json(path: &Path, index: &Index) -> Value {
    let uses = uses(index);
    let release = index
        .release()
        .map(|(it, files)| json!({"size": it.size, "sha256": it.digest.hex(), "files": files}));
    let images: Vec<_> = index.images.iter().map(|it| image(index, it, &uses)).collect();
    let artifacts: Vec<_> = index
        .artifacts
        .iter()
        .map(|it| {
            json!({
                "key": it.key,
                "path": it.path,
                "size": it.section.map(|it| it.size),
                "sha256": it.section.map(|it| it.digest.hex()),
            })
        })
        .collect();
    let left_out = index.patch.as_ref().map(|it| {
        let blobs: Vec<_> = it
            .blobs
            .iter()
            .map(|(digest, size)| json!({"digest": digest.to_string(), "size": size}))
            .collect();
        json!({"from": it.from, "leftOut": blobs})
    });
    json!({
        "bundle": path,
        "size": index.size,
        "sha256": index.sha256.hex(),
        "uncompressedSize": index.plain_size,
        "entries": index.entries.len(),
        "airgap": index.airgap,
        "release": release,
        "images": images,
        "artifacts": artifacts,
        "patch": left_out,
        "missing": missing(index),
    })
}

fn image(index: &Index, image: &Image, uses: &Uses) -> Value {
    let parts = index.parts(image);
    let blob = |it: &&Descriptor| {
        json!({
            "digest": it.digest.to_string(),
            "size": it.size,
            "mediaType": it.media_type,
            "images": uses.get(&it.digest),
            "present": index.blobs.contains_key(&it.digest),
        })
    };
    json!({
        "reference": image.reference,
        "kind": match image.kind {
            ImageKind::App => "app",
            ImageKind::EmbeddedCluster => "embedded-cluster",
        },
        "digest": image.manifest.map(|it| it.to_string()),
        "platforms": platforms(&parts),
        "size": bytes(&parts.blobs),
        "sharedSize": bytes(&shared(&parts, uses)),
        "blobs": parts.blobs.iter().map(blob).collect::<Vec<_>>(),
        "leftOut": image.expected.iter().map(|it| it.digest.to_string()).collect::<Vec<_>>(),
        "faults": image.faults.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}
