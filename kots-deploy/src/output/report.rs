//! The document a run ends with, and the exit status that goes with it.

use steps::outcome::{CANCELLED, DEADLINE};
use steps::{Failure, Report, RunOutcome, StepReport};
use wire::app::AppStatus;
use wire::report::{
    AppStatusReport, DeployOutcome, DeployReport, DeployTarget, ErrorReport, SCHEMA,
    StepReport as StepDocument,
};

/// What is known beside the steps.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// The application.
    pub app: String,
    /// What was to be deployed.
    pub target: DeployTarget,
    /// The version that carries it.
    pub sequence: Option<i64>,
    /// What the status informers said last.
    pub status: Option<AppStatus>,
    /// What was seen last.
    pub last_seen: Option<String>,
}

/// How a run ended.
pub fn outcome(report: &Report) -> DeployOutcome {
    match (report.outcome(), report.failure()) {
        (Some(RunOutcome::Succeeded | RunOutcome::Warned), _) if report.acted() => {
            DeployOutcome::Ready
        }
        (Some(RunOutcome::Succeeded | RunOutcome::Warned), _) => DeployOutcome::Unchanged,
        (_, Some((_, failure))) => of_failure(&failure.kind),
        _ => DeployOutcome::Unknown,
    }
}

fn of_failure(kind: &str) -> DeployOutcome {
    match kind {
        "rejected" => DeployOutcome::Rejected,
        "not_ready" => DeployOutcome::NotReady,
        "unknown" | CANCELLED | DEADLINE => DeployOutcome::Unknown,
        _ => DeployOutcome::Failed,
    }
}

/// The exit status of an outcome.
pub fn exit_status(outcome: DeployOutcome) -> u8 {
    match outcome {
        DeployOutcome::Ready | DeployOutcome::Unchanged => 0,
        DeployOutcome::Failed | DeployOutcome::Rejected => 1,
        DeployOutcome::NotReady => 3,
        DeployOutcome::Unknown => 4,
    }
}

/// Makes the document of a run.
pub fn document(report: &Report, known: Known) -> DeployReport {
    let outcome = outcome(report);
    let error = report.failure().map(|(_, failure)| error(failure, outcome, &known));
    DeployReport {
        schema: SCHEMA,
        outcome,
        app: known.app,
        target: known.target,
        sequence: known.sequence,
        steps: report.steps().iter().map(step).collect(),
        app_status: known
            .status
            .map(|it| AppStatusReport { state: it.state, resources: it.resource_states }),
        error,
    }
}

/// Makes the document of a run that could not begin.
pub fn refused(known: Known, outcome: DeployOutcome, error: ErrorReport) -> DeployReport {
    DeployReport {
        schema: SCHEMA,
        outcome,
        app: known.app,
        target: known.target,
        sequence: None,
        steps: Vec::new(),
        app_status: None,
        error: Some(error),
    }
}

fn error(failure: &Failure, outcome: DeployOutcome, known: &Known) -> ErrorReport {
    let mut why = failure.why.clone();
    if outcome == DeployOutcome::Unknown
        && let Some(seen) = &known.last_seen
        && !why.iter().any(|it| it.contains("last seen"))
    {
        why.push(format!("last seen: {seen}"));
    }
    let next = failure.next.clone().unwrap_or_default();
    ErrorReport { what: failure.what.clone(), why, next }
}

fn step(step: &StepReport) -> StepDocument {
    let stopped = step
        .outcome()
        .and_then(steps::Outcome::failure)
        .is_some_and(|it| [CANCELLED, DEADLINE].contains(&it.kind.as_str()));
    let outcome = if stopped { "interrupted" } else { step.word() };
    StepDocument {
        name: step.name.clone(),
        outcome: outcome.to_owned(),
        reason: step.outcome().and_then(steps::Outcome::reason).map(str::to_owned),
        started_at: step.started_at.map(|it| it.to_string()),
        ended_at: step.ended_at.map(|it| it.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_outcomes_and_exit_codes() {
        let table = [
            "rejected",
            "failed",
            "not_ready",
            "unknown",
            CANCELLED,
            DEADLINE,
            "journal",
            "panicked",
        ]
        .map(|kind| format!("{kind} {:?} {}", of_failure(kind), exit_status(of_failure(kind))));
        insta::assert_snapshot!(table.join("\n"), @r"
        rejected Rejected 1
        failed Failed 1
        not_ready NotReady 3
        unknown Unknown 4
        cancelled Unknown 4
        deadline Unknown 4
        journal Failed 1
        panicked Failed 1
        ");
        assert_eq!(exit_status(DeployOutcome::Ready), 0);
        assert_eq!(exit_status(DeployOutcome::Unchanged), 0);
    }
}
