//! Many clients of the installer while an application is upgraded: how long requests take, and what it has resident.
//!
//! `kots` is a script that writes lines for a while, so that the figures are those of the installer alone.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use reqwest::{Client, Method};
use sample::bundle::BundleSpec;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::Table;
use super::measure::{self, millis};
use crate::sh;

/// Clients that poll, and clients that follow the stream of events.
const POLLING: u64 = 150;
const STREAMING: u64 = 50;
/// How often one of them polls.
const PERIOD: Duration = Duration::from_millis(500);
/// What they poll, by turns.
const POLLED: [&str; 3] = [
    "/api/kubernetes/upgrade/app/status",
    "/api/kubernetes/upgrade/app-preflights/status",
    "/api/state",
];
/// The password of the manager.
const PASSWORD: &str = "measured";
/// Plays `kots`: 1.0.0 is there; a deploy writes 20 lines a second for 15 s.
const KOTS: &str = r#"#!/bin/sh
[ "$1" = get ] && { echo '[{"versionLabel":"1.0.0","channelSequence":1,"status":"deployed"}]'; exit 0; }
n=0
while [ $n -lt 300 ]; do n=$((n + 1)); echo "line $n of a deploy that tells what it does"; sleep 0.05; done
"#;

/// Measures with connections that are kept, then with a new one for each request.
pub(super) fn run(folder: &Path, table: &mut Table) -> Result<()> {
    sh::heading("building installer");
    sh::run(sh::cargo().args(["build", "--locked", "--release", "-p", "installer"]))?;
    let program = sh::built("release").join("installer");
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    for (is_kept, name) in [(true, "kept connections"), (false, "a new connection each")] {
        let at = folder.join(if is_kept { "installer-kept" } else { "installer-new" });
        let manager = Manager::start(&program, &at)?;
        let mut times_ms = runtime.block_on(load(&manager, is_kept))?;
        times_ms.sort_by(f64::total_cmp);
        let at = |share: usize| times_ms.get((times_ms.len() - 1) * share / 100).copied();
        let figure = |share| at(share).unwrap_or(f64::NAN);
        table.row(
            &format!(
                "`installer`, {POLLING} clients poll, {STREAMING} stream, {name}: p50 / p99 / max"
            ),
            &format!(
                "{:.1} / {:.1} / {:.1} ms of {} requests",
                figure(50),
                figure(99),
                figure(100),
                times_ms.len()
            ),
            "100 ms at p99",
        );
        let peak = measure::status_kib(manager.child.id(), "VmHWM:").context("no VmHWM")?;
        table.row("the same: peak resident", &format!("{:.1} MiB", super::mib(peak)), "64 MiB");
    }
    Ok(())
}

/// A running installer; killed when dropped.
struct Manager {
    child: Child,
    url: String,
}

impl Drop for Manager {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Manager {
    fn start(program: &Path, folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let path = |name: &str| folder.join(name);
        std::fs::write(path("license.yaml"), sample::license())?;
        std::fs::write(path("values.yaml"), sample::config_values())?;
        std::fs::write(path("password"), PASSWORD)?;
        std::fs::write(path("kots"), KOTS)?;
        std::fs::set_permissions(path("kots"), std::fs::Permissions::from_mode(0o755))?;
        BundleSpec::sample("1.1.0")?.write(&path("1.1.0.airgap"))?;
        let mut child = Command::new(program)
            .args(["upgrade", "--target", "kubernetes", "--manager-port", "0", "--license"])
            .arg(path("license.yaml"))
            .arg("--license-root-key")
            .arg(sample::keys::root_public_path())
            .arg("--airgap-bundle")
            .arg(path("1.1.0.airgap"))
            .arg("--embedded")
            .arg(path("console"))
            .arg("--config-values")
            .arg(path("values.yaml"))
            .arg("--admin-console-password-file")
            .arg(path("password"))
            .arg("--kots-binary")
            .arg(path("kots"))
            .env("ENABLE_V3", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(path("log"))?)
            .spawn()
            .with_context(|| format!("could not start {}", program.display()))?;
        let lines = BufReader::new(child.stdout.take().context("stdout is piped")?).lines();
        for line in lines {
            let line = line?;
            if let Some((_, port)) =
                line.split_once("https://").and_then(|it| it.1.rsplit_once(':'))
            {
                let url = format!("https://127.0.0.1:{port}");
                return Ok(Self { child, url });
            }
        }
        bail!("the installer did not start: {}", std::fs::read_to_string(path("log"))?)
    }
}

fn client(is_kept: bool) -> Result<Client> {
    let builder = Client::builder().danger_accept_invalid_certs(true).no_proxy();
    Ok(builder.pool_max_idle_per_host(usize::from(is_kept)).build()?)
}

/// Upgrades while everybody looks; tells how long each polled request took, in milliseconds.
async fn load(manager: &Manager, is_kept: bool) -> Result<Vec<f64>> {
    let asker = client(true)?;
    let ask = async |method: Method, path: &str, token: &str, body: Value| -> Result<Value> {
        let url = format!("{}{path}", manager.url);
        let answer = asker.request(method, url).bearer_auth(token).json(&body).send().await?;
        Ok(answer.error_for_status()?.json().await?)
    };
    let prefix = "/api/kubernetes/upgrade";
    let login = ask(Method::POST, "/api/auth/login", "", json!({ "password": PASSWORD })).await?;
    let token = login["token"].as_str().context("no token")?.to_owned();
    let values = format!("{prefix}/app/config/values");
    ask(Method::PATCH, &values, &token, json!({ "values": {} })).await?;
    ask(Method::POST, &format!("{prefix}/app-preflights/run"), &token, json!({})).await?;
    wait_for(&ask, &token, "AppPreflightsSucceeded").await?;

    let is_over = Arc::new(AtomicBool::new(false));
    let mut following = JoinSet::new();
    for _ in 0..STREAMING {
        following.spawn(follow(
            client(true)?,
            format!("{}/api/events", manager.url),
            token.clone(),
        ));
    }
    let mut polling = JoinSet::new();
    for n in 0..POLLING {
        let (url, token, is_over) = (manager.url.clone(), token.clone(), Arc::clone(&is_over));
        polling.spawn(poll(client(is_kept)?, url, token, n, is_over));
    }
    ask(Method::POST, &format!("{prefix}/app/upgrade"), &token, json!({})).await?;
    while let Some(followed) = following.join_next().await {
        followed??;
    }
    is_over.store(true, Ordering::Relaxed);
    let mut times_ms = Vec::new();
    while let Some(times) = polling.join_next().await {
        times_ms.extend(times??);
    }
    ensure!(!times_ms.is_empty(), "nobody polled");
    Ok(times_ms)
}

async fn wait_for(
    ask: &impl AsyncFn(Method, &str, &str, Value) -> Result<Value>,
    token: &str,
    state: &str,
) -> Result<()> {
    for _ in 0..600 {
        if ask(Method::GET, "/api/state", token, Value::Null).await?["state"] == state {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    bail!("the installer did not come to {state}")
}

/// Polls until it is over; the first time somewhere within a period, so that not all ask at once.
async fn poll(
    client: Client,
    url: String,
    token: String,
    n: u64,
    is_over: Arc<AtomicBool>,
) -> Result<Vec<f64>> {
    let mut times_ms = Vec::new();
    tokio::time::sleep(PERIOD * u32::try_from(n)? / u32::try_from(POLLING)?).await;
    for path in POLLED.iter().cycle() {
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        let started = Instant::now();
        let answer = client.get(format!("{url}{path}")).bearer_auth(&token).send().await?;
        answer.error_for_status()?.bytes().await?;
        times_ms.push(millis(started.elapsed()));
        tokio::time::sleep(PERIOD).await;
    }
    Ok(times_ms)
}

/// Reads the stream until the run has succeeded.
async fn follow(client: Client, url: String, token: String) -> Result<()> {
    let mut answer = client.get(url).bearer_auth(token).send().await?.error_for_status()?;
    let mut text = String::new();
    while let Some(bytes) = answer.chunk().await? {
        text.push_str(&String::from_utf8_lossy(&bytes));
        let is_end = |line: &str| {
            line.contains(r#""kind":"state""#) && line.contains(r#""state":"Succeeded""#)
        };
        if text.lines().any(is_end) {
            return Ok(());
        }
        // Whole events were looked at.
        if let Some(end) = text.rfind("\n\n") {
            text.drain(..end + 2);
        }
    }
    bail!("the stream ended before the run")
}
