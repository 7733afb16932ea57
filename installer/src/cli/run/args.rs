//! The flags of `installer upgrade` and `installer install`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{anyhow, bail};

use crate::flow::{Mode, Target};
use crate::prepare::Request;

#[expect(clippy::struct_excessive_bools, reason = "they are the flags of the command")]
#[derive(Debug, clap::Args)]
// The last of several counts, as with pflag.
#[command(args_override_self = true)]
pub(in crate::cli) struct Args {
    /// The target platform: linux or kubernetes
    #[arg(long)]
    target: Option<String>,
    /// Path of the license file
    #[arg(long, short = 'l')]
    license: Option<PathBuf>,
    /// Path of the air-gap bundle; without it the release comes online
    #[arg(long)]
    airgap_bundle: Option<PathBuf>,
    /// Answer every question with yes (also --no-prompt)
    #[arg(long, short = 'y')]
    pub(super) yes: bool,
    /// Port of the manager (default: the one of the embedded cluster, else 30080)
    #[arg(long)]
    manager_port: Option<u16>,
    /// Accepted: the configuration of an embedded cluster is not changed here
    #[arg(long, hide = true)]
    overrides: Option<PathBuf>,
    /// Accepted: hosts are not checked here
    #[arg(long, hide = true)]
    disable_filesystem_performance_check: bool,

    /// Go through all steps without a browser; ends with the outcome
    #[arg(long)]
    pub(super) headless: bool,
    /// Path of a `ConfigValues` manifest
    #[arg(long)]
    pub(super) config_values: Option<PathBuf>,
    /// Go on although application preflights failed that are not strict (with --headless)
    #[arg(long)]
    pub(super) ignore_app_preflights: bool,
    /// text or jsonl (events, then the outcome; with --headless)
    #[arg(long, default_value = "text", value_parser = ["text", "jsonl"])]
    pub(super) output: String,
    /// No cluster: our admin console inside `kots`, with its state in this folder
    #[arg(long)]
    embedded: Option<PathBuf>,
    /// Path of the kubeconfig (default: KUBECONFIG, with --target linux the embedded cluster's, the user's)
    #[arg(long, conflicts_with = "embedded")]
    kubeconfig: Option<PathBuf>,
    /// The kots program (default: the one beside this program)
    #[arg(long)]
    kots_binary: Option<PathBuf>,
    /// The preflight program (default: kubectl-preflight or preflight beside this program or in PATH)
    #[arg(long, env = "KOTS_PREFLIGHT")]
    preflight_binary: Option<PathBuf>,
    /// A folder or archive with the release and its release.yaml, instead of the bundle's or the vendor's
    #[arg(long)]
    release: Option<PathBuf>,
    /// The release of the license's channel (default: the newest)
    #[arg(long)]
    channel_sequence: Option<i64>,
    /// PEM file of a root key to accept licenses of besides the built-in one
    #[arg(long)]
    license_root_key: Option<PathBuf>,
    /// The folder of the wizard's built files (default: `web` beside this program, when it is there)
    #[arg(long, conflicts_with = "headless")]
    web_dir: Option<PathBuf>,
    /// Holds everything that is remembered (default: /var/lib/SLUG/installer, or `installer` in --embedded)
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// The namespace of the admin console
    #[arg(long, short = 'n')]
    namespace: Option<String>,
    /// File with the password for the manager, with --embedded (default: one is made up and shown once)
    #[arg(long)]
    admin_console_password_file: Option<PathBuf>,
    /// Limit of one step, such as 15m
    #[arg(long, default_value = "15m", value_parser = duration)]
    timeout: Duration,
    /// Begin anew instead of going on with the run in the data directory
    #[arg(long)]
    restart: bool,
    /// Start from the state in this folder
    #[cfg(feature = "fixture")]
    #[arg(long)]
    fixture: Option<PathBuf>,
}

/// Reads a target.
pub(in crate::cli) fn target(text: &str) -> Result<Target, String> {
    match text {
        "linux" => Ok(Target::Linux),
        "kubernetes" => Ok(Target::Kubernetes),
        _ => Err("must be one of: \"linux\", \"kubernetes\"".to_owned()),
    }
}

/// Reads `90s`, `15m`, `2h`.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a time such as 90s, 15m or 2h");
    let unit = text.chars().last().ok_or_else(wrong)?;
    let number: u64 = text[..text.len() - unit.len_utf8()].parse().map_err(|_| wrong())?;
    let seconds = match unit {
        's' => Some(number),
        'm' => number.checked_mul(60),
        'h' => number.checked_mul(3600),
        _ => None,
    };
    let limit = Duration::from_hours(24 * 7);
    seconds.map(Duration::from_secs).filter(|it| !it.is_zero() && *it <= limit).ok_or_else(wrong)
}

impl Args {
    /// The folder of the page that is given out: the one named, else the one beside this program.
    fn web_dir(&self) -> Option<PathBuf> {
        if self.headless || self.web_dir.is_some() {
            return self.web_dir.clone();
        }
        let beside = std::env::current_exe().ok()?.with_file_name("web");
        beside.join("index.html").is_file().then_some(beside)
    }

    /// Checks what needs no file to be read, in the original's order and words.
    pub(super) fn request(&self, mode: Mode) -> anyhow::Result<Request> {
        let mut missing = Vec::new();
        if self.license.is_none() {
            missing.push("\"license\"");
        }
        if self.target.is_none() {
            missing.push("\"target\"");
        }
        if !missing.is_empty() {
            bail!("required flag(s) {} not set", missing.join(", "));
        }
        let text = self.target.as_deref().unwrap_or_default();
        let target = target(text).map_err(|why| anyhow!("invalid --target ({why})"))?;
        if (target, mode) == (Target::Linux, Mode::Install) {
            bail!(
                "invalid --target (must be: \"kubernetes\"): an embedded cluster is not installed by this program"
            );
        }
        Ok(Request {
            target,
            mode,
            license: self.license.clone().unwrap_or_default(),
            license_root_key: self.license_root_key.clone(),
            airgap_bundle: self.airgap_bundle.clone(),
            release: self.release.clone(),
            channel_sequence: self.channel_sequence,
            config_values: self.config_values.clone(),
            embedded: self.embedded.clone(),
            kubeconfig: self.kubeconfig.clone(),
            data_dir: self.data_dir.clone(),
            namespace: self.namespace.clone(),
            kots: self.kots_binary.clone(),
            preflight: self.preflight_binary.clone(),
            password_file: self.admin_console_password_file.clone(),
            manager_port: self.manager_port,
            timeout: self.timeout,
            restart: self.restart,
            web_dir: self.web_dir(),
            headless: self.headless,
            flags: std::env::args().skip(2).collect::<Vec<_>>().join(" "),
            #[cfg(feature = "fixture")]
            fixture: self.fixture.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("15m"), Ok(Duration::from_mins(15)));
        for wrong in ["", "15", "0s", "-1m", "9999999999999999999h", "2h30m", "5é", "400h"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
