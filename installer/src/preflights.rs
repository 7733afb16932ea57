//! The application's preflights: the specs of the release are rendered, merged and given to the
//! `preflight` program, whose results are kept.

mod charts;

use std::path::{Path, PathBuf};
use std::process::Stdio;

use kinds::context::Renderer;
use kinds::preflight::results::{self, Asked, Found};
use kinds::{preflight, yaml};
use serde_json::Value;
use service::child::{Group, absolute_list, bounded};
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use crate::answers;
use crate::flow::Step;
use crate::http::types::{AppPreflights, PreflightsOutput, PreflightsRecord, Status, StatusState};
use crate::refusal::{Refusal, chain};
use crate::runner::End;
use crate::site::{Site, write_private};
use crate::store::StoreError;

/// The name of the results in the store.
const RESULTS: &str = "app-preflights";
/// The most of the program's output that is read, in bytes.
const OUTPUT_BYTES: u64 = 8 << 20;
/// Where the program is looked for, in this order.
const NAMES: [&str; 2] = ["kubectl-preflight", "preflight"];

/// What a run left behind.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
struct Kept {
    titles: Option<Vec<String>>,
    output: Option<PreflightsOutput>,
}

/// The results and the status. The status is read first: once it is an end, so are the results.
pub(crate) async fn view(site: &Site) -> Result<AppPreflights, StoreError> {
    let status = site.store.status(Step::AppPreflights).await?;
    let results: Kept = site.store.get(RESULTS).await?.unwrap_or_default();
    let output = results.output.or_else(|| not_run(&status));
    let has_strict = output.as_ref().is_some_and(has_strict_failures);
    Ok(AppPreflights {
        titles: results.titles,
        output,
        status,
        has_strict_app_preflight_failures: has_strict,
        allow_ignore_app_preflights: true,
    })
}

/// What checks that could not run are told as: a failure that cannot be passed over. Without it the
/// original's wizard takes a failed run that has no results for a good one, and goes on.
fn not_run(status: &Status) -> Option<PreflightsOutput> {
    let record = |why: &str| PreflightsRecord {
        title: "The preflight checks did not run".to_owned(),
        message: why.to_owned(),
        strict: true,
    };
    (status.state == StatusState::Failed).then(|| PreflightsOutput {
        fail: Some(vec![record(&status.description)]),
        ..PreflightsOutput::default()
    })
}

/// Forgets the results.
pub(crate) async fn forget(site: &Site) -> Result<(), StoreError> {
    site.store.drop_document(RESULTS).await
}

/// Whether a check failed that cannot be passed over.
pub(crate) fn has_strict_failures(output: &PreflightsOutput) -> bool {
    output.fail.iter().flatten().any(|it| it.strict)
}

/// Whether the last run's failures cannot be passed over.
pub(crate) async fn is_blocked(site: &Site) -> Result<bool, StoreError> {
    let results: Kept = site.store.get(RESULTS).await?.unwrap_or_default();
    Ok(results.output.as_ref().is_some_and(has_strict_failures))
}

/// Runs the checks.
pub(crate) async fn work(site: &Site, cancel: &CancellationToken) -> Result<End, String> {
    site.store.drop_document(RESULTS).await.map_err(|error| chain(&error))?;
    let spec = rendered(site).await?;
    let checks = spec.as_ref().map(results::asked).unwrap_or_default();
    let Some(spec) = spec.filter(|_| !checks.is_empty()) else {
        let line = "the release has no preflights".to_owned();
        site.store.log(Step::AppPreflights, &[line]).await.map_err(|error| chain(&error))?;
        keep(site, Kept { titles: Some(Vec::new()), output: None }).await?;
        return Ok(End::Succeeded);
    };
    let titles = Some(checks.iter().map(|it| it.title.clone()).collect::<Vec<_>>());
    keep(site, Kept { titles: titles.clone(), output: None }).await?;
    let text = preflight::for_program(&spec).map_err(|error| error.to_string())?;
    let found = execute(site, &text, cancel)
        .await
        .map_err(|why| format!("app preflights failed to run: {why}"))?;
    let found = judged(&checks, found);
    let end = if found.fail.is_empty() { End::Succeeded } else { End::ChecksFailed };
    keep(site, Kept { titles, output: Some(shown(found)) }).await?;
    Ok(end)
}

/// Results with what they leave open: the program passes over what it may not look at, and ends well. A strict check
/// that was not made has failed; others are something to know of.
fn judged(checks: &[Asked], mut found: results::Results) -> results::Results {
    for open in results::unanswered(checks, &found) {
        let list = if open.strict { &mut found.fail } else { &mut found.warn };
        list.push(open);
    }
    found
}

/// Results as the API has them: null where there are none.
fn shown(found: results::Results) -> PreflightsOutput {
    let list = |found: Vec<Found>| {
        let records = found.into_iter().map(|Found { title, message, strict, .. }| {
            PreflightsRecord { title, message, strict }
        });
        Some(records.collect()).filter(|it: &Vec<_>| !it.is_empty())
    };
    PreflightsOutput { pass: list(found.pass), warn: list(found.warn), fail: list(found.fail) }
}

async fn keep(site: &Site, results: Kept) -> Result<(), String> {
    site.store.put(RESULTS, &results).await.map_err(|error| chain(&error))
}

/// The merged spec; `None` when the release has no preflights.
async fn rendered(site: &Site) -> Result<Option<Value>, String> {
    if site.release.preflights.is_empty() && site.release.charts.is_empty() {
        return Ok(None);
    }
    let told = |error: Refusal| error.line();
    let values = answers::stored(site).await.map_err(|error| chain(&error))?;
    let resolution = answers::resolution(site, &values).await.map_err(told)?;
    let mut contexts = site.contexts();
    contexts.items = resolution.items;
    let (texts, kinds) = {
        let renderer = Renderer::new(&contexts);
        let render = |(path, text): &(String, String)| {
            let text = renderer.render(path, text).map_err(|error| error.to_string())?;
            Ok::<_, String>((path.clone(), text))
        };
        let release = &site.release;
        let texts: Vec<_> = release.preflights.iter().map(render).collect::<Result<_, _>>()?;
        let kinds: Vec<_> = release.charts.iter().map(render).collect::<Result<_, _>>()?;
        (texts.into_iter().map(|(_, text)| text).collect::<Vec<_>>(), kinds)
    };
    let document =
        |text: &String| yaml::to_value(text).map_err(|error| format!("a preflight spec: {error}"));
    let mut documents: Vec<Value> = texts.iter().map(document).collect::<Result<_, _>>()?;
    documents.extend(charts::specs(site, &kinds).await?);
    Ok(preflight::merged(&documents))
}

async fn execute(
    site: &Site,
    spec: &str,
    cancel: &CancellationToken,
) -> Result<results::Results, String> {
    let told = |error: std::io::Error| error.to_string();
    let folder = site.run_folder("preflights").map_err(told)?;
    // The program leaves what it collected about the cluster in the folder it is started in.
    let folder = tempfile::tempdir_in(std::path::absolute(folder).map_err(told)?).map_err(told)?;
    let file = folder.path().join("preflight.yaml");
    write_private(&file, spec.as_bytes()).map_err(told)?;
    let program = program(site.settings.preflight.as_deref(), &NAMES)
        .ok_or("the program `kubectl-preflight` was not found: install it, or name it with --preflight-binary")?;
    let program = std::path::absolute(program).map_err(told)?;
    run(site, &program, folder.path(), &file, cancel).await
}

async fn run(
    site: &Site,
    program: &Path,
    folder: &Path,
    file: &Path,
    cancel: &CancellationToken,
) -> Result<results::Results, String> {
    let told = |error: std::io::Error| error.to_string();
    let mut command = Command::new(program);
    if let Some(path) = &site.settings.kubeconfig {
        command.env("KUBECONFIG", path);
    } else if let Some(list) = std::env::var_os("KUBECONFIG") {
        command.env("KUBECONFIG", absolute_list(&list).map_err(told)?);
    }
    let mut child = command
        .envs(site.proxy().variables())
        .args(["--interactive=false", "--format=json"])
        .arg(file)
        .current_dir(folder)
        .env("TMPDIR", folder)
        .env("PREFLIGHT_AUTO_UPDATE", "false")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("could not start {}: {error}", program.display()))?;
    let group = Group::of(child.id());
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let all = async {
        tokio::try_join!(bounded(stdout, OUTPUT_BYTES), bounded(stderr, OUTPUT_BYTES), child.wait())
    };
    let (stdout, stderr, status) = tokio::select! {
        all = all => all.map_err(told)?,
        () = cancel.cancelled() => return Err("cancelled".to_owned()),
        () = tokio::time::sleep(site.settings.timeout) => {
            return Err(format!("no result within {} s", site.settings.timeout.as_secs()));
        }
    };
    drop(group);
    let stderr = match stderr {
        Some(bytes) => site.mask(&String::from_utf8_lossy(&bytes)),
        None => format!("more than {OUTPUT_BYTES} bytes"),
    };
    let is_said = |line: &&str| preflight::is_said(line);
    let lines: Vec<String> = stderr.lines().filter(is_said).map(str::to_owned).collect();
    site.store.log(Step::AppPreflights, &lines).await.map_err(|error| chain(&error))?;
    let failed =
        |why: String| format!("error running preflight: {why} (stderr: {})", lines.join("\n"));
    if !results::has_results(status.code()) {
        // As Go writes it.
        let status = status.code().map_or(status.to_string(), |it| format!("exit status {it}"));
        return Err(failed(status));
    }
    let Some(stdout) = stdout else {
        return Err(failed(format!("it printed more than {OUTPUT_BYTES} bytes")));
    };
    results::read(&stdout).map_err(failed)
}

/// The program: the one named, else one beside this program, else one in `PATH`.
fn program(given: Option<&Path>, names: &[&str]) -> Option<PathBuf> {
    if let Some(given) = given {
        return Some(given.to_owned());
    }
    let beside = std::env::current_exe().ok().and_then(|it| it.parent().map(Path::to_owned));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<_> = beside.into_iter().chain(std::env::split_paths(&path)).collect();
    names.iter().find_map(|name| folders.iter().map(|it| it.join(name)).find(|it| it.is_file()))
}
