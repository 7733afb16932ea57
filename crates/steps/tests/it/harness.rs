//! Steps that do as a script says, and the transcript of a run of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use steps::{
    Check, Clock, Done, Event, EventKind, Facts, Failure, Journal, Outcome, Report, Run, Scope,
    Sink, Step, StepKind, Stop, async_trait,
};

/// A clock that starts on 2026-01-02 and goes on a second with every look.
pub(crate) fn clock() -> Arc<dyn Clock> {
    let begin: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
    let looks = AtomicI64::new(begin.as_second());
    Arc::new(move || Timestamp::from_second(looks.fetch_add(1, Ordering::Relaxed)).unwrap())
}

/// A step from a line `name [read-only] check… run… verify…`, where each phase is a word of
/// [`Scripted::act`] and those left out are `needed`, `well` and `well`.
struct Scripted {
    name: String,
    kind: StepKind,
    check: String,
    run: String,
    verify: String,
}

impl Scripted {
    fn parse(line: &str) -> Self {
        let mut words = line.split_whitespace();
        let name = words.next().unwrap().to_owned();
        let mut step = Self {
            name,
            kind: StepKind::Changes,
            check: "needed".to_owned(),
            run: "well".to_owned(),
            verify: "well".to_owned(),
        };
        for word in words {
            match word.split_once('=') {
                Some(("check", it)) => it.clone_into(&mut step.check),
                Some(("run", it)) => it.clone_into(&mut step.run),
                Some(("verify", it)) => it.clone_into(&mut step.verify),
                None if word == "read-only" => step.kind = StepKind::ReadOnly,
                _ => panic!("unknown word in script: {word}"),
            }
        }
        step
    }

    async fn act(
        word: &str,
        log: &mut Vec<String>,
        scope: &mut Scope<'_>,
    ) -> Result<Done, Failure> {
        log.push(word.to_owned());
        match word {
            "well" => Ok(Done::Well),
            "warned" => Ok(Done::warned("the clock of the server is late")),
            "rejected" => Err(Failure::new("rejected", "the server said no")
                .because("the licence has expired")
                .next("ask for a new licence")
                .nothing_changed()),
            "lost" => Err(Failure::new("unknown", "the answer was lost")),
            "panics" => panic!("index out of range"),
            "hangs" => std::future::pending().await,
            "notes" => {
                scope.reporter().note("Syncing license...");
                scope.reporter().bytes(1, Some(2));
                scope.reporter().warn("kotsadm is restarting");
                Ok(Done::Well)
            }
            "records" => {
                let facts = Facts::from_iter([("sequence".to_owned(), 4.into())]);
                scope.record(facts)?;
                Ok(Done::Well)
            }
            _ => panic!("unknown phase in script: {word}"),
        }
    }
}

#[async_trait]
impl Step<Vec<String>> for Scripted {
    fn name(&self) -> &str {
        &self.name
    }

    fn title(&self) -> &'static str {
        "A scripted step"
    }

    fn kind(&self) -> StepKind {
        self.kind
    }

    async fn check(
        &mut self,
        log: &mut Vec<String>,
        scope: &mut Scope<'_>,
    ) -> Result<Check, Failure> {
        if let Some(previous) = scope.previous() {
            let facts = serde_json::to_string(&previous.facts).unwrap();
            let (attempt, state) = (previous.attempt, previous.state);
            scope.reporter().note(format!("before: attempt {attempt} {state:?} {facts}"));
        }
        match self.check.as_str() {
            "needed" => {
                let key = format!("key-of-{}", self.name);
                Ok(Check::needed_with(Facts::from_iter([("key".to_owned(), key.into())])))
            }
            "true" => Ok(Check::done("already up to date")),
            word => Self::act(word, log, scope).await.map(|_| Check::needed()),
        }
    }

    async fn run(&mut self, log: &mut Vec<String>, scope: &mut Scope<'_>) -> Result<Done, Failure> {
        Self::act(&self.run, log, scope).await
    }

    async fn verify(
        &mut self,
        log: &mut Vec<String>,
        scope: &mut Scope<'_>,
    ) -> Result<Done, Failure> {
        Self::act(&self.verify, log, scope).await
    }
}

/// Declares the steps of a script, one per line.
pub(crate) fn declare(script: &str) -> Run<Vec<String>> {
    let step = |line| Box::new(Scripted::parse(line)) as Box<dyn Step<Vec<String>>>;
    Run::declare("deploy", script.lines().map(step).collect()).unwrap().with_clock(clock())
}

/// Runs a script without a journal.
pub(crate) async fn run(script: &str) -> Report {
    declare(script).run(&mut Vec::new(), Stop::never()).await
}

/// Runs a script with a sink and returns what happened.
pub(crate) async fn run_into(script: &str, sink: impl Sink + 'static) -> Report {
    declare(script).with_sink(sink).run(&mut Vec::new(), Stop::never()).await
}

/// Runs a script with a journal.
pub(crate) async fn run_with(script: &str, journal: Journal, stop: Stop) -> Report {
    declare(script).with_journal(journal).run(&mut Vec::new(), stop).await
}

/// A stop that comes long after everything else, in a paused clock.
pub(crate) fn in_an_hour() -> Stop {
    Stop::never().after(Duration::from_hours(1))
}

/// What happened, a line per event that is not a start.
pub(crate) fn transcript(report: &Report) -> String {
    let line = |it| Some(line(it)?.trim_end().to_owned());
    let lines: Vec<String> = report.events().iter().filter_map(line).collect();
    lines.join("\n")
}

fn line(event: &Event) -> Option<String> {
    Some(match &event.kind {
        EventKind::RunDeclared { steps, .. } => {
            let names: Vec<&str> = steps.iter().map(|it| it.name.as_str()).collect();
            format!("declared {}", names.join(", "))
        }
        EventKind::StepActing { step, attempt } => format!("{step} acts, attempt {attempt}"),
        EventKind::Message { text, .. } => format!("  {text}"),
        EventKind::StepEnded { step, outcome: Outcome::Failed { failure } } => format!(
            "{step} failed: [{}] {} {:?}, effect {:?}",
            failure.kind, failure.what, failure.why, failure.effect
        ),
        EventKind::StepEnded { step, outcome } => {
            format!("{step} {} {}", outcome.word(), outcome.reason().unwrap_or_default())
        }
        EventKind::RunEnded { result } => format!("ended {result:?}"),
        EventKind::StepStarted { .. } | EventKind::Unknown(_) => return None,
    })
}
