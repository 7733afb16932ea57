//! Carries a deploy from its arguments to its report.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use steps::{Failure, Journal, Run, RunKey, Step, Stop, SystemClock, journal};
use tokio::time::Instant;
use wire::report::{DeployOutcome, DeployReport, ErrorReport};

use super::args::{DeployArgs, RunArgs};
use super::plan::{self, DeployPlan, PlanError};
use super::state::{Context, LastSeen};
use super::steps as deploy_steps;
use crate::deploy::inputs::InputError;
use crate::output::report::{Known, document, refused};
use crate::output::{Printer, error};
use crate::reach::Way;
use crate::signals::Signals;

/// The run engine drops a step this long after its own deadline; steps end by themselves before.
const GRACE: Duration = Duration::from_secs(5);
/// How long an embedded admin console may take to stop.
const STOP_LIMIT: Duration = Duration::from_secs(2);

/// Deploys, prints and returns the document.
pub async fn run(args: DeployArgs, signals: Signals) -> DeployReport {
    let printer = Printer::new(&args.run);
    let document = deploy(args, signals, &printer).await;
    printer.conclude(&document, "Deployment process completed successfully");
    document
}

async fn deploy(args: DeployArgs, signals: Signals, printer: &Printer) -> DeployReport {
    let deadline = Instant::now() + args.run.timeout;
    let known = Known { app: args.slug.clone(), ..Known::default() };
    let way = match Way::prepare(&args.reach, &args.license_root_keys, &args.images).await {
        Ok(way) => way,
        Err(error) => return rejected(known, &error, error.hint()),
    };
    let run_args = args.run.clone();
    let plan = match resolve(args, way, &signals, printer).await {
        Ok(plan) => plan,
        Err(error) if error.is_interrupt() => return interrupted(known),
        Err(error) => return rejected(known, &error, error.hint()),
    };
    let job = Job {
        name: "deploy",
        steps: deploy_steps::all(&plan),
        key: plan.key(),
        plan: Arc::new(plan),
        args: run_args,
        deadline,
    };
    carry_out(job, known, signals, printer).await
}

/// A run that only has to be carried out.
pub(crate) struct Job {
    /// What it is.
    pub(crate) name: &'static str,
    /// Its steps.
    pub(crate) steps: Vec<Box<dyn Step<Context>>>,
    /// What makes it the same run as another.
    pub(crate) key: RunKey,
    /// Its plan.
    pub(crate) plan: Arc<DeployPlan>,
    /// When and how to report.
    pub(crate) args: RunArgs,
    /// When it must be over.
    pub(crate) deadline: Instant,
}

/// Runs the steps under a journal and makes the document.
pub(crate) async fn carry_out(
    job: Job,
    known: Known,
    signals: Signals,
    printer: &Printer,
) -> DeployReport {
    let Job { name, steps, key, plan, args, deadline } = job;
    let known = Known { target: plan.target.report(), ..known };
    let (state_dir, journal) = match open_journal(&args, &key) {
        Ok(opened) => opened,
        Err(failure) => return unjournalled(known, failure),
    };
    let last = LastSeen::default();
    let mut context = Context {
        plan,
        wait: args.wait,
        limit: args.timeout,
        deadline,
        state_dir: state_dir.clone(),
        client: None,
        embedded: None,
        settled: None,
        sequence: None,
        new_registry: None,
        label: None,
        status: None,
        last: last.clone(),
    };
    let (lines, events) = printer.sinks();
    let mut run =
        Run::declare(name, steps).expect("the steps have different names").with_sink(lines);
    if let Some(events) = events {
        run = run.with_sink(events);
    }
    if let Some(journal) = journal {
        run = run.with_journal(journal);
    }
    let left = deadline.saturating_duration_since(Instant::now());
    let stop = Stop::never().after(left + GRACE).on(signals.wait());
    let report = run.run(&mut context, stop).await;
    if let Some(embedded) = context.embedded.take() {
        // What it was doing is taken up at its next start: a person who said stop waits no longer.
        let _ = tokio::time::timeout(STOP_LIMIT, embedded.stop()).await;
    }
    if let Some(dir) = &state_dir {
        let _ = journal::prune(dir, &journal::Retention::default(), Timestamp::now());
    }
    let mut known = known;
    if let Some(label) = context.label.take().filter(|_| known.target.version_label.is_empty()) {
        known.target.version_label = label;
    }
    let known = Known {
        sequence: context.sequence,
        status: context.status.take(),
        last_seen: last.get(),
        ..known
    };
    document(&report, known)
}

async fn resolve(
    args: DeployArgs,
    way: Way,
    signals: &Signals,
    printer: &Printer,
) -> Result<DeployPlan, PlanError> {
    let (signals, progress) = (signals.clone(), printer.progress());
    let task = tokio::task::spawn_blocking(move || {
        plan::resolve(&args, way, Timestamp::now(), &mut |it| {
            progress(it.read, it.total);
            if signals.raised() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
    });
    match task.await {
        Ok(plan) => plan,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// A run that a signal ended before it began.
pub(crate) fn interrupted(known: Known) -> DeployReport {
    let error = ErrorReport {
        what: InputError::Interrupted.to_string(),
        why: vec!["nothing was sent".to_owned()],
        next: "run the same command again".to_owned(),
    };
    refused(known, DeployOutcome::Unknown, error)
}

/// A run that was refused before it began.
pub fn rejected(
    known: Known,
    error: &(dyn std::error::Error + 'static),
    hint: Option<&str>,
) -> DeployReport {
    let report = error::of(error, hint.unwrap_or_default());
    refused(known, DeployOutcome::Rejected, report)
}

pub(crate) fn unjournalled(known: Known, failure: Failure) -> DeployReport {
    let error = ErrorReport {
        what: failure.what,
        why: failure.why,
        next: failure.next.unwrap_or_default(),
    };
    refused(known, DeployOutcome::Rejected, error)
}

/// Opens the journal of `key` in the state folder. On a machine without one there is no journal: what is true is then
/// read from the server alone.
///
/// # Errors
///
/// When there is a folder and the journal in it cannot be used.
pub fn open_journal(
    args: &RunArgs,
    key: &RunKey,
) -> Result<(Option<PathBuf>, Option<Journal>), Failure> {
    let Some(dir) = state_dir(args) else {
        return Ok((None, None));
    };
    let journal = Journal::open(&dir, key, Arc::new(SystemClock))?;
    Ok((Some(dir), Some(journal)))
}

/// The folder of everything that is remembered, if there is one.
pub fn state_dir(args: &RunArgs) -> Option<PathBuf> {
    args.state_dir.clone().or_else(default_state_dir)
}

/// The XDG state folder of this program.
pub(crate) fn default_state_dir() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|it| !it.is_empty()).map(PathBuf::from);
    set("XDG_STATE_HOME")
        .filter(|it| it.is_absolute())
        .or_else(|| set("HOME").map(|it| it.join(Path::new(".local/state"))))
        .map(|it| it.join("kots"))
}
