//! What an operator runs: the same upgrade by `installer`, without a browser and without a cluster.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::Files;
use super::site::{Programs, manifests_show};
use crate::daemon::Daemon;
use crate::sh;

/// Where the pieces of the scene are.
struct Scene<'a> {
    programs: &'a Programs,
    folder: PathBuf,
    files: Files,
    vendor: String,
}

/// 1.0.0 to 1.1.0 by `installer upgrade --headless`, twice, and once with a licence that has ended.
pub(super) fn run(
    programs: &Programs,
    folder: &Path,
    mirror: &Daemon,
    proofs: &mut Vec<String>,
) -> Result<()> {
    sh::heading("installer: what an operator runs, without a browser and without a cluster");
    let folder = folder.join("installer");
    let files = Files::write(&folder, sample::license())?;
    let scene = Scene { programs, files, vendor: format!("http://{}", mirror.address), folder };
    scene.install()?;
    scene.shows("1.0.0")?;

    let ended = scene.folder.join("ended.yaml");
    let license = sample::license::Builder::new().expires_at("2020-01-01T00:00:00Z");
    std::fs::write(&ended, license.yaml()).context("writing a licence that has ended")?;
    sh::say("$ installer upgrade --headless …   (must be refused)");
    let mut refused = scene.upgrade("ended-data");
    // Not synced, so that it is the one that counts.
    refused
        .arg("--license")
        .arg(&ended)
        .args(["--airgap-bundle".as_ref(), scene.bundle()?.as_os_str()]);
    let output = refused.output()?;
    let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    sh::say(&why);
    ensure!(output.status.code() == Some(1), "it ended with {}", output.status);
    ensure!(why.contains("expired"), "the reason is not told: {why}");
    scene.shows("1.0.0")?;
    proofs.push(
        "installer: a licence that has ended is refused with its reason; 1.0.0 stays".to_owned(),
    );

    scene.succeeds()?;
    scene.shows("1.1.0")?;
    let status = scene.status()?;
    ensure!(status.contains("Succeeded"), "the installer's own record is: {status}");
    proofs.push(
        "installer: 1.1.0 is in place by `installer upgrade --headless`, and its record says Succeeded"
            .to_owned(),
    );

    let before = scene.deploys()?;
    scene.succeeds()?;
    scene.shows("1.1.0")?;
    ensure!(scene.status()?.contains("Succeeded"), "the second run has no good end");
    let after = scene.deploys()?;
    ensure!(before == after, "running again deployed {after:?} instead of {before:?}");
    proofs.push(format!(
        "installer: running the same command again changed nothing ({} deploys)",
        after.len()
    ));
    Ok(())
}

impl Scene<'_> {
    fn console(&self) -> PathBuf {
        self.folder.join("console")
    }

    /// 1.0.0, with an admin console inside of `kots`.
    fn install(&self) -> Result<()> {
        let journal = self.folder.join("journal");
        let mut kots = self.programs.kots("install", sample::APP_SLUG, &journal);
        kots.arg("--embedded").arg(self.console()).args(self.files.online_install("1.0.0"));
        sh::say("$ kots install sample-app --embedded console …");
        sh::run(kots.env("REPLICATED_APP_ENDPOINT", &self.vendor))
    }

    /// `installer upgrade` with all but the licence.
    fn upgrade(&self, data: &str) -> Command {
        let mut command = Command::new(&self.programs.installer);
        command
            .args(["upgrade", "--target", "kubernetes", "--headless", "--yes"])
            .arg("--license-root-key")
            .arg(sample::keys::root_public_path())
            .arg("--config-values")
            .arg(&self.files.values)
            .arg("--embedded")
            .arg(self.console())
            .arg("--data-dir")
            .arg(self.folder.join(data))
            .arg("--kots-binary")
            .arg(&self.programs.kots)
            .env("ENABLE_V3", "1")
            .env("DISABLE_TELEMETRY", "1")
            .env("REPLICATED_APP_ENDPOINT", &self.vendor);
        command
    }

    fn succeeds(&self) -> Result<()> {
        sh::say("$ installer upgrade --target kubernetes --headless --embedded console …");
        sh::run(self.upgrade("data").arg("--license").arg(&self.files.license))
    }

    fn bundle(&self) -> Result<PathBuf> {
        let folder = self.folder.join("bundles");
        std::fs::create_dir_all(&folder)?;
        sample::bundle::write_sample(&folder)?;
        Ok(folder.join(format!("{}-1.1.0.airgap", sample::APP_SLUG)))
    }

    fn status(&self) -> Result<String> {
        let mut command = Command::new(&self.programs.installer);
        sh::read(command.arg("status").arg("--data-dir").arg(self.folder.join("data")))
    }

    /// What was deployed so far, by number.
    fn deploys(&self) -> Result<Vec<String>> {
        let entries = std::fs::read_dir(self.console().join("deployed"))?;
        let names = entries.map(|it| Ok(it?.file_name().to_string_lossy().into_owned()));
        let mut names = names.collect::<Result<Vec<_>>>()?;
        names.retain(|it| it.parse::<u64>().is_ok());
        names.sort();
        Ok(names)
    }

    fn shows(&self, label: &str) -> Result<()> {
        manifests_show(&self.console().join("deployed"), label)
    }
}
