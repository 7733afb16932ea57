//! `installer upgrade` and `installer install`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use serde_json::json;

use super::signals::{Signals, after_ctrl_c};
use super::{follow, prompt, say, say_error};
use crate::config;
use crate::flow::{Mode, State, Target};
use crate::http::headless::{self, Given, Outcome};
use crate::http::types::{AppConfigValue, AppConfigValues};
use crate::http::{self, auth};
use crate::prepare::{self, Prepared, Request};
use crate::runner;
use crate::site::Site;
use crate::telemetry;

/// How long the server goes on after the end was seen, so that a client gets its last answers.
const LINGER: Duration = Duration::from_secs(5);
/// How long nobody asks once the wizard is closed. An open page asks every 10 s, and one that is out of
/// sight once a minute; without an answer it says that the installer cannot be reached, over the success.
const PAGE_CLOSED: Duration = Duration::from_mins(3);

#[expect(clippy::struct_excessive_bools, reason = "they are the flags of the command")]
#[derive(Debug, clap::Args)]
// The last of several counts, as with pflag.
#[command(args_override_self = true)]
pub(super) struct Args {
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
    yes: bool,
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
    headless: bool,
    /// Path of a `ConfigValues` manifest
    #[arg(long)]
    config_values: Option<PathBuf>,
    /// Go on although application preflights failed that are not strict (with --headless)
    #[arg(long)]
    ignore_app_preflights: bool,
    /// text or jsonl (events, then the outcome; with --headless)
    #[arg(long, default_value = "text", value_parser = ["text", "jsonl"])]
    output: String,
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
pub(super) fn target(text: &str) -> Result<Target, String> {
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
    fn request(&self, mode: Mode) -> anyhow::Result<Request> {
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

/// Runs the command to its end.
pub(super) async fn run(args: Args, mode: Mode) -> super::Ended {
    let is_jsonl = args.headless && args.output == "jsonl";
    let ended = begin(args, mode).await;
    if is_jsonl && let Err(error) = &ended {
        // Whoever reads lines has an outcome, too, when nothing began.
        let document = json!({ "schema": 1, "outcome": "failed", "error": super::told(error) });
        say(&format!("{document}\n"));
    }
    ended
}

async fn begin(args: Args, mode: Mode) -> super::Ended {
    let request = args.request(mode)?;
    let mut signals = Signals::listen()?;
    let (yes, alone) = (args.yes, args.headless);
    let settle = async |doubt| prompt::settle(doubt, yes, alone).await;
    let prepared = tokio::select! {
        prepared = prepare::prepare(request, settle) => prepared?,
        () = signals.raised() => {
            after_ctrl_c();
            let why = "stopped before the run began: nothing was changed";
            if args.headless && args.output == "jsonl" {
                let document = json!({ "schema": 1, "outcome": "interrupted", "error": why });
                say(&format!("{document}\n"));
            }
            say_error(&format!("Error: {why}\n"));
            return Ok(ExitCode::from(INTERRUPTED));
        }
    };
    runner::resume(&prepared.site).await.map_err(|refusal| anyhow!(refusal.line()))?;
    let code = if args.headless {
        headless_run(&args, &prepared, &mut signals).await?
    } else {
        serve(&prepared, &mut signals).await?
    };
    if code == INTERRUPTED {
        telemetry::aborted(&prepared.site);
    }
    telemetry::flush(&prepared.site).await;
    Ok(ExitCode::from(code))
}

/// How a run ended, as an exit code.
const SUCCEEDED: u8 = 0;
const FAILED: u8 = 1;
const CHECKS_FAILED: u8 = 3;
const INTERRUPTED: u8 = 4;

async fn headless_run(
    args: &Args,
    prepared: &Prepared,
    signals: &mut Signals,
) -> anyhow::Result<u8> {
    let site = &prepared.site;
    let token = auth::open(site).await.map_err(|refusal| anyhow!(refusal.line()))?.token;
    let values = match &args.config_values {
        Some(path) => wire_values(config::opened(prepare::read_values(path).await?)),
        None => AppConfigValues::new(),
    };
    let given = Given { values, ignore_app_preflights: args.ignore_app_preflights, token };
    let is_jsonl = args.output == "jsonl";
    let printer = tokio::spawn(follow::print(std::sync::Arc::clone(site), is_jsonl));
    let outcome = tokio::select! {
        outcome = headless::walk(site, http::router(site), &given) => Some(outcome),
        () = signals.raised() => None,
    };
    site.stop.cancel();
    let _ = printer.await;
    let (word, code, why) = match outcome {
        Some(Outcome::Succeeded) => ("succeeded", SUCCEEDED, None),
        Some(Outcome::ChecksFailed(why)) => ("checks_failed", CHECKS_FAILED, Some(why)),
        Some(Outcome::Failed(why)) => ("failed", FAILED, Some(why)),
        None => {
            let why = "interrupted: what kots does goes on; run the same command again".to_owned();
            ("interrupted", INTERRUPTED, Some(why))
        }
    };
    let state = site.store.state().await?;
    site.store.close().await;
    if is_jsonl {
        let mut document = json!({
            "schema": 1,
            "outcome": word,
            "app": site.release.app_slug,
            "versionLabel": site.release.version_label,
            "state": state.as_str(),
        });
        if let Some(why) = &why {
            document["error"] = json!(why);
        }
        say(&format!("{document}\n"));
    } else if why.is_none() {
        say(&format!("{} {} is done\n", site.release.app_slug, site.release.version_label));
    }
    if code == INTERRUPTED {
        after_ctrl_c();
    }
    if let Some(why) = why {
        say_error(&format!("Error: {why}\n"));
    }
    Ok(code)
}

fn wire_values(values: kinds::config::ConfigValues) -> AppConfigValues {
    let wire = |value: kinds::config::ConfigValue| AppConfigValue {
        value: value.value,
        default: value.default,
        data: value.data,
        data_plaintext: value.data_plaintext,
        filename: value.filename,
        repeatable_item: value.repeatable_item,
    };
    values.values.into_iter().map(|(name, value)| (name, wire(value))).collect()
}

async fn serve(prepared: &Prepared, signals: &mut Signals) -> anyhow::Result<u8> {
    let site = &prepared.site;
    let port = site.settings.manager_port;
    let router = http::router(site);
    let listening =
        http::listen(port, std::sync::Arc::clone(&prepared.tls.config), router, site.stop.clone())
            .await
            .with_context(|| {
                format!("could not listen on port {port} (another one: --manager-port)")
            })?;
    if let Some(password) = &prepared.password {
        say(&format!("Password of the manager (shown only now): {password}\n"));
    }
    let host = prepared.tls.hostname.clone().unwrap_or_else(public_host);
    let what = match site.flow.mode {
        Mode::Install => "continue",
        Mode::Upgrade => "continue the upgrade",
    };
    if host == UNKNOWN_HOST {
        say_error(&format!(
            "this machine's public address is not known: put it where {UNKNOWN_HOST} stands, or set EC_PUBLIC_ADDRESS\n"
        ));
    }
    let (title, port) = (&site.release.title, listening.addr.port());
    say(&format!("\nVisit the {title} manager to {what}: https://{host}:{port}\n"));
    let is_done = tokio::select! {
        () = site.shown.cancelled() => {
            tokio::select! {
                () = linger(site) => {}
                () = signals.raised() => {}
            }
            true
        }
        () = signals.raised() => false,
    };
    let state = site.store.state().await?;
    site.stop.cancel();
    listening.ended().await;
    site.store.close().await;
    let label = &site.release.version_label;
    if is_done || state == State::Succeeded {
        say(&format!("{} {label} is done\n", site.release.app_slug));
        return Ok(SUCCEEDED);
    }
    after_ctrl_c();
    say_error(&format!("Error: stopped in {state}; run the same command again to go on\n"));
    Ok(INTERRUPTED)
}

/// Goes on after the end was seen, for as long as that is of use.
async fn linger(site: &Site) {
    if site.web.is_none() {
        return tokio::time::sleep(LINGER).await;
    }
    let (app, label) = (&site.release.app_slug, &site.release.version_label);
    say(&format!(
        "{app} {label} is done. This ends when the page is closed; Ctrl-C ends it now.\n"
    ));
    while let Some(left) = PAGE_CLOSED.checked_sub(site.asked.quiet()).filter(|it| !it.is_zero()) {
        tokio::time::sleep(left).await;
    }
}

/// What stands where nobody knows the machine's address.
const UNKNOWN_HOST: &str = "<node-ip>";

/// Where a browser finds this machine: what the operator says, else a name to be filled in.
fn public_host() -> String {
    std::env::var("EC_PUBLIC_ADDRESS")
        .ok()
        .filter(|it| !it.is_empty())
        .unwrap_or_else(|| UNKNOWN_HOST.to_owned())
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
