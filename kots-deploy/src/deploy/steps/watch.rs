//! Follows this very version until it is deployed and its resources are ready.

use std::time::Duration;

use steps::{Check, Done, Failure, Progress, Scope, Step, StepKind, async_trait};
use tokio::time::{Instant, sleep_until};
use wire::app::{App, AppStatus, DownstreamLogs, DownstreamVersion};

use crate::cli::duration::show;
use crate::client::call::CallError;
use crate::deploy::args::Wait;
use crate::deploy::preflights::hold_first;
use crate::deploy::state::{Context, failure};
use crate::deploy::target::{name, versions};
use crate::deploy::verdict::Move;

/// The first pause between two looks; each next one is longer.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest pause between two looks.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// The most lines of a deploy's output that are told.
const OUTPUT_LINES: usize = 200;

/// Watches.
pub(crate) struct Watch;

#[async_trait]
impl Step<Context> for Watch {
    fn name(&self) -> &'static str {
        "watch"
    }

    fn title(&self) -> &'static str {
        "Watch until it is ready"
    }

    fn kind(&self) -> StepKind {
        StepKind::ReadOnly
    }

    async fn check(&mut self, context: &mut Context, _: &mut Scope<'_>) -> Result<Check, Failure> {
        Ok(match context.wait {
            Wait::Accepted => Check::done("--wait accepted was given"),
            Wait::Deployed | Wait::Ready => Check::needed(),
        })
    }

    async fn run(&mut self, context: &mut Context, scope: &mut Scope<'_>) -> Result<Done, Failure> {
        let sequence = context.sequence.unwrap_or(-1);
        deployed(context, scope, sequence).await?;
        if context.wait == Wait::Ready {
            ready(context, scope, sequence).await?;
        }
        Ok(Done::Well)
    }
}

/// What a look at the versions shows of one of them.
#[derive(Debug, PartialEq, Eq)]
enum Stage {
    Gone,
    Replaced(String),
    Deployed,
    Failed(String),
    /// A first version that is not deployed by itself, and why.
    Held(Vec<String>),
    Working(String),
}

fn stage(app: &App, sequence: i64) -> Stage {
    let Some(version) = versions(app).into_iter().find(|it| it.sequence == sequence) else {
        return Stage::Gone;
    };
    let current = app.downstream.current_version.as_ref();
    match (version.status.as_str(), current) {
        // A later one took its place, whatever became of this one.
        (_, Some(current)) if current.sequence > sequence => {
            Stage::Replaced(format!("sequence {} with {}", current.sequence, name(current)))
        }
        ("failed", _) => Stage::Failed(version.status_info.clone()),
        ("deployed", Some(current)) if current.sequence == sequence => Stage::Deployed,
        (status, None) => match hold_first(version) {
            why if why.is_empty() => Stage::Working(status.to_owned()),
            why => Stage::Held(why),
        },
        (status, _) => Stage::Working(status.to_owned()),
    }
}

async fn deployed(context: &Context, scope: &Scope<'_>, sequence: i64) -> Result<(), Failure> {
    let mut pause = FIRST_PAUSE;
    // A run that found its work done is silent unless it has to wait.
    let mut told = !is_settled(context);
    if told {
        scope.reporter().note(format!("Waiting until sequence {sequence} is deployed..."));
    }
    loop {
        let app = context.app(scope).await?;
        let what = format!("deploying sequence {sequence} of {}", context.plan.slug);
        let status = match stage(&app, sequence) {
            Stage::Deployed => {
                if told {
                    scope.reporter().note(format!("Sequence {sequence} is deployed"));
                }
                return Ok(());
            }
            Stage::Failed(info) => {
                return Err(failed(context, scope, &app, sequence, info).await);
            }
            Stage::Replaced(by) => {
                return Err(Failure::new("failed", format!("{what} was overtaken"))
                    .because(format!("{by} was deployed after it"))
                    .next("find out who deploys beside you, then run the same command again"));
            }
            Stage::Gone => {
                return Err(Failure::new("failed", format!("{what} failed"))
                    .because("kotsadm has no such version any more")
                    .next("find out who removed it, then run the same command again"));
            }
            Stage::Held(why) => {
                let mut failure =
                    Failure::new("rejected", format!("{} is not deployed", context.plan.slug));
                failure.why = why;
                return Err(failure.next(
                    "mend what the checks name and run the same command again, or deploy it with `kots deploy`",
                ));
            }
            Stage::Working(status) => status,
        };
        if !told {
            scope.reporter().note(format!("Waiting until sequence {sequence} is deployed..."));
            told = true;
        }
        scope.reporter().progress(&Progress::Text(format!("sequence {sequence} is `{status}`")));
        if !nap(&mut pause, context.deadline).await {
            return Err(Failure::new(
                "unknown",
                format!("{what} did not end within {}", show(context.limit)),
            )
            .because(format!("last seen: sequence {sequence} is `{status}`"))
            .next("run the same command again: it goes on watching"));
        }
    }
}

/// Tells what the server printed while it deployed.
async fn failed(
    context: &Context,
    scope: &Scope<'_>,
    app: &App,
    sequence: i64,
    info: String,
) -> Failure {
    let what = format!("deploying sequence {sequence} of {} failed", context.plan.slug);
    let mut failure = Failure::new("failed", what).next(
        "correct what it names, then run the same command again: it deploys the same version again",
    );
    if !info.is_empty() {
        failure.why.push(info);
    }
    let cluster = &app.downstream.cluster.id;
    let client = context.client();
    match client.deploy_output(&context.plan.slug, cluster, sequence, scope.reporter()).await {
        Ok(logs) => failure.why.extend(output_lines(&logs)),
        Err(error) => failure.why.push(format!("its output could not be read: {error}")),
    }
    failure
}

fn output_lines(logs: &DownstreamLogs) -> Vec<String> {
    let parts = [
        ("render error", &logs.render_error),
        ("dry run stderr", &logs.dryrun_stderr),
        ("dry run stdout", &logs.dryrun_stdout),
        ("apply stderr", &logs.apply_stderr),
        ("apply stdout", &logs.apply_stdout),
        ("helm stderr", &logs.helm_stderr),
        ("helm stdout", &logs.helm_stdout),
    ];
    parts
        .into_iter()
        .flat_map(|(part, text)| {
            text.lines().filter(|it| !it.trim().is_empty()).map(move |it| format!("{part}: {it}"))
        })
        .take(OUTPUT_LINES)
        .collect()
}

fn is_settled(context: &Context) -> bool {
    matches!(context.settled, Some(Move::Watch { .. }))
}

async fn ready(context: &mut Context, scope: &Scope<'_>, sequence: i64) -> Result<(), Failure> {
    let mut pause = FIRST_PAUSE;
    let mut told = !is_settled(context);
    if told {
        scope.reporter().note("Waiting until the application is ready...");
    }
    loop {
        let answer = context.client().status(&context.plan.slug, scope.reporter()).await;
        let reply = answer.map_err(|it| {
            cut_off(context, sequence, &it)
                .unwrap_or_else(|| failure("failed to read the application's status", &it))
        })?;
        let status = reply.appstatus.unwrap_or_default();
        let is_this = status.sequence == sequence && !status.state.is_empty();
        let seen = if is_this {
            let first = unhealthy(&status).into_iter().next();
            let first = first.map_or_else(String::new, |it| format!(": {it}"));
            format!("sequence {sequence} is deployed and `{}`{first}", status.state)
        } else {
            format!("sequence {sequence} is deployed and has no status yet")
        };
        context.last.set(seen.clone());
        if is_this {
            context.status = Some(status.clone());
        }
        if is_this && status.state == "ready" {
            if told {
                scope.reporter().note("The application is ready");
            }
            return Ok(());
        }
        if !told {
            scope.reporter().note("Waiting until the application is ready...");
            told = true;
        }
        scope.reporter().progress(&Progress::Text(seen));
        if !nap(&mut pause, context.deadline).await {
            return Err(not_ready(context, sequence));
        }
        still_current(context, scope, sequence).await?;
    }
}

/// A status stays that of the version it is about: without this a run would wait for one that was replaced.
async fn still_current(context: &Context, scope: &Scope<'_>, sequence: i64) -> Result<(), Failure> {
    let answer = context.client().app(&context.plan.slug, scope.reporter()).await;
    let app = answer.map_err(|it| {
        cut_off(context, sequence, &it)
            .unwrap_or_else(|| failure("failed to read the application", &it))
    })?;
    match app.downstream.current_version.as_ref() {
        Some(DownstreamVersion { sequence: current, .. }) if *current > sequence => {
            Err(Failure::new(
                "failed",
                format!("sequence {sequence} of {} was overtaken", context.plan.slug),
            )
            .because(format!("sequence {current} was deployed after it, before it was ready"))
            .next("find out who deploys beside you, then run the same command again"))
        }
        _ => Ok(()),
    }
}

/// The end when the deadline fell into a look at a server that answered until then: what it said last is how things
/// are. A server that was out of reach before is another matter: the end was not seen.
fn cut_off(context: &Context, sequence: i64, error: &CallError) -> Option<Failure> {
    let is_deadline = matches!(error, CallError::OutOfTime { attempts: 1, .. });
    (is_deadline && context.status.is_some()).then(|| not_ready(context, sequence))
}

fn not_ready(context: &Context, sequence: i64) -> Failure {
    let mut failure = Failure::new(
        "not_ready",
        format!(
            "sequence {sequence} of {} is deployed but not ready after {}",
            context.plan.slug,
            show(context.limit)
        ),
    )
    .next("look at the resources it names; running the same command again goes on watching");
    failure.why = match &context.status {
        Some(status) => unhealthy(status),
        None => vec!["kotsadm has told no status of this version".to_owned()],
    };
    failure
}

/// One line for each resource that is not ready.
fn unhealthy(status: &AppStatus) -> Vec<String> {
    status
        .resource_states
        .iter()
        .filter(|it| it.state != "ready")
        .map(|it| {
            let reason = it.reason.as_ref().map_or_else(String::new, |it| format!(": {it}"));
            format!("{} {}/{} is {}{reason}", it.kind, it.namespace, it.name, it.state)
        })
        .collect()
}

/// Waits until the next look; false when the deadline comes first.
async fn nap(pause: &mut Duration, deadline: Instant) -> bool {
    let next = Instant::now() + *pause;
    *pause = (*pause * 3 / 2).min(LONGEST_PAUSE);
    if next >= deadline {
        return false;
    }
    sleep_until(next).await;
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(current: (i64, &str), others: &[(i64, &str)]) -> Stage {
        let version = |(sequence, status): (i64, &str)| DownstreamVersion {
            sequence,
            status: status.to_owned(),
            version_label: "1.1.0".to_owned(),
            update_cursor: "5".to_owned(),
            ..DownstreamVersion::default()
        };
        let mut app = App::default();
        app.downstream.current_version = Some(version(current));
        app.downstream.pending_versions = others.iter().map(|it| version(*it)).collect();
        stage(&app, 3)
    }

    #[test]
    fn only_this_version_counts() {
        assert_eq!(check((3, "deployed"), &[]), Stage::Deployed);
        assert_eq!(check((3, "deploying"), &[]), Stage::Working("deploying".into()));
        assert_eq!(check((3, "failed"), &[]), Stage::Failed(String::new()));
        assert_eq!(check((2, "deployed"), &[(3, "pending")]), Stage::Working("pending".into()));
        assert_eq!(check((2, "deployed"), &[]), Stage::Gone);
        let by = "sequence 4 with 1.1.0 (cursor 5)".to_owned();
        assert_eq!(check((4, "deployed"), &[(3, "deployed")]), Stage::Replaced(by));
    }
}
