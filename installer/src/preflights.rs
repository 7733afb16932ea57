//! The application's preflights: the specs of the release are rendered, merged and given to the
//! `preflight` program, whose results are kept.

mod charts;

use std::path::{Path, PathBuf};
use std::process::Stdio;

use kinds::context::Renderer;
use kinds::{preflight, yaml};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use crate::answers;
use crate::flow::Step;
use crate::http::types::{AppPreflights, PreflightsOutput};
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
struct Results {
    titles: Option<Vec<String>>,
    output: Option<PreflightsOutput>,
}

/// The results and the status. The status is read first: once it is an end, so are the results.
pub(crate) async fn view(site: &Site) -> Result<AppPreflights, StoreError> {
    let status = site.store.status(Step::AppPreflights).await?;
    let results: Results = site.store.get(RESULTS).await?.unwrap_or_default();
    let has_strict = results.output.as_ref().is_some_and(has_strict_failures);
    Ok(AppPreflights {
        titles: results.titles,
        output: results.output,
        status,
        has_strict_app_preflight_failures: has_strict,
        allow_ignore_app_preflights: true,
    })
}

/// Whether a check failed that cannot be passed over.
pub(crate) fn has_strict_failures(output: &PreflightsOutput) -> bool {
    output.fail.iter().flatten().any(|it| it.strict)
}

/// Whether the last run's failures cannot be passed over.
pub(crate) async fn is_blocked(site: &Site) -> Result<bool, StoreError> {
    let results: Results = site.store.get(RESULTS).await?.unwrap_or_default();
    Ok(results.output.as_ref().is_some_and(has_strict_failures))
}

/// Runs the checks.
pub(crate) async fn work(site: &Site, cancel: &CancellationToken) -> Result<End, String> {
    site.store.drop_document(RESULTS).await.map_err(|error| chain(&error))?;
    let spec = rendered(site).await?;
    let titles = spec.as_ref().map(preflight::titles).unwrap_or_default();
    let Some(spec) = spec.filter(|_| !titles.is_empty()) else {
        let line = "the release has no preflights".to_owned();
        site.store.log(Step::AppPreflights, &[line]).await.map_err(|error| chain(&error))?;
        keep(site, Results { titles: Some(Vec::new()), output: None }).await?;
        return Ok(End::Succeeded);
    };
    let titles = Some(titles);
    keep(site, Results { titles: titles.clone(), output: None }).await?;
    let text = yaml::to_string(&spec).map_err(|error| error.to_string())?;
    let output = execute(site, &text, cancel)
        .await
        .map_err(|why| format!("app preflights failed to run: {why}"))?;
    let end = match &output.fail {
        Some(fail) if !fail.is_empty() => End::ChecksFailed,
        _ => End::Succeeded,
    };
    keep(site, Results { titles, output: Some(output) }).await?;
    Ok(end)
}

async fn keep(site: &Site, results: Results) -> Result<(), String> {
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
) -> Result<PreflightsOutput, String> {
    let folder = site.run_folder("preflights").map_err(|error| error.to_string())?;
    let file = folder.join("preflight.yaml");
    write_private(&file, spec.as_bytes()).map_err(|error| error.to_string())?;
    let program = program(site.settings.preflight.as_deref(), &NAMES)
        .ok_or("the program `kubectl-preflight` was not found: install it, or name it with --preflight-binary")?;
    let result = run(site, &program, &file, cancel).await;
    let _ = std::fs::remove_file(&file);
    result
}

async fn run(
    site: &Site,
    program: &Path,
    file: &Path,
    cancel: &CancellationToken,
) -> Result<PreflightsOutput, String> {
    let mut child = Command::new(program)
        .args(["--interactive=false", "--format=json"])
        .arg(file)
        .env("PREFLIGHT_AUTO_UPDATE", "false")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("could not start {}: {error}", program.display()))?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let both = async { tokio::join!(read(stdout), read(stderr), child.wait()) };
    let (stdout, stderr, status) = tokio::select! {
        all = both => all,
        () = cancel.cancelled() => return Err("cancelled".to_owned()),
        () = tokio::time::sleep(site.settings.timeout) => {
            return Err(format!("no result within {} s", site.settings.timeout.as_secs()));
        }
    };
    let stderr = site.mask(&stderr);
    let lines: Vec<String> = stderr.lines().map(str::to_owned).collect();
    site.store.log(Step::AppPreflights, &lines).await.map_err(|error| chain(&error))?;
    let status = status.map_err(|error| error.to_string())?;
    // 0: all well; 3, 4: checks failed or warned. 1 is a program that did not get that far.
    match status.code() {
        Some(code) if code != 1 => serde_json::from_str(&stdout).map_err(|error| {
            format!(
                "error running preflight: its output is no result: {error} (stderr: {})",
                stderr.trim()
            )
        }),
        Some(code) => {
            Err(format!("error running preflight: exit status {code} (stderr: {})", stderr.trim()))
        }
        None => Err(format!("error running preflight: {status} (stderr: {})", stderr.trim())),
    }
}

async fn read(source: Option<impl AsyncRead + Unpin>) -> String {
    let mut bytes = Vec::new();
    if let Some(source) = source {
        let _ = source.take(OUTPUT_BYTES).read_to_end(&mut bytes).await;
    }
    String::from_utf8_lossy(&bytes).into_owned()
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
