//! One installation of the demo: a `kotsadm`, the `kots` that talks to it, and what can be seen of both from outside.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::daemon::Daemon;
use crate::{http, sh};

/// The built programs.
pub(crate) struct Programs {
    /// Path of `kots`.
    pub(crate) kots: PathBuf,
    /// Path of `kotsadm`.
    pub(crate) kotsadm: PathBuf,
    /// Path of `installer`, where that was built.
    pub(crate) installer: PathBuf,
}

impl Programs {
    /// Builds these packages, in one go.
    pub(crate) fn build(release: bool, packages: &[&str]) -> Result<Self> {
        sh::heading(&format!("building {}", packages.join(", ")));
        let mut build = sh::cargo();
        build.args(["build", "--locked"]).args(packages.iter().flat_map(|it| ["-p", it]));
        if release {
            build.arg("--release");
        }
        sh::run(&mut build)?;
        let folder = sh::built(if release { "release" } else { "debug" });
        let at = |name| folder.join(name);
        Ok(Self { kots: at("kots"), kotsadm: at("kotsadm"), installer: at("installer") })
    }

    /// `kots COMMAND SLUG` with the test chain's root key and a journal folder of its own.
    pub(crate) fn kots(&self, command: &str, slug: &str, state: &Path) -> Command {
        let mut kots = Command::new(&self.kots);
        kots.args([command, slug, "--progress", "none"])
            .arg("--license-root-key")
            .arg(sample::keys::root_public_path())
            .arg("--state-dir")
            .arg(state);
        kots
    }
}

/// One installation.
pub(crate) struct Site<'a> {
    programs: &'a Programs,
    slug: &'a str,
    folder: PathBuf,
    kotsadm: Daemon,
}

impl<'a> Site<'a> {
    /// Starts a `kotsadm` with its state in `folder`.
    pub(crate) fn start(
        programs: &'a Programs,
        folder: &Path,
        slug: &'a str,
        mirror: Option<&Daemon>,
    ) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let mut args: Vec<String> = [
            "serve".to_owned(),
            "--listen=127.0.0.1:0".to_owned(),
            format!("--state={}", folder.join("state").display()),
            format!("--target=dir:{}", folder.join("deployed").display()),
            format!("--license-root-key={}", sample::keys::root_public_path().display()),
        ]
        .into();
        args.extend(mirror.map(|it| format!("--release-endpoint=http://{}", it.address)));
        let kotsadm = Daemon::start(&programs.kotsadm, args, &folder.join("kotsadm.log"))?;
        Ok(Self { programs, slug, folder: folder.to_owned(), kotsadm })
    }

    /// A `kots` command against this installation.
    pub(crate) fn command(&self, command: &str, args: &[String]) -> Command {
        let mut kots = self.programs.kots(command, self.slug, &self.folder.join("journal"));
        kots.arg("--kotsadm-url")
            .arg(format!("http://{}", self.kotsadm.address))
            .arg("--auth-string-file")
            .arg(self.folder.join("state/secrets/authstring"))
            .args(args);
        kots
    }

    /// Runs a `kots` command that must succeed.
    pub(crate) fn kots(&self, command: &str, args: &[String]) -> Result<()> {
        sh::say(&format!("$ kots {command} {} …", self.slug));
        sh::run(&mut self.command(command, args))
    }

    /// Runs a `kots` command that must succeed, without showing it, and returns how long it took.
    pub(crate) fn quiet(&self, command: &str, args: &[String]) -> Result<Duration> {
        let started = Instant::now();
        sh::read(&mut self.command(command, args))?;
        Ok(started.elapsed())
    }

    /// The server's process id.
    pub(crate) fn pid(&self) -> u32 {
        self.kotsadm.pid()
    }

    /// Runs a `kots` command that must be refused.
    pub(crate) fn kots_fails(&self, command: &str, args: &[String]) -> Result<()> {
        sh::say(&format!("$ kots {command} {} …   (must be refused)", self.slug));
        let status = self.command(command, args).status()?;
        ensure!(status.code() == Some(1), "it ended with {status}");
        Ok(())
    }

    /// Reads what the server says of the application.
    pub(crate) fn get(&self, path: &str) -> Result<serde_json::Value> {
        http::get(self.kotsadm.address, &self.route(path), self.auth()?.trim())
    }

    /// Sends a JSON text about the application: how long that takes is the server's time.
    pub(crate) fn post(&self, path: &str, body: &str) -> Result<String> {
        http::post(self.kotsadm.address, &self.route(path), self.auth()?.trim(), body)
    }

    fn route(&self, path: &str) -> String {
        format!("/api/v1/app/{}{path}", self.slug)
    }

    fn auth(&self) -> Result<String> {
        Ok(fs::read_to_string(self.folder.join("state/secrets/authstring"))?)
    }

    /// How many versions the server has.
    pub(crate) fn versions(&self) -> Result<i64> {
        let versions = self.get("/versions?currentPage=-1&pageSize=-1")?;
        versions["totalCount"].as_i64().context("no `totalCount`")
    }

    /// Fails unless the deployed version is `label` and its resources are ready.
    pub(crate) fn deployed(&self, label: &str) -> Result<()> {
        let app = self.get("")?;
        let current = &app["downstream"]["currentVersion"];
        ensure!(current["versionLabel"] == label, "deployed is {}", current["versionLabel"]);
        ensure!(current["status"] == "deployed", "its status is {}", current["status"]);
        let status = self.get("/status")?;
        let status = &status["appstatus"];
        ensure!(status["state"] == "ready", "the application is {}", status["state"]);
        ensure!(status["sequence"] == current["sequence"], "ready is another version");
        Ok(())
    }

    /// [`Site::deployed`], and the manifests in the target are those of `label`.
    pub(crate) fn shows(&self, label: &str) -> Result<()> {
        self.deployed(label)?;
        manifests_show(&self.folder.join("deployed"), label)
    }
}

/// Fails unless the manifests below `target/current` belong to the sample application's `label`.
pub(crate) fn manifests_show(target: &Path, label: &str) -> Result<()> {
    let current = target.join("current");
    let manifests = text_below(&current)?;
    if !manifests.contains(label) {
        bail!("nothing below {} mentions {label}", current.display());
    }
    ensure!(
        !manifests.contains("repl{{"),
        "a template was left unrendered in {}",
        current.display()
    );
    ensure!(manifests.contains("app.example.com"), "the config values are not in the manifests");
    Ok(())
}

/// All text below a folder.
fn text_below(folder: &Path) -> Result<String> {
    let mut text = String::new();
    let entries = fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            text.push_str(&text_below(&path)?);
        } else if let Ok(more) = fs::read_to_string(&path) {
            text.push_str(&more);
        }
    }
    Ok(text)
}
