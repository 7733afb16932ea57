//! What is known about a run, made out of its events and nothing else.

use jiff::Timestamp;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::event::{Declared, Event, EventKind, StepKind};
use crate::outcome::{Failure, Outcome, RunOutcome};

/// The state of a run so far. Cumulative: [`Report::apply`] takes events in order, each once.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    run: String,
    steps: Vec<StepReport>,
    outcome: Option<RunOutcome>,
    events: Vec<Event>,
}

/// What is known about one step.
///
/// Serialises as `{"name", "outcome", "reason"?, "startedAt", "endedAt"}`, where `outcome` is also
/// `pending` or `running` while it is, and a step that never started has `null` times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepReport {
    /// The stable identifier.
    pub name: String,
    /// What it does, for people.
    pub title: String,
    /// Whether it changes anything.
    pub kind: StepKind,
    /// Where it is.
    pub status: StepStatus,
    /// Whether `run` began in this run: for a step that changes something, whether it may have.
    pub acted: bool,
    /// When its `check` began.
    pub started_at: Option<Timestamp>,
    /// When it ended; none for a step that never started.
    pub ended_at: Option<Timestamp>,
}

/// Where a step is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepStatus {
    /// Not begun.
    Pending,
    /// Begun and not ended.
    Running,
    /// Ended.
    Ended(Outcome),
}

/// What [`Report::apply`] did with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// It was the next one and is part of the report now.
    New,
    /// It was there already; nothing changed.
    Already,
    /// Events before it are missing; nothing changed.
    Gap {
        /// Index of the event that is due.
        due: u64,
    },
}

impl Report {
    /// Returns the report that `events` make, as far as they are without gaps.
    pub fn from_events<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        let mut report = Self::default();
        for event in events {
            report.apply(event);
        }
        report
    }

    /// Adds an event. Applying one twice changes nothing.
    pub fn apply(&mut self, event: &Event) -> Applied {
        let due = self.next_index();
        if event.index < due {
            return Applied::Already;
        }
        if due < event.index {
            return Applied::Gap { due };
        }
        self.events.push(event.clone());
        match &event.kind {
            EventKind::RunDeclared { run, steps } => {
                self.run.clone_from(run);
                self.steps = steps.iter().map(StepReport::pending).collect();
            }
            EventKind::StepStarted { step } => self.on(step, |it| {
                it.status = StepStatus::Running;
                it.started_at = Some(event.at);
            }),
            EventKind::StepActing { step, .. } => self.on(step, |it| it.acted = true),
            EventKind::StepEnded { step, outcome } => self.on(step, |it| {
                it.status = StepStatus::Ended(outcome.clone());
                it.ended_at = it.started_at.map(|_| event.at);
            }),
            EventKind::RunEnded { result } => self.outcome = Some(*result),
            EventKind::Message { .. } | EventKind::Unknown(_) => {}
        }
        Applied::New
    }

    fn on(&mut self, step: &str, change: impl FnOnce(&mut StepReport)) {
        if let Some(it) = self.steps.iter_mut().find(|it| it.name == step) {
            change(it);
        }
    }

    /// What the run is, such as `deploy`.
    pub fn run(&self) -> &str {
        &self.run
    }

    /// Every step, in order.
    pub fn steps(&self) -> &[StepReport] {
        &self.steps
    }

    /// The step with this name.
    pub fn step(&self, name: &str) -> Option<&StepReport> {
        self.steps.iter().find(|it| it.name == name)
    }

    /// Every recorded event, in order.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// How the run ended; none while it has not.
    pub fn outcome(&self) -> Option<RunOutcome> {
        self.outcome
    }

    /// The step that failed or was interrupted, and its failure. There is at most one.
    pub fn failure(&self) -> Option<(&StepReport, &Failure)> {
        self.steps.iter().find_map(|it| Some((it, it.outcome()?.failure()?)))
    }

    /// Whether a step that changes something began to act: if not, nothing was changed.
    pub fn acted(&self) -> bool {
        self.steps.iter().any(|it| it.acted && it.kind == StepKind::Changes)
    }

    pub(crate) fn next_index(&self) -> u64 {
        self.events.len() as u64
    }
}

impl StepReport {
    fn pending(declared: &Declared) -> Self {
        Self {
            name: declared.name.clone(),
            title: declared.title.clone(),
            kind: declared.kind,
            status: StepStatus::Pending,
            acted: false,
            started_at: None,
            ended_at: None,
        }
    }

    /// How the step ended; none while it has not.
    pub fn outcome(&self) -> Option<&Outcome> {
        match &self.status {
            StepStatus::Ended(outcome) => Some(outcome),
            StepStatus::Pending | StepStatus::Running => None,
        }
    }

    /// The word for where the step is: `pending`, `running` or that of its outcome.
    pub fn word(&self) -> &'static str {
        match &self.status {
            StepStatus::Pending => "pending",
            StepStatus::Running => "running",
            StepStatus::Ended(outcome) => outcome.word(),
        }
    }
}

impl Serialize for StepReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let reason = self.outcome().and_then(Outcome::reason);
        let mut out =
            serializer.serialize_struct("StepReport", 4 + usize::from(reason.is_some()))?;
        out.serialize_field("name", &self.name)?;
        out.serialize_field("outcome", self.word())?;
        match reason {
            Some(reason) => out.serialize_field("reason", reason)?,
            None => out.skip_field("reason")?,
        }
        out.serialize_field("startedAt", &self.started_at)?;
        out.serialize_field("endedAt", &self.ended_at)?;
        out.end()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn events() -> Vec<Event> {
        let declared = |name: &str| Declared {
            name: name.to_owned(),
            title: name.to_uppercase(),
            kind: StepKind::Changes,
        };
        let step = |name: &str| name.to_owned();
        let skipped = |reason: &str| Outcome::Skipped { reason: reason.to_owned() };
        let kinds = [
            EventKind::RunDeclared {
                run: "deploy".to_owned(),
                steps: vec![declared("license"), declared("update"), declared("watch")],
            },
            EventKind::StepStarted { step: step("license") },
            EventKind::StepEnded { step: step("license"), outcome: skipped("up to date") },
            EventKind::StepStarted { step: step("update") },
            EventKind::StepActing { step: step("update"), attempt: 1 },
            EventKind::Unknown(serde_json::Map::new()),
            EventKind::StepEnded {
                step: step("update"),
                outcome: Outcome::Failed { failure: Failure::new("rejected", "it said no") },
            },
            EventKind::StepEnded { step: step("watch"), outcome: skipped("not run") },
            EventKind::RunEnded { result: RunOutcome::Failed },
        ];
        let at = |index: u64| Timestamp::from_second(i64::try_from(index).unwrap_or(0));
        let number = |(index, kind)| Event { index, at: at(index).unwrap_or_default(), kind };
        (0..).zip(kinds).map(number).collect()
    }

    #[test]
    fn tells_where_every_step_is_at_any_moment() {
        let mut report = Report::default();
        let mut words = Vec::new();
        for event in events() {
            report.apply(&event);
            words.push(report.steps().iter().map(StepReport::word).collect::<Vec<_>>().join(" "));
        }
        insta::assert_snapshot!(words.join("\n"), @r"
        pending pending pending
        running pending pending
        skipped pending pending
        skipped running pending
        skipped running pending
        skipped running pending
        skipped failed pending
        skipped failed skipped
        skipped failed skipped
        ");
        assert_eq!(report.failure().map(|(it, _)| it.name.as_str()), Some("update"));
        assert!(report.acted());
        insta::assert_json_snapshot!(report.steps(), @r#"
        [
          {
            "name": "license",
            "outcome": "skipped",
            "reason": "up to date",
            "startedAt": "1970-01-01T00:00:01Z",
            "endedAt": "1970-01-01T00:00:02Z"
          },
          {
            "name": "update",
            "outcome": "failed",
            "reason": "it said no",
            "startedAt": "1970-01-01T00:00:03Z",
            "endedAt": "1970-01-01T00:00:06Z"
          },
          {
            "name": "watch",
            "outcome": "skipped",
            "reason": "not run",
            "startedAt": null,
            "endedAt": null
          }
        ]
        "#);
    }

    #[test]
    fn missing_events_are_told_and_nothing_after_them_is_taken() {
        let events = events();
        let mut report = Report::from_events(&events[..2]);
        let before = report.clone();
        assert_eq!(report.apply(&events[3]), Applied::Gap { due: 2 });
        assert_eq!(report, before);
    }

    proptest! {
        #[test]
        fn events_told_again_change_nothing(again in prop::collection::vec(0_usize..9, 0..40)) {
            let events = events();
            let mut report = Report::default();
            let mut told = again.into_iter();
            for (at, event) in events.iter().enumerate() {
                prop_assert_eq!(report.apply(event), Applied::New);
                for earlier in told.by_ref().take(5).filter(|it| *it <= at) {
                    prop_assert_eq!(report.apply(&events[earlier]), Applied::Already);
                }
            }
            prop_assert_eq!(report, Report::from_events(&events));
        }
    }
}
