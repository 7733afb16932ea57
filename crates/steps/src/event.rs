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
    /// The same for people and, in fields, for programs.
    Detailed {
        /// For people.
        text: String,
        /// For programs.
        fields: Map<String, Value>,
        /// Something ended with it, so it is not to be left out because it comes soon after another.
        is_milestone: bool,
    },
}

impl Progress {
    /// The fields for programs; none of a text, which is for people.
    pub(crate) fn fields(&self) -> Option<Map<String, Value>> {
        match self {
            Self::Bytes { done, total } => {
                let mut fields = Map::from_iter([("done".to_owned(), (*done).into())]);
                fields.extend(total.map(|it| ("total".to_owned(), it.into())));
                Some(fields)
            }
            Self::Text(_) => None,
            Self::Detailed { fields, .. } => Some(fields.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::outcome::Failure;

    /// The line of an event, after it was read back and found the same.
    fn check(kind: EventKind) -> String {
        let event = Event { index: 7, at: Timestamp::UNIX_EPOCH, kind };
        let line = serde_json::to_string(&event).expect("an event is JSON");
        assert_eq!(serde_json::from_str::<Event>(&line).expect("reads its own lines"), event);
        line
    }

    fn read(line: &str) -> String {
        match serde_json::from_str::<Event>(line) {
            Ok(event) => serde_json::to_string(&event).expect("an event is JSON"),
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn every_kind_is_one_flat_object() {
        let step = || "license".to_owned();
        let declared =
            Declared { name: step(), title: "Sync".to_owned(), kind: StepKind::ReadOnly };
        let failure =
            Failure::new("rejected", "kotsadm said no").because("it is old").next("upload another");
        let reason = "already up to date".to_owned();
        let lines = [
            EventKind::RunDeclared { run: "deploy".to_owned(), steps: vec![declared] },
            EventKind::StepStarted { step: step() },
            EventKind::StepActing { step: step(), attempt: 2 },
            EventKind::Message { step: None, level: Level::Info, text: "hello".to_owned() },
            EventKind::Message {
                step: Some(step()),
                level: Level::Warning,
                text: "kotsadm is restarting".to_owned(),
            },
            EventKind::StepEnded { step: step(), outcome: Outcome::Succeeded },
            EventKind::StepEnded { step: step(), outcome: Outcome::Skipped { reason } },
            EventKind::StepEnded { step: step(), outcome: Outcome::Failed { failure } },
            EventKind::RunEnded { result: RunOutcome::Failed },
        ]
        .map(check);
        assert_snapshot!(lines.join("\n"), @r#"
        {"index":7,"at":"1970-01-01T00:00:00Z","kind":"run_declared","run":"deploy","steps":[{"name":"license","title":"Sync","type":"read_only"}]}
        {"index":7,"at":"1970-01-01T00:00:00Z","kind":"step_started","step":"license"}
        {"index":7,"at":"1970-01-01T00:00:00Z","kind":"step_acting","step":"license","attempt":2}
        {"index":7,"at":"1970-01-01T00:00:00Z","kind":"message","level":"info","text":"hello"}
        {"index":7,"at":"1970-01-01T00:00:00Z","kind":"message","step":"license","level":"warning","text":"kotsadm is restarting"}
        {"index":7,"at":"1970-01-01T00:00:00Z","kind":"step_ended","step":"license","outcome":"succeeded"}
        {"index":7,"at":"1970-01-01T00:00:00Z","kind":"step_ended","step":"license","outcome":"skipped","reason":"already up to date"}
        {"index":7,"at":"1970-01-01T00:00:00Z","kind":"step_ended","step":"license","outcome":"failed","failure":{"kind":"rejected","what":"kotsadm said no","why":["it is old"],"next":"upload another","effect":"unknown"}}
        {"index":7,"at":"1970-01-01T00:00:00Z","kind":"run_ended","result":"failed"}
        "#);
    }

    #[test]
    fn an_unknown_kind_is_kept_as_it_came() {
        let line = r#"{"index":3,"at":"1970-01-01T00:00:00Z","kind":"tea_break","minutes":[5]}"#;
        assert_eq!(read(line), line);
    }

    #[test]
    fn a_known_kind_with_other_fields_is_an_error() {
        assert_snapshot!(
            read(r#"{"index":3,"at":"1970-01-01T00:00:00Z","kind":"step_started","stage":"a"}"#),
            @"error: the fields of event kind `step_started` do not fit it"
        );
        assert_snapshot!(
            read(r#"{"index":3,"at":"1970-01-01T00:00:00Z"}"#),
            @"error: an event needs a text field `kind`"
        );
        assert_snapshot!(
            read(r#"{"index":-1,"at":"1970-01-01T00:00:00Z","kind":"x"}"#),
            @"error: invalid value: integer `-1`, expected u64 at line 1 column 11"
        );
    }

    #[test]
    fn new_fields_of_a_known_kind_are_passed_over() {
        assert_snapshot!(
            read(r#"{"index":0,"at":"1970-01-01T00:00:00Z","kind":"step_started","step":"a","x":1}"#),
            @r#"{"index":0,"at":"1970-01-01T00:00:00Z","kind":"step_started","step":"a"}"#
        );
    }
}
