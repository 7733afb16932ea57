//! Running `kots deploy` and `kots install`: the argv and environment, and what their end means.
//!
//! Arguments are the original's to the letter (`cmd/installer/kotscli`), so its `kubectl-kots` can be
//! named instead of our `kots`. What only ours knows is said by `KOTS_…` variables, which the
//! original passes over. Passwords and licences go by file or variable, never by argument.

pub(crate) mod child;
mod classify;
mod lines;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio_util::sync::CancellationToken;
use wire::report::{DeployOutcome, DeployReport};

use crate::answers;
use crate::flow::{Mode, Step};
use crate::release::Release;
use crate::runner::End;
use crate::site::{Settings, Site, write_private};

/// A command to run.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<OsString>,
    pub(crate) env: Vec<(&'static str, OsString)>,
}

impl Invocation {
    /// The `kots` program with the environment of every call.
    pub(crate) fn new(site: &Site, args: Vec<OsString>) -> Self {
        let mut env = environment(&site.settings);
        env.extend(site.proxy().variables().into_iter().map(|(name, it)| (name, it.into())));
        Self { program: site.settings.kots.clone(), args, env }
    }

    /// Sets a variable.
    pub(crate) fn set(&mut self, name: &'static str, value: impl AsRef<OsStr>) {
        self.env.push((name, value.as_ref().to_owned()));
    }
}

/// Installs or upgrades the application.
pub(crate) async fn work(site: &Site, cancel: &CancellationToken) -> Result<End, String> {
    let folder = site.run_folder(Step::App.as_str()).map_err(|error| error.to_string())?;
    let files = Files {
        config_values: folder.join("config-values.yaml"),
        license: folder.join("license.yaml"),
    };
    let document = answers::document(site).await.map_err(|refusal| refusal.line())?;
    let write = |path: &Path, text: &str| {
        write_private(path, text.as_bytes())
            .map_err(|error| format!("could not write {}: {error}", path.display()))
    };
    write(&files.config_values, &document)?;
    write(&files.license, &site.license.raw)?;
    let result = carry_out(site, &files, cancel).await;
    for path in [&files.config_values, &files.license] {
        let _ = std::fs::remove_file(path);
    }
    result
}

async fn carry_out(site: &Site, files: &Files, cancel: &CancellationToken) -> Result<End, String> {
    let args = match site.flow.mode {
        Mode::Upgrade => deploy_args(&site.settings, &site.release, files)?,
        Mode::Install => install_args(&site.settings, &site.release, files),
    };
    let mut invocation = Invocation::new(site, args);
    invocation.set("KOTS_OUTPUT", "jsonl");
    invocation.set("KOTS_TIMEOUT", format!("{}s", site.settings.timeout.as_secs()));
    let label = |line: &str| format!("[kots] {line}");
    let ended = child::run(site, Step::App, &invocation, cancel, &label).await?;
    let is_accepted = match &ended.report {
        Some(report) => is_accepted(report.outcome),
        None => ended.code == Some(0),
    };
    if is_accepted {
        keep_answers(site).await;
    }
    let verb = match site.flow.mode {
        Mode::Upgrade => "deploy",
        Mode::Install => "install",
    };
    verdict(&ended, verb).map(|()| End::Succeeded)
}

/// Whether the answers are those of a version that is deployed.
fn is_accepted(outcome: DeployOutcome) -> bool {
    match outcome {
        DeployOutcome::Ready | DeployOutcome::Unchanged | DeployOutcome::NotReady => true,
        DeployOutcome::Failed | DeployOutcome::Rejected | DeployOutcome::Unknown => false,
    }
}

/// What the end means. Success is only what the program proves: ours by its document.
fn verdict(ended: &child::Ended, verb: &str) -> Result<(), String> {
    let Some(report) = &ended.report else {
        return match ended.code {
            Some(0) => Ok(()),
            _ => Err(format!("kots cli {verb}: run {verb} command: {}", ended.why())),
        };
    };
    let what = match report.outcome {
        DeployOutcome::Ready | DeployOutcome::Unchanged => return Ok(()),
        DeployOutcome::NotReady => "deployed, but not ready",
        DeployOutcome::Failed => "failed",
        DeployOutcome::Rejected => "rejected",
        DeployOutcome::Unknown => "the end was not seen",
    };
    Err(format!("kots cli {verb}: {what}{}", reason(report)))
}

fn reason(report: &DeployReport) -> String {
    let Some(error) = &report.error else { return String::new() };
    let mut text = format!(": {}", error.what);
    for why in &error.why {
        text.push_str(": ");
        text.push_str(why);
    }
    if !error.next.is_empty() {
        text.push_str("; next: ");
        text.push_str(&error.next);
    }
    text
}

/// Puts the answers where the next upgrade looks for them: into the cluster, as the original, or without one into the
/// data directory. Not having done so fails nothing: the version is deployed.
async fn keep_answers(site: &Site) {
    let kept = async {
        let Some(cluster) = &site.cluster else {
            return answers::keep_deployed(site)
                .await
                .map_err(|error| crate::refusal::chain(&error));
        };
        let document = answers::document(site).await.map_err(|refusal| refusal.line())?;
        cluster
            .put_config_values(&site.settings.namespace, &site.release, &document)
            .await
            .map_err(|error| crate::refusal::chain(&error))
    };
    if let Err(why) = kept.await {
        let line =
            site.mask(&format!("the config values were not kept for the next upgrade: {why}"));
        tracing::warn!("{line}");
        let _ = site.store.log(Step::App, &[line]).await;
    }
}

/// Files that a call reads.
#[derive(Debug)]
struct Files {
    config_values: PathBuf,
    license: PathBuf,
}

fn deploy_args(
    settings: &Settings,
    release: &Release,
    files: &Files,
) -> Result<Vec<OsString>, String> {
    let mut args: Vec<OsString> = vec!["deploy".into(), (&release.app_slug).into()];
    args.extend(["--config-values".into(), files.config_values.clone().into_os_string()]);
    if let Some(bundle) = &settings.airgap_bundle {
        args.extend(["--license".into(), files.license.clone().into_os_string()]);
        args.extend(["--airgap-bundle".into(), bundle.clone().into_os_string()]);
        args.push("--disable-image-push".into());
    } else {
        if release.channel_id.is_empty() {
            return Err("channel id is required for online deployments".to_owned());
        }
        if release.channel_sequence == 0 {
            return Err("channel sequence is required for online deployments".to_owned());
        }
        args.extend(["--channel-id".into(), OsString::from(&release.channel_id)]);
        args.extend(["--channel-sequence".into(), release.channel_sequence.to_string().into()]);
    }
    args.extend(["--namespace".into(), OsString::from(&settings.namespace)]);
    args.push("--skip-preflights".into());
    Ok(args)
}

fn install_args(settings: &Settings, release: &Release, files: &Files) -> Vec<OsString> {
    let slug = match release.channel_slug.as_str() {
        "" | "stable" => release.app_slug.clone(),
        channel => format!("{}/{channel}", release.app_slug),
    };
    let mut args: Vec<OsString> = vec!["install".into(), slug.into()];
    args.extend(["--license-file".into(), files.license.clone().into_os_string()]);
    args.extend(["--namespace".into(), OsString::from(&settings.namespace)]);
    args.extend(["--app-version-label".into(), OsString::from(&release.version_label)]);
    args.push("--exclude-admin-console".into());
    if let Some(bundle) = &settings.airgap_bundle {
        args.push("--disable-image-push".into());
        args.extend(["--airgap-bundle".into(), bundle.clone().into_os_string()]);
    }
    args.extend(["--config-values".into(), files.config_values.clone().into_os_string()]);
    args.push("--skip-preflights".into());
    args
}

fn environment(settings: &Settings) -> Vec<(&'static str, OsString)> {
    let mut env: Vec<(&'static str, OsString)> = vec![
        ("EMBEDDED_CLUSTER_ID", OsString::from(&settings.cluster_id)),
        ("POD_NAMESPACE", OsString::from(&settings.namespace)),
    ];
    if let Some(endpoint) = &settings.app_endpoint {
        env.push(("REPLICATED_APP_ENDPOINT", endpoint.into()));
    }
    if let Some(folder) = &settings.embedded {
        env.push(("KOTS_EMBEDDED", folder.into()));
    }
    if let Some(path) = &settings.kubeconfig {
        env.push(("KUBECONFIG", path.into()));
    }
    if let Some(key) = &settings.license_root_key {
        env.push(("KOTS_LICENSE_ROOT_KEY", key.into()));
    }
    env.push(("KOTS_STATE_DIR", settings.data_dir.join("journal").into_os_string()));
    env
}

/// How long a short question to `kots` may take.
const QUESTION: Duration = Duration::from_mins(1);
/// The most of its answer that is read, in bytes.
const ANSWER_BYTES: u64 = 16 << 20;

/// Asks `kots` for something that it prints; the error has what it said on stderr.
pub(crate) async fn ask(settings: &Settings, args: &[&str]) -> Result<Vec<u8>, String> {
    let mut child = tokio::process::Command::new(&settings.kots)
        .args(args)
        .envs(environment(settings))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("could not start {}: {error}", settings.kots.display()))?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let all = async {
        let read = async |source: Option<_>| {
            let mut bytes = Vec::new();
            if let Some(source) = source {
                let mut source = tokio::io::AsyncReadExt::take(source, ANSWER_BYTES);
                let _ = source.read_to_end(&mut bytes).await;
            }
            bytes
        };
        let read_err = async {
            let mut bytes = Vec::new();
            if let Some(source) = stderr {
                let _ = source.take(ANSWER_BYTES).read_to_end(&mut bytes).await;
            }
            bytes
        };
        tokio::join!(read(stdout), read_err, child.wait())
    };
    let (stdout, stderr, status) = tokio::time::timeout(QUESTION, all)
        .await
        .map_err(|_| format!("no answer within {} s", QUESTION.as_secs()))?;
    match status {
        Ok(status) if status.success() => Ok(stdout),
        Ok(status) => match String::from_utf8_lossy(&stderr).trim() {
            "" => Err(format!("{} ended with {status} and said nothing", settings.kots.display())),
            said => Err(format!("{status}: {said}")),
        },
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests;
