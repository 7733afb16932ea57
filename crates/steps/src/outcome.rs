//! How a step ends, how a run ends, and the table that makes the second out of the first.

use serde::{Deserialize, Serialize};

/// [`Failure::kind`] of a step that was dropped because the caller cancelled the run.
pub const CANCELLED: &str = "cancelled";
/// [`Failure::kind`] of a step that was dropped because the run's deadline passed, or that gave up
/// at the deadline by itself: both make the run [`RunOutcome::Interrupted`].
pub const DEADLINE: &str = "deadline";
/// [`Failure::kind`] of a step that could not be recorded in the journal before its effect.
pub const JOURNAL: &str = "journal";
/// [`Failure::kind`] of a step that panicked.
pub const PANICKED: &str = "panicked";

/// How a step ended. Every ending but success carries its reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// What the step is for is true now, and the step made it so or looked at it.
    Succeeded,
    /// It is true now, but a person should know something about it.
    Warned {
        /// What they should know, one sentence.
        reason: String,
    },
    /// Nothing was done: it was true already, or the step will not run.
    Skipped {
        /// Why.
        reason: String,
    },
    /// It is not true, or nobody knows.
    Failed {
        /// What happened, why and what next.
        failure: Failure,
    },
}

impl Outcome {
    /// The word of this outcome in documents and events.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Warned { .. } => "warned",
            Self::Skipped { .. } => "skipped",
            Self::Failed { .. } => "failed",
        }
    }

    /// The reason in one sentence; for a failure, what happened. Success has none.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Succeeded => None,
            Self::Warned { reason } | Self::Skipped { reason } => Some(reason),
            Self::Failed { failure } => Some(&failure.what),
        }
    }

    /// The failure, when this is one.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Failed { failure } => Some(failure),
            Self::Succeeded | Self::Warned { .. } | Self::Skipped { .. } => None,
        }
    }
}

/// What is known about the effect of a step that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Nothing changed, for certain. An intent in the journal is closed.
    None,
    /// Something may have changed. An intent in the journal stays open, and the next run finds it
    /// in [`Scope::previous`](crate::Scope::previous).
    Unknown,
}

/// Why a step failed: what happened, why, what next, in the shape of every error of the programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// The end state the caller gives it, such as `rejected` or `not_ready`. The engine does not
    /// read it; its own kinds are [`CANCELLED`], [`DEADLINE`], [`JOURNAL`] and [`PANICKED`].
    pub kind: String,
    /// What happened, one sentence.
    pub what: String,
    /// The chain of causes, outermost first.
    #[serde(default)]
    pub why: Vec<String>,
    /// What the person can do about it: a command or a place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Whether something may have changed. For a step without an open intent the runner says
    /// [`Effect::None`], as nothing was tried, and [`Effect::Unknown`] for a failed `check` while
    /// the intent of an earlier run is open.
    pub effect: Effect,
}

impl Failure {
    /// Returns a failure without causes whose effect is unknown, which is the safe assumption.
    pub fn new(kind: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            what: what.into(),
            why: Vec::new(),
            next: None,
            effect: Effect::Unknown,
        }
    }

    /// Returns a failure that tells `error` and its sources: the outermost as *what*, the rest as *why*.
    pub fn from_error(kind: impl Into<String>, error: &dyn std::error::Error) -> Self {
        let mut failure = Self::new(kind, error.to_string());
        failure.why = chain(error.source());
        failure
    }

    /// Adds one cause after those already there.
    pub fn because(mut self, why: impl Into<String>) -> Self {
        self.why.push(why.into());
        self
    }

    /// Adds `error` and its sources as causes.
    pub fn caused_by(mut self, error: &dyn std::error::Error) -> Self {
        self.why.extend(chain(Some(error)));
        self
    }

    /// Says what the person can do.
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }

    /// Says that nothing changed for certain, for example because the other side refused.
    pub fn nothing_changed(mut self) -> Self {
        self.effect = Effect::None;
        self
    }
}

fn chain(error: Option<&dyn std::error::Error>) -> Vec<String> {
    std::iter::successors(error, |it| it.source()).map(ToString::to_string).collect()
}

/// How a whole run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunOutcome {
    /// Every step succeeded or had nothing to do.
    Succeeded,
    /// As succeeded, but at least one step warned.
    Warned,
    /// A step failed, and the steps after it did not run.
    Failed,
    /// The caller cancelled the run or its deadline passed.
    Interrupted,
}

/// Returns the outcome of a run from the outcomes of its steps, the worst one deciding.
pub fn roll_up<'a>(outcomes: impl IntoIterator<Item = &'a Outcome>) -> RunOutcome {
    outcomes.into_iter().map(weigh).max_by_key(|it| *it as u8).unwrap_or(RunOutcome::Succeeded)
}

fn weigh(outcome: &Outcome) -> RunOutcome {
    match outcome {
        Outcome::Succeeded | Outcome::Skipped { .. } => RunOutcome::Succeeded,
        Outcome::Warned { .. } => RunOutcome::Warned,
        Outcome::Failed { failure } if [CANCELLED, DEADLINE].contains(&failure.kind.as_str()) => {
            RunOutcome::Interrupted
        }
        Outcome::Failed { .. } => RunOutcome::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One letter per step: `s`ucceeded, `w`arned, s`k`ipped, `f`ailed, `c`ancelled, `d`eadline.
    fn check(steps: &str, expected: RunOutcome) {
        let outcome = |letter| match letter {
            's' => Outcome::Succeeded,
            'w' => Outcome::Warned { reason: String::new() },
            'k' => Outcome::Skipped { reason: String::new() },
            'f' => Outcome::Failed { failure: Failure::new("rejected", "") },
            'c' => Outcome::Failed { failure: Failure::new(CANCELLED, "") },
            'd' => Outcome::Failed { failure: Failure::new(DEADLINE, "") },
            _ => panic!("unknown letter in fixture: {letter}"),
        };
        let outcomes: Vec<Outcome> = steps.chars().map(outcome).collect();
        assert_eq!(roll_up(&outcomes), expected, "steps {steps}");
    }

    #[test]
    fn the_worst_step_decides() {
        for (steps, expected) in [
            ("", RunOutcome::Succeeded),
            ("s", RunOutcome::Succeeded),
            ("k", RunOutcome::Succeeded),
            ("sks", RunOutcome::Succeeded),
            ("w", RunOutcome::Warned),
            ("swk", RunOutcome::Warned),
            ("kws", RunOutcome::Warned),
            ("f", RunOutcome::Failed),
            ("sfk", RunOutcome::Failed),
            ("wfk", RunOutcome::Failed),
            ("c", RunOutcome::Interrupted),
            ("scK", RunOutcome::Interrupted),
            ("wdk", RunOutcome::Interrupted),
        ] {
            check(&steps.to_lowercase(), expected);
        }
    }

    #[test]
    fn a_failure_tells_the_whole_chain_of_an_error() {
        #[derive(Debug, thiserror::Error)]
        #[error("cannot reach kotsadm")]
        struct Outer(#[source] std::io::Error);

        let error = Outer(std::io::Error::other("connection refused"));
        let failure = Failure::from_error("unreachable", &error);
        assert_eq!(failure.what, "cannot reach kotsadm");
        assert_eq!(failure.why, ["connection refused"]);

        let failure = Failure::new("unknown", "no answer").because("first").caused_by(&error);
        assert_eq!(failure.why, ["first", "cannot reach kotsadm", "connection refused"]);
    }
}
