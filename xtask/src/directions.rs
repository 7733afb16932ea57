//! The directions between crates that ARCHITECTURE.md states, as a test.

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::sh;

/// Who may depend on whom among our own packages (dev-dependencies are not counted).
const ALLOWED: &[(&str, &[&str])] = &[
    ("wire", &[]),
    ("gotemplate", &[]),
    ("skipped", &[]),
    ("steps", &[]),
    ("service", &[]),
    ("kinds", &["gotemplate"]),
    ("cluster", &["kinds"]),
    ("airgap", &["kinds", "wire"]),
    ("registry", &["airgap", "wire"]),
    ("upstream", &["airgap", "kinds", "wire"]),
    (
        "upstream-handler",
        &["airgap", "cluster", "kinds", "registry", "service", "upstream", "wire"],
    ),
    ("kots-deploy", &["airgap", "kinds", "registry", "steps", "upstream-handler", "wire"]),
    ("installer", &["airgap", "cluster", "kinds", "service", "steps", "upstream", "wire"]),
    // A stand-in for tests.
    ("fake-kube", &[]),
    // Fixtures, the project's own commands and the fuzz targets may see everything.
    ("sample", &["airgap", "kinds", "skipped", "upstream", "wire"]),
];

/// Fails when a crate depends on one it must not see.
pub(crate) fn check() -> Result<()> {
    let metadata: Value = serde_json::from_str(&sh::read(sh::cargo().args([
        "metadata",
        "--format-version",
        "1",
        "--no-deps",
        "--locked",
    ]))?)?;
    let mut wrong = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let name = package["name"].as_str().unwrap_or_default();
        let Some((_, allowed)) = ALLOWED.iter().find(|(owner, _)| *owner == name) else { continue };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let ours = !dependency["path"].is_null() && dependency["kind"].is_null();
            let target = dependency["name"].as_str().unwrap_or_default();
            if ours && !allowed.contains(&target) {
                wrong.push(format!("`{name}` must not depend on `{target}`"));
            }
        }
    }
    ensure!(wrong.is_empty(), "see ARCHITECTURE.md, directions:\n  {}", wrong.join("\n  "));
    Ok(())
}
