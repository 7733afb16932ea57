//! Runs steps in order. Decides nothing about them: every rule is in a function of its own.

use std::any::Any;
use std::collections::BTreeSet;
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use crate::clock::{Clock, SystemClock};
use crate::event::{Declared, EventKind, StepKind};
use crate::journal::{Intent, Journal, JournalError};
use crate::outcome::{
    CANCELLED, DEADLINE, Effect, Failure, Outcome, PANICKED, RunOutcome, roll_up,
};
use crate::report::Report;
use crate::reporter::Reporter;
use crate::sink::Sink;
use crate::step::{Check, Done, Facts, Scope, Step};
use crate::stop::{Cause, Stop};

/// The most steps one run may have.
const STEPS_LIMIT: usize = 10_000;
const NAME_LIMIT_BYTES: usize = 128;

/// An ordered list of steps, ready to run once.
pub struct Run<C> {
    name: String,
    steps: Vec<Box<dyn Step<C>>>,
    journal: Option<Journal>,
    clock: Arc<dyn Clock>,
    sinks: Vec<Box<dyn Sink>>,
}

/// Why a list of steps cannot be a run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeclareError {
    /// Two steps have the same name.
    #[error("two steps are named `{name}`")]
    DuplicateName {
        /// The name.
        name: String,
    },
    /// A name that cannot be one.
    #[error("step name `{name}` is not 1 to 128 of `A-Z a-z 0-9 . _ - /`")]
    BadName {
        /// The name.
        name: String,
    },
    /// More steps than a run may have.
    #[error("a run of {found} steps, at most {STEPS_LIMIT} are allowed")]
    TooMany {
        /// How many.
        found: usize,
    },
}

impl<C> fmt::Debug for Run<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<C: Send> Run<C> {
    /// Declares a run of `steps` in this order, called `name` in its events, such as `deploy`.
    ///
    /// # Errors
    ///
    /// When the steps cannot be told apart by name, or a name is not one.
    pub fn declare(
        name: impl Into<String>,
        steps: Vec<Box<dyn Step<C>>>,
    ) -> Result<Self, DeclareError> {
        if STEPS_LIMIT < steps.len() {
            return Err(DeclareError::TooMany { found: steps.len() });
        }
        let mut names = BTreeSet::new();
        for step in &steps {
            let name = step.name();
            if !is_name(name) {
                return Err(DeclareError::BadName { name: name.to_owned() });
            }
            if !names.insert(name) {
                return Err(DeclareError::DuplicateName { name: name.to_owned() });
            }
        }
        let clock = Arc::new(SystemClock);
        Ok(Self { name: name.into(), steps, journal: None, clock, sinks: Vec::new() })
    }

    /// Remembers intents in `journal`. Without one they are forgotten when the run ends.
    pub fn with_journal(mut self, journal: Journal) -> Self {
        self.journal = Some(journal);
        self
    }

    /// Takes the timestamps of events from `clock` instead of the machine.
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Sends events also to `sink`.
    pub fn with_sink(mut self, sink: impl Sink + 'static) -> Self {
        self.sinks.push(Box::new(sink));
        self
    }

    /// Runs the steps in order until one fails or `stop` says so, and returns what happened.
    ///
    /// On a stop the current step is dropped at the await point where it is, and its failure says
    /// whether an intent is left open. The step is asked first: one that ends at the same moment
    /// has ended. The journal is written synchronously, so a write is never cut in two by a stop.
    /// A step that panics fails; the panic does not leave this function.
    pub async fn run(self, context: &mut C, mut stop: Stop) -> Report {
        let Self { name, mut steps, journal, clock, sinks } = self;
        let mut journal = journal.unwrap_or_else(|| Journal::in_memory(Arc::clone(&clock)));
        let reporter = Reporter::new(clock, sinks);
        let declared = steps.iter().map(|it| declare(it.as_ref())).collect();
        reporter.record(EventKind::RunDeclared { run: name, steps: declared });

        let mut outcomes: Vec<Outcome> = Vec::with_capacity(steps.len());
        let mut blocked: Option<String> = None;
        for step in &mut steps {
            let name = step.name().to_owned();
            let outcome = match &blocked {
                Some(reason) => Outcome::Skipped { reason: reason.clone() },
                None => {
                    drive(step.as_mut(), &name, context, &mut journal, &reporter, &mut stop).await
                }
            };
            if blocked.is_none() {
                blocked = blocks(&name, &outcome);
            }
            outcomes.push(outcome.clone());
            reporter.record(EventKind::StepEnded { step: name, outcome });
        }

        let result = roll_up(&outcomes);
        if let Err(error) = journal.end_run(result) {
            reporter.warn(format!("the end of the run could not be recorded: {error}"));
        }
        reporter.record(EventKind::RunEnded { result });
        reporter.report()
    }
}

fn declare<C: Send>(step: &dyn Step<C>) -> Declared {
    Declared { name: step.name().to_owned(), title: step.title().to_owned(), kind: step.kind() }
}

/// Why the steps after this one do not run, if they do not.
fn blocks(name: &str, outcome: &Outcome) -> Option<String> {
    match roll_up([outcome]) {
        RunOutcome::Succeeded | RunOutcome::Warned => None,
        RunOutcome::Failed => Some(format!("not run because `{name}` failed")),
        RunOutcome::Interrupted => Some(format!("not run because `{name}` was interrupted")),
    }
}

/// Takes one step through check, intent, run, verify and confirmation.
async fn drive<C: Send>(
    step: &mut dyn Step<C>,
    name: &str,
    context: &mut C,
    journal: &mut Journal,
    reporter: &Reporter,
    until: &mut Stop,
) -> Outcome {
    let kind = step.kind();
    let reporter = reporter.for_step(name);
    let previous = journal.intent(name).cloned();
    let deadline = until.deadline();
    reporter.record(EventKind::StepStarted { step: name.to_owned() });

    let mut scope =
        Scope { step: name, reporter: &reporter, journal, previous, deadline, acting: false };
    let facts = match phase(step.check(context, &mut scope), until).await {
        Ok(Check::Needed { facts }) => facts,
        Ok(Check::Done { reason }) => return skipped(name, reason, scope.journal),
        Err(cut) => return failed(name, cut, scope.acting, scope.journal),
    };
    let attempt = match begin(kind, name, facts, scope.journal) {
        Ok(attempt) => attempt,
        Err(error) => return failed(name, Cut::Failed(error.into()), false, scope.journal),
    };
    scope.acting = kind == StepKind::Changes;
    reporter.record(EventKind::StepActing { step: name.to_owned(), attempt });

    let ran = match phase(step.run(context, &mut scope), until).await {
        Ok(done) => done,
        Err(cut) => return failed(name, cut, scope.acting, scope.journal),
    };
    let verified = match phase(step.verify(context, &mut scope), until).await {
        Ok(done) => done,
        Err(cut) => return failed(name, cut, scope.acting, scope.journal),
    };
    let recorded = match kind {
        StepKind::Changes => scope.journal.confirm(name),
        StepKind::ReadOnly => Ok(()),
    };
    succeeded([ran, verified], recorded)
}

/// Writes the intent of a step that changes something, and returns which attempt this is.
fn begin(
    kind: StepKind,
    name: &str,
    facts: Facts,
    journal: &mut Journal,
) -> Result<u64, JournalError> {
    match kind {
        StepKind::ReadOnly => Ok(1),
        StepKind::Changes => {
            journal.begin_intent(name, facts)?;
            Ok(journal.intent(name).map_or(1, |it| it.attempt))
        }
    }
}

/// It is true already. When an earlier run left its intent open, its effect is known now.
fn skipped(name: &str, reason: String, journal: &mut Journal) -> Outcome {
    if journal.intent(name).is_some_and(Intent::open)
        && let Err(error) = journal.confirm(name)
    {
        return Outcome::Warned { reason: format!("{reason}; {}", unrecorded(&error)) };
    }
    Outcome::Skipped { reason }
}

fn succeeded(done: [Done; 2], recorded: Result<(), JournalError>) -> Outcome {
    let mut reasons: Vec<String> = done
        .into_iter()
        .filter_map(|it| match it {
            Done::Well => None,
            Done::Warned { reason } => Some(reason),
        })
        .collect();
    // The effect is proven, so this is no failure; a later step would fail before its own effect.
    reasons.extend(recorded.err().map(|it| unrecorded(&it)));
    if reasons.is_empty() {
        return Outcome::Succeeded;
    }
    Outcome::Warned { reason: reasons.join("; ") }
}

fn unrecorded(error: &JournalError) -> String {
    format!("that it is done could not be recorded: {error}")
}

/// Why a phase of a step did not end well.
enum Cut {
    Failed(Failure),
    Stopped(Cause),
    Panicked(String),
}

/// Makes the failure of a step, true to what the journal knows about its effect. `acting` is
/// whether this run wrote the intent: what a check says about effects is not about that of a run
/// before, whose open intent stays open.
fn failed(name: &str, cut: Cut, acting: bool, journal: &mut Journal) -> Outcome {
    let (mut failure, is_cut) = match cut {
        Cut::Failed(failure) => (failure, false),
        Cut::Stopped(cause) => (stopped(name, &cause), true),
        Cut::Panicked(text) => (panicked(name, &text), true),
    };
    if acting
        && failure.effect == Effect::None
        && let Err(error) = journal.void(name)
    {
        failure = failure.because(format!("that nothing changed could not be recorded: {error}"));
    }
    match journal.intent(name).filter(|it| it.open()) {
        None => failure.effect = Effect::None,
        // Its void could not be recorded, so the next run will look; this one knows.
        Some(_) if acting && failure.effect == Effect::None => {}
        Some(intent) => {
            failure.effect = Effect::Unknown;
            if is_cut {
                let at = intent.at;
                let why = format!("its effect is unknown: begun at {at} and not confirmed");
                failure = failure.because(why);
            }
        }
    }
    Outcome::Failed { failure }
}

fn panicked(name: &str, text: &str) -> Failure {
    Failure::new(PANICKED, format!("`{name}` panicked: {text}"))
        .next("report this as a bug of the program")
}

fn stopped(name: &str, cause: &Cause) -> Failure {
    let failure = match cause {
        Cause::Cancelled(by) => {
            Failure::new(CANCELLED, format!("`{name}` was interrupted by {by}"))
        }
        Cause::Deadline(limit) => {
            let limit = jiff::SignedDuration::try_from(*limit).unwrap_or(jiff::SignedDuration::MAX);
            Failure::new(DEADLINE, format!("the time limit of {limit:#} passed during `{name}`"))
        }
    };
    failure.next("run the same command again: it finds out what is true and goes on from there")
}

/// Waits for one phase of a step, unless the run must stop before.
async fn phase<T>(
    work: impl Future<Output = Result<T, Failure>>,
    stop: &mut Stop,
) -> Result<T, Cut> {
    // A step that never waits would otherwise never see that the run must stop.
    if let Some(cause) = stop.due().await {
        return Err(Cut::Stopped(cause));
    }
    let mut work = pin!(work);
    let guarded = poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(ended)) => Poll::Ready(ended.map_err(Cut::Failed)),
        Err(panic) => Poll::Ready(Err(Cut::Panicked(panic_text(panic.as_ref())))),
    });
    tokio::select! {
        biased;
        ended = guarded => ended,
        cause = stop.wait() => Err(Cut::Stopped(cause)),
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|it| (*it).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no text".to_owned())
}

fn is_name(name: &str) -> bool {
    let allowed = |it: u8| it.is_ascii_alphanumeric() || b"._-/".contains(&it);
    (1..=NAME_LIMIT_BYTES).contains(&name.len()) && name.bytes().all(allowed)
}
