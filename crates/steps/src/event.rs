//! What happened in a run: recorded events, which are numbered and kept, and progress, which is not.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::outcome::{Outcome, RunOutcome};

/// A recorded event. Serialises to one flat JSON object with `index`, `at` (RFC 3339), `kind` and
/// the fields of the kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RawEvent")]
pub struct Event {
    /// 0 for the first event of a run, then 1, 2, … without gaps.
    pub index: u64,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What a recorded event tells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum EventKind {
    /// The first event: everything that will be tried, in order.
    RunDeclared {
        /// What the run is, such as `deploy`.
        run: String,
        /// Every step.
        steps: Vec<Declared>,
    },
    /// A step's `check` begins.
    StepStarted {
        /// Name of the step.
        step: String,
    },
    /// `check` found that the step is needed, and `run` begins.
    StepActing {
        /// Name of the step.
        step: String,
        /// 1 the first time this run key has this step act, then 2, 3, …
        attempt: u64,
    },
    /// A line for people.
    Message {
        /// Name of the step that wrote it; none between steps.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<String>,
        /// How grave.
        level: Level,
        /// The line. May hold newlines when what it quotes does.
        text: String,
    },
    /// A step ended; also told of the steps that will not run.
    StepEnded {
        /// Name of the step.
        step: String,
        /// How.
        #[serde(flatten)]
        outcome: Outcome,
    },
    /// The last event.
    RunEnded {
        /// The roll-up of all steps.
        result: RunOutcome,
    },
    /// A kind that this version does not know, kept as it came.
    #[serde(untagged)]
    Unknown(Map<String, Value>),
}

/// The kinds of [`EventKind`] by tag: a body that does not fit its known tag is an error, not an unknown kind.
const KNOWN_KINDS: [&str; 6] =
    ["run_declared", "step_started", "step_acting", "message", "step_ended", "run_ended"];

#[derive(Deserialize)]
struct RawEvent {
    index: u64,
    at: Timestamp,
    #[serde(flatten)]
    kind: EventKind,
}

impl TryFrom<RawEvent> for Event {
    type Error = String;

    fn try_from(raw: RawEvent) -> Result<Self, String> {
        if let EventKind::Unknown(fields) = &raw.kind {
            match fields.get("kind").and_then(Value::as_str) {
                None => return Err("an event needs a text field `kind`".to_owned()),
                Some(kind) if KNOWN_KINDS.contains(&kind) => {
                    return Err(format!("the fields of event kind `{kind}` do not fit it"));
                }
                Some(_) => {}
            }
        }
        Ok(Self { index: raw.index, at: raw.at, kind: raw.kind })
    }
}

/// A step as the first event lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declared {
    /// The stable identifier.
    pub name: String,
    /// What it does, for people.
    pub title: String,
    /// Whether it changes anything.
    #[serde(rename = "type")]
    pub kind: StepKind,
}

/// Whether a step changes anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// It has an effect, so its intent is journalled first.
    Changes,
    /// It only looks.
    ReadOnly,
}

/// How grave a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// What is going on.
    Info,
    /// Something a person should know.
    Warning,
}

/// How far a step is. Never recorded; any of these may be dropped on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Bytes moved so far.
    Bytes {
        /// So far.
        done: u64,
        /// In all, where known.
        total: Option<u64>,
    },
    /// What the step is looking at, such as "2 of 3 resources ready".
    Text(String),
}
