//! Walks a run to its end without a person, by the same requests that a browser sends.
//!
//! The next request follows from the state alone, so a run that was interrupted is walked on from
//! where it is, and a failed one is tried once more.

use std::net::SocketAddr;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::frame::Own;
use super::types::AppConfigValues;
use crate::flow::{Flow, Mode, State, Step};
use crate::site::Site;

/// The largest answer, in bytes.
const ANSWER_BYTES: usize = 64 << 20;

/// How a walk ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The application is installed or upgraded.
    Succeeded,
    /// Checks failed, and that was not to be passed over.
    ChecksFailed(String),
    /// Something failed or was refused.
    Failed(String),
}

/// What is asked next.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Next {
    Ask { method: &'static str, path: &'static str, retry: bool },
    Wait,
    End,
}

/// What the operator gave.
#[derive(Debug)]
pub(crate) struct Given {
    pub(crate) values: AppConfigValues,
    pub(crate) ignore_app_preflights: bool,
    /// A token that lets requests pass.
    pub(crate) token: String,
}

/// Walks to the end.
pub(crate) async fn walk(site: &Site, router: Router, given: &Given) -> Outcome {
    let mut watch = site.store.watch_events();
    let mut may_retry = true;
    loop {
        watch.mark_unchanged();
        let state = match site.store.state().await {
            Ok(state) => state,
            Err(error) => return Outcome::Failed(crate::refusal::chain(&error)),
        };
        match next(site.flow, state, may_retry, given.ignore_app_preflights) {
            Next::End => return ended(site, state).await,
            // What is at work may also have ended just now, and its lock may be held a moment longer.
            Next::Wait => {
                if watch.changed().await.is_err() {
                    return Outcome::Failed("the run is gone".to_owned());
                }
            }
            Next::Ask { method, path, retry } => {
                let path = format!("{}{path}", site.flow.prefix());
                let body = body(&path, given);
                free(site).await;
                if let Err(why) = ask(&router, method, &path, retry, &body, &given.token).await {
                    return Outcome::Failed(why);
                }
            }
        }
        // From here on a failure is one of this run.
        may_retry = false;
    }
}

/// Waits until nobody holds the lock: a step gives it back a moment after its state is seen, and a refusal for that
/// would stand in the log as if something were wrong.
async fn free(site: &Site) {
    for _ in 0..200 {
        if !site.lock.is_held() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

async fn ended(site: &Site, state: State) -> Outcome {
    if state == State::Succeeded {
        return Outcome::Succeeded;
    }
    let step = match state {
        State::AirgapProcessingFailed => Step::Airgap,
        State::InfrastructureInstallFailed => Step::Infra,
        State::InstallationConfigurationFailed => Step::Installation,
        State::AppPreflightsExecutionFailed | State::AppPreflightsFailed => Step::AppPreflights,
        _ => Step::App,
    };
    let why = match site.store.status(step).await {
        Ok(status) => status.description,
        Err(error) => crate::refusal::chain(&error),
    };
    if state != State::AppPreflightsFailed {
        return Outcome::Failed(why);
    }
    let output = crate::preflights::view(site).await.ok().and_then(|it| it.output);
    let checks: Vec<String> = output
        .iter()
        .flat_map(|it| it.fail.iter().flatten())
        .map(|it| format!("{}: {}", it.title, it.message))
        .collect();
    Outcome::ChecksFailed(format!("{why}: {}", checks.join("; ")))
}

/// What to ask in a state. `may_retry`: the failure is one of an earlier run.
fn next(flow: Flow, state: State, may_retry: bool, ignore: bool) -> Next {
    let ask = |method, path| Next::Ask { method, path, retry: false };
    let again = |method, path| {
        if may_retry { Next::Ask { method, path, retry: true } } else { Next::End }
    };
    let app = match flow.mode {
        Mode::Install => "/app/install",
        Mode::Upgrade => "/app/upgrade",
    };
    match state {
        State::New | State::ApplicationConfigurationFailed => ask("PATCH", "/app/config/values"),
        State::ApplicationConfigured if flow.mode == Mode::Install => {
            ask("POST", "/installation/configure")
        }
        State::InstallationConfigurationFailed => again("POST", "/installation/configure"),
        State::InstallationConfigured => ask("POST", "/infra/setup"),
        State::InfrastructureInstallFailed => again("POST", "/infra/setup"),
        State::ApplicationConfigured if flow.has_airgap_step() => ask("POST", "/airgap/process"),
        State::AirgapProcessingFailed
        | State::AppUpgradeFailed
        | State::AppInstallFailed
        | State::AppPreflightsExecutionFailed => again("PATCH", "/app/config/values"),
        State::ApplicationConfigured | State::AirgapProcessed | State::InfrastructureInstalled => {
            ask("POST", "/app-preflights/run")
        }
        State::AppPreflightsFailed if may_retry => again("PATCH", "/app/config/values"),
        State::AppPreflightsFailed if ignore => ask("POST", app),
        State::AppPreflightsSucceeded | State::AppPreflightsFailedBypassed => ask("POST", app),
        State::AppPreflightsFailed | State::Succeeded => Next::End,
        State::ApplicationConfiguring
        | State::InstallationConfiguring
        | State::InfrastructureInstalling
        | State::AirgapProcessing
        | State::AppPreflightsRunning
        | State::AppInstalling
        | State::AppUpgrading => Next::Wait,
    }
}

fn body(path: &str, given: &Given) -> Value {
    if path.ends_with("/app/config/values") {
        json!({ "values": given.values })
    } else if path.ends_with("/app/upgrade") || path.ends_with("/app/install") {
        json!({ "ignoreAppPreflights": given.ignore_app_preflights })
    } else {
        json!({})
    }
}

async fn ask(
    router: &Router,
    method: &str,
    path: &str,
    retry: bool,
    body: &Value,
    token: &str,
) -> Result<(), String> {
    // Somebody may have been faster with the lock.
    for _ in 0..200 {
        let query = if retry { "?retry=true" } else { "" };
        let request = Request::builder()
            .method(method)
            .uri(format!("{path}{query}"))
            .header("authorization", format!("Bearer {token}"))
            .extension(Own)
            .extension(axum::extract::ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 0))))
            .body(Body::from(body.to_string()))
            .map_err(|error| error.to_string())?;
        let response = router.clone().oneshot(request).await.map_err(|error| error.to_string())?;
        let status = response.status();
        let bytes = to_bytes(response.into_body(), ANSWER_BYTES)
            .await
            .map_err(|error| error.to_string())?;
        if status.is_success() {
            return Ok(());
        }
        let answer: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        if answer["message"] == "lock already acquired" {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            continue;
        }
        return Err(told(&answer));
    }
    Err("lock already acquired".to_owned())
}

/// A refusal in the form of the original's headless mode.
fn told(answer: &Value) -> String {
    let mut text = answer["message"].as_str().unwrap_or("refused without a reason").to_owned();
    let errors = answer["errors"].as_array().into_iter().flatten();
    let lines: Vec<String> = errors
        .map(|it| {
            let field = it["field"].as_str().unwrap_or_default();
            format!("  - Field '{field}': {}", it["message"].as_str().unwrap_or_default())
        })
        .collect();
    if !lines.is_empty() {
        text = format!("{text}:\n{}", lines.join("\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Target;

    /// What is asked in every state of a flow.
    fn check(mode: Mode, airgap: bool, may_retry: bool) -> String {
        let target = if mode == Mode::Install { Target::Kubernetes } else { Target::Linux };
        let flow = Flow { target, mode, airgap };
        let of_flow = |state: &&State| {
            flow.edges().iter().any(|edge| edge.from == **state || edge.to == **state)
        };
        let line = |state: &State| match next(flow, *state, may_retry, false) {
            Next::Ask { method, path, retry } => {
                format!("{state}: {method} {path}{}", if retry { " retry" } else { "" })
            }
            other => format!("{state}: {other:?}"),
        };
        State::ALL.iter().filter(of_flow).map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn every_state_says_what_comes_next() {
        insta::assert_snapshot!(check(Mode::Upgrade, true, false));
        insta::assert_snapshot!(check(Mode::Install, false, false));
    }

    #[test]
    fn a_failure_of_an_earlier_run_is_tried_once_more() {
        insta::assert_snapshot!(check(Mode::Upgrade, false, true));
    }

    #[test]
    fn what_is_asked_is_allowed() {
        for (mode, airgap) in
            [(Mode::Upgrade, true), (Mode::Upgrade, false), (Mode::Install, false)]
        {
            let target = if mode == Mode::Install { Target::Kubernetes } else { Target::Linux };
            let flow = Flow { target, mode, airgap };
            for edge in flow.edges() {
                let Next::Ask { path, retry, .. } = next(flow, edge.from, true, false) else {
                    continue;
                };
                let to = match path {
                    "/app/config/values" => State::ApplicationConfiguring,
                    "/installation/configure" => Step::Installation.running(flow),
                    "/infra/setup" => Step::Infra.running(flow),
                    "/airgap/process" => Step::Airgap.running(flow),
                    "/app-preflights/run" => Step::AppPreflights.running(flow),
                    _ => Step::App.running(flow),
                };
                assert!(flow.allows(edge.from, to, retry), "{path} in {}", edge.from);
            }
        }
    }
}
