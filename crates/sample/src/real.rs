//! Fixtures made from real input: releases and metadata that the original projects test themselves with, under licences
//! of our test chain. The input stays where it is; none of it is part of this project.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use kinds::airgap::Airgap;

use crate::{bundle::BundleSpec, license::Builder, mirror::write, release::plain_files};

/// The application of the online case.
pub const ONLINE_SLUG: &str = "my-app";
/// The channel of the online case, as its own licence names it.
pub const ONLINE_CHANNEL_ID: &str = "1vusIYZLAVxMG6q760OJmRKj5i5";
/// The application of the air-gap case, as its own `airgap.yaml` names it.
pub const AIRGAP_SLUG: &str = "laverya-tiny-airgap";
/// The channel of the air-gap case, as its own `airgap.yaml` names it.
pub const AIRGAP_CHANNEL_ID: &str = "2dMrAqJjrPzfeNHv9bc0gCHh25N";

/// The folder of real data: `KOTS_REAL_DATA`, else `../shared/data` beside the project. `None` when there is none.
pub fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("KOTS_REAL_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    folder.is_dir().then_some(folder)
}

/// Writes the real air-gap bundle, `laverya-tiny-airgap-0.1.0.airgap`: its own `airgap.yaml` and images, and its
/// application as `app.tar.gz`. Beside it `…-0.0.9.airgap`, the same application under an older label and cursor, so that
/// there is something to upgrade from. Returns both paths, older first.
///
/// # Errors
///
/// Returns an error when a part of the data is missing or writing fails.
pub fn write_bundles(data: &Path, folder: &Path) -> Result<[PathBuf; 2]> {
    let real = data.join("ec-airgap/tiny-airgap-noimages");
    let yaml = real.join("airgap.yaml");
    let airgap_yaml = std::fs::read_to_string(&yaml)
        .with_context(|| format!("failed to read {}", yaml.display()))?;
    // The folder of the application also holds the images, which are not manifests.
    let app = data.join("ec-airgap/tiny-airgap-noimages-app");
    let new = BundleSpec {
        airgap: Airgap::parse(&airgap_yaml)?,
        airgap_yaml: Some(airgap_yaml),
        files: plain_files(&app)?.into_iter().filter(|it| !it.path.contains('/')).collect(),
        large: 0,
        extra: plain_files(&real)?.into_iter().filter(|it| it.path.contains('/')).collect(),
        images: None,
    };
    let old = BundleSpec { airgap_yaml: None, ..new.clone() }.edit(|it| {
        "0.0.9".clone_into(&mut it.version_label);
        "0".clone_into(&mut it.update_cursor);
    });
    let path =
        |it: &BundleSpec| folder.join(format!("{AIRGAP_SLUG}-{}.airgap", it.airgap.version_label));
    let paths = [path(&old), path(&new)];
    old.write(&paths[0])?;
    new.write(&paths[1])?;
    Ok(paths)
}

/// A licence for the air-gap case.
pub fn airgap_license() -> Builder {
    Builder::new().app(AIRGAP_SLUG).channels(&[(AIRGAP_CHANNEL_ID, "Stable")])
}

/// A licence for the online case, with the entitlements its manifests show.
pub fn online_license() -> Builder {
    use kinds::license::EntitlementValue::{Bool, Int, String as Text};
    let text = |it: &str| Text(it.to_owned());
    Builder::new()
        .app(ONLINE_SLUG)
        .channels(&[(ONLINE_CHANNEL_ID, "My Channel")])
        .sequence(7)
        .entitlement("bool_field", "Bool Field", "Boolean", Bool(true))
        .entitlement("int_field", "Int Field", "Integer", Int(123))
        .entitlement("string_field", "StringField", "String", text("single line text"))
        .entitlement("text_field", "Text Field", "Text", text("multi\nline\ntext"))
        .entitlement("hidden_field", "Hidden Field", "String", text("this is secret"))
}

/// Writes the online case below `mirror`, as the one application `my-app`: one channel with two releases, `0.1.0` and
/// `0.2.0`, of the same files, so that there is something to upgrade from.
///
/// # Errors
///
/// Returns an error when a part of the data is missing or writing fails.
pub fn write_mirror(data: &Path, mirror: &Path) -> Result<()> {
    let app = mirror.join(ONLINE_SLUG);
    let mut files = plain_files(&data.join("kots-pull-cases/simple/upstream"))?;
    files.retain(|it| !it.path.starts_with("userdata/"));
    write(&app.join("releases/release.tar.gz"), &airgap::release::pack(&files)?)?;
    write(&app.join("licenses/license.yaml"), online_license().yaml().as_bytes())?;
    let release = |sequence: u32| {
        serde_json::json!({
            "channelSequence": sequence,
            "releaseSequence": sequence,
            "versionLabel": format!("0.{sequence}.0"),
            "createdAt": format!("2026-0{sequence}-01T00:00:00Z"),
            "path": "releases/release.tar.gz",
        })
    };
    let channel = serde_json::json!({
        "id": ONLINE_CHANNEL_ID,
        "name": "My Channel",
        "slug": "my-channel",
        "releases": [release(1), release(2)],
    });
    let channel = kinds::yaml::to_string(&channel).context("a channel has a YAML form")?;
    write(&app.join("channels/my-channel.yaml"), channel.as_bytes())
}
