//! What a step is, and what it is given while it works.

use async_trait::async_trait;
use serde_json::{Map, Value};
use tokio::time::Instant;

use crate::event::StepKind;
use crate::journal::{Intent, Journal, JournalError};
use crate::outcome::Failure;
use crate::reporter::Reporter;

/// What a caller keeps in the journal about a step, as JSON. Never a secret: the file is plain text.
pub type Facts = Map<String, Value>;

/// What `check` found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Check {
    /// It is true already: the step is skipped with this reason.
    Done {
        /// What was found, for example "the licence on the server is this one".
        reason: String,
    },
    /// It is not true: run. The facts are on the disk before the effect begins.
    Needed {
        /// What the next run must know if this one dies: an idempotency key chosen now, what the
        /// other side had before.
        facts: Facts,
    },
}

impl Check {
    /// It is true already, because of `reason`.
    pub fn done(reason: impl Into<String>) -> Self {
        Self::Done { reason: reason.into() }
    }

    /// It is not true, and there is nothing to remember.
    pub fn needed() -> Self {
        Self::Needed { facts: Facts::new() }
    }

    /// It is not true; remember `facts` before acting.
    pub fn needed_with(facts: Facts) -> Self {
        Self::Needed { facts }
    }
}

/// How `run` and `verify` end when they do not fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// As intended.
    Well,
    /// As intended, but a person should know something about it.
    Warned {
        /// What they should know, one sentence.
        reason: String,
    },
}

impl Done {
    /// Done, with something a person should know.
    pub fn warned(reason: impl Into<String>) -> Self {
        Self::Warned { reason: reason.into() }
    }
}

/// One step of a run over the caller's context `C`.
///
/// The runner calls `check`; when that says needed, it writes the intent to the journal, calls
/// `run`, then `verify`, and writes the confirmation. Any of the three may be dropped at an await
/// point when the run is cancelled or its deadline passes; what must not be cut in two belongs in a
/// task of its own or between two awaits.
#[async_trait]
pub trait Step<C: Send>: Send {
    /// The stable identifier that events, journal and documents use, such as `license`: 1 to 128 of
    /// `A-Z a-z 0-9 . _ - /`, different from every other of the run.
    fn name(&self) -> &str;

    /// What the step does, for people, such as "Sync the license".
    fn title(&self) -> &str;

    /// Whether the step changes anything. A step that only looks writes no intent.
    fn kind(&self) -> StepKind {
        StepKind::Changes
    }

    /// Finds out whether it is true already. Changes nothing. Is also where a step decides what an
    /// open intent of a run that died means (see [`Scope::previous`]): "done" confirms that intent,
    /// and "needed" replaces it, so a step says that only when the old effect will not come any
    /// more, or takes the facts over so that the new one cannot double it.
    ///
    /// # Errors
    ///
    /// A failure when it cannot be found out, or when the step must not run.
    async fn check(&mut self, context: &mut C, scope: &mut Scope<'_>) -> Result<Check, Failure> {
        let _ = (context, scope);
        Ok(Check::needed())
    }

    /// Makes it true. For a read-only step: looks.
    ///
    /// # Errors
    ///
    /// A failure, which says whether something may have changed.
    async fn run(&mut self, context: &mut C, scope: &mut Scope<'_>) -> Result<Done, Failure>;

    /// Finds out whether it is true now. The intent is confirmed only after this.
    ///
    /// # Errors
    ///
    /// A failure when it is not true or cannot be found out.
    async fn verify(&mut self, context: &mut C, scope: &mut Scope<'_>) -> Result<Done, Failure> {
        let _ = (context, scope);
        Ok(Done::Well)
    }
}

/// What a step may use while it works: the reporter, its memory in the journal and the deadline.
#[derive(Debug)]
pub struct Scope<'a> {
    pub(crate) step: &'a str,
    pub(crate) reporter: &'a Reporter,
    pub(crate) journal: &'a mut Journal,
    pub(crate) previous: Option<Intent>,
    pub(crate) deadline: Option<Instant>,
    /// Whether this run has written the step's intent.
    pub(crate) acting: bool,
}

impl Scope<'_> {
    /// The handle for notes and progress. Clone it to report from other tasks.
    pub fn reporter(&self) -> &Reporter {
        self.reporter
    }

    /// The last intent of this step from before this run, if any. When it is
    /// [open](crate::IntentState::Open), an earlier run may or may not have had its effect.
    pub fn previous(&self) -> Option<&Intent> {
        self.previous.as_ref()
    }

    /// The last intent of any step of this run key, from this run or an earlier one.
    pub fn intent(&self, step: &str) -> Option<&Intent> {
        self.journal.intent(step)
    }

    /// Adds facts to this step's current intent, on the disk when it returns. For what is learnt
    /// while acting, such as the number the other side gave. Same keys are replaced.
    ///
    /// # Errors
    ///
    /// When the step has written no intent (it is read-only, or this is `check`) or the disk fails.
    pub fn record(&mut self, facts: Facts) -> Result<(), JournalError> {
        if !self.acting {
            return Err(JournalError::NoIntent { step: self.step.to_owned() });
        }
        self.journal.add_facts(self.step, facts)
    }

    /// When the run must be over, if it has a deadline. A step that can say more than "dropped at
    /// the deadline" returns its own failure at or before this instant.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }
}
