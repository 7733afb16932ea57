//! What the runner does with steps that end in every possible way.

use std::future::ready;
use std::sync::{Arc, Mutex};

use insta::assert_snapshot;
use steps::{
    Check, Done, Event, Facts, Failure, Journal, Reporter, Run, RunKey, RunOutcome, Scope, Step,
    Stop, async_trait,
};
use tokio::sync::mpsc;

use crate::harness::{clock, in_an_hour, run, run_into, run_with, transcript};

async fn check(script: &str) -> String {
    transcript(&run(script).await)
}

#[tokio::test]
async fn all_is_declared_before_anything_runs_and_what_is_true_is_skipped() {
    assert_snapshot!(check("connect read-only\nlicense check=true\nupdate run=notes").await, @r"
    declared connect, license, update
    connect acts, attempt 1
    connect succeeded
    license skipped already up to date
    update acts, attempt 1
      Syncing license...
      kotsadm is restarting
    update succeeded
    ended Succeeded
    ");
}

#[tokio::test]
async fn warnings_of_run_and_verify_are_both_told() {
    assert_snapshot!(check("update run=warned verify=warned\nwatch").await, @r"
    declared update, watch
    update acts, attempt 1
    update warned the clock of the server is late; the clock of the server is late
    watch acts, attempt 1
    watch succeeded
    ended Warned
    ");
}

#[tokio::test]
async fn after_a_failure_nothing_runs_and_all_say_why() {
    assert_snapshot!(check("license\nupdate run=rejected\nconfig\nwatch read-only").await, @r#"
    declared license, update, config, watch
    license acts, attempt 1
    license succeeded
    update acts, attempt 1
    update failed: [rejected] the server said no ["the licence has expired"], effect None
    config skipped not run because `update` failed
    watch skipped not run because `update` failed
    ended Failed
    "#);
}

#[tokio::test]
async fn only_a_step_that_acted_has_an_unknown_effect() {
    assert_snapshot!(check("update check=lost").await, @r"
    declared update
    update failed: [unknown] the answer was lost [], effect None
    ended Failed
    ");
    assert_snapshot!(check("update run=lost").await, @r"
    declared update
    update acts, attempt 1
    update failed: [unknown] the answer was lost [], effect Unknown
    ended Failed
    ");
    assert_snapshot!(check("update verify=lost").await, @r"
    declared update
    update acts, attempt 1
    update failed: [unknown] the answer was lost [], effect Unknown
    ended Failed
    ");
    assert_snapshot!(check("watch read-only run=lost").await, @r"
    declared watch
    watch acts, attempt 1
    watch failed: [unknown] the answer was lost [], effect None
    ended Failed
    ");
}

#[tokio::test]
async fn a_panic_is_a_failure_of_its_step() {
    assert_snapshot!(check("update run=panics\nwatch").await, @r#"
    declared update, watch
    update acts, attempt 1
    update failed: [panicked] `update` panicked: index out of range ["its effect is unknown: begun at 2026-01-02T03:04:07Z and not confirmed"], effect Unknown
    watch skipped not run because `update` failed
    ended Failed
    "#);
}

#[tokio::test]
async fn facts_are_refused_without_an_intent() {
    assert_snapshot!(check("watch read-only run=records").await, @r"
    declared watch
    watch acts, attempt 1
    watch failed: [journal] step `watch` has no open intent to record facts for [], effect None
    ended Failed
    ");
    assert_snapshot!(check("update check=records").await, @r"
    declared update
    update failed: [journal] step `update` has no open intent to record facts for [], effect None
    ended Failed
    ");
}

#[tokio::test(start_paused = true)]
async fn the_deadline_drops_the_step_and_says_what_is_not_known() {
    let journal = || Journal::in_memory(clock());
    let report = run_with("license\nupdate run=hangs\nwatch", journal(), in_an_hour()).await;
    assert_snapshot!(transcript(&report), @r#"
    declared license, update, watch
    license acts, attempt 1
    license succeeded
    update acts, attempt 1
    update failed: [deadline] the time limit of 1h passed during `update` ["its effect is unknown: begun at 2026-01-02T03:04:07Z and not confirmed"], effect Unknown
    watch skipped not run because `update` was interrupted
    ended Interrupted
    "#);
    let report = run_with("connect read-only run=hangs", journal(), in_an_hour()).await;
    assert_snapshot!(transcript(&report), @r"
    declared connect
    connect acts, attempt 1
    connect failed: [deadline] the time limit of 1h passed during `connect` [], effect None
    ended Interrupted
    ");
}

#[tokio::test]
async fn a_cancelled_run_drops_the_step_and_names_who_did_it() {
    let stop = Stop::never().on(async {
        tokio::task::yield_now().await;
        "SIGTERM".to_owned()
    });
    let report = run_with("update run=hangs\nwatch", Journal::in_memory(clock()), stop).await;
    assert_eq!(report.outcome(), Some(RunOutcome::Interrupted));
    assert_snapshot!(transcript(&report), @r#"
    declared update, watch
    update acts, attempt 1
    update failed: [cancelled] `update` was interrupted by SIGTERM ["its effect is unknown: begun at 2026-01-02T03:04:05Z and not confirmed"], effect Unknown
    watch skipped not run because `update` was interrupted
    ended Interrupted
    "#);
}

#[tokio::test]
async fn a_run_that_must_stop_already_starts_nothing() {
    let stop = Stop::never().on(ready("ctrl-C".to_owned()));
    let report = run_with("license\nupdate", Journal::in_memory(clock()), stop).await;
    assert!(!report.acted());
    assert_snapshot!(transcript(&report), @r"
    declared license, update
    license failed: [cancelled] `license` was interrupted by ctrl-C [], effect None
    update skipped not run because `license` was interrupted
    ended Interrupted
    ");
}

#[tokio::test]
async fn the_next_run_finds_what_the_last_one_left() {
    let dir = tempfile::tempdir().unwrap();
    let key = RunKey::new("deploy").field("app", "shop");
    let mut transcripts = Vec::new();
    for script in [
        "update run=lost",
        "update check=rejected",
        "update run=rejected",
        "update run=records verify=lost",
        "update check=true",
        "update",
    ] {
        let journal = Journal::open(dir.path(), &key, clock()).unwrap();
        let report = run_with(script, journal, Stop::never()).await;
        transcripts.push(format!("# {script}\n{}", transcript(&report)));
    }
    assert_snapshot!(transcripts.join("\n"), @r#"
    # update run=lost
    declared update
    update acts, attempt 1
    update failed: [unknown] the answer was lost [], effect Unknown
    ended Failed
    # update check=rejected
    declared update
      before: attempt 1 Open {"key":"key-of-update"}
    update failed: [rejected] the server said no ["the licence has expired"], effect Unknown
    ended Failed
    # update run=rejected
    declared update
      before: attempt 1 Open {"key":"key-of-update"}
    update acts, attempt 2
    update failed: [rejected] the server said no ["the licence has expired"], effect None
    ended Failed
    # update run=records verify=lost
    declared update
      before: attempt 2 Void {"key":"key-of-update"}
    update acts, attempt 3
    update failed: [unknown] the answer was lost [], effect Unknown
    ended Failed
    # update check=true
    declared update
      before: attempt 3 Open {"key":"key-of-update","sequence":4}
    update skipped already up to date
    ended Succeeded
    # update
    declared update
      before: attempt 3 Confirmed {"key":"key-of-update","sequence":4}
    update acts, attempt 4
    update succeeded
    ended Succeeded
    "#);
}

#[tokio::test]
async fn a_journal_that_cannot_be_written_stops_the_effect() {
    let dir = tempfile::tempdir().unwrap();
    let key = RunKey::new("deploy");
    let journal = Journal::open(dir.path(), &key, clock()).unwrap();
    let log = Arc::new(Mutex::new(Vec::new()));
    let step = Greedy { ran: Arc::clone(&log) };
    let run = Run::declare("deploy", vec![Box::new(step) as Box<dyn Step<()>>]).unwrap();
    let report = run.with_clock(clock()).with_journal(journal).run(&mut (), Stop::never()).await;
    let text = transcript(&report).replace(&dir.path().display().to_string(), "DIR");
    let text = text.replace(&key.id(), "ID");
    assert_snapshot!(text, @r"
    declared greedy
    greedy failed: [journal] a record of journal `DIR/ID.journal` has 300130 bytes, at most 262144 are allowed [], effect None
    ended Failed
    ");
    assert!(log.lock().unwrap().is_empty());
}

/// Wants more remembered than a journal takes.
struct Greedy {
    ran: Arc<Mutex<Vec<()>>>,
}

#[async_trait]
impl Step<()> for Greedy {
    fn name(&self) -> &'static str {
        "greedy"
    }

    fn title(&self) -> &'static str {
        "Remember a lot"
    }

    async fn check(&mut self, (): &mut (), _: &mut Scope<'_>) -> Result<Check, Failure> {
        let long = "x".repeat(300_000);
        Ok(Check::needed_with(Facts::from_iter([("long".to_owned(), long.into())])))
    }

    async fn run(&mut self, (): &mut (), _: &mut Scope<'_>) -> Result<Done, Failure> {
        self.ran.lock().unwrap().push(());
        Ok(Done::Well)
    }
}

#[tokio::test]
async fn a_run_can_be_a_task_of_its_own() {
    let task = async {
        let journal = Journal::in_memory(clock());
        run_with("license\nupdate run=notes", journal, in_an_hour()).await
    };
    let report = tokio::spawn(task).await.unwrap();
    assert_eq!(report.outcome(), Some(RunOutcome::Succeeded));
}

#[tokio::test]
async fn events_go_to_channels_as_they_are_in_the_report() {
    let (sender, mut events) = mpsc::unbounded_channel::<Event>();
    let report = run_into("license run=notes\nupdate", sender).await;
    let mut received = Vec::new();
    events.recv_many(&mut received, 100).await;
    assert_eq!(received, report.events());
    assert!((0..).zip(&received).all(|(index, it)| index == it.index));
}

#[tokio::test]
async fn a_task_that_outlives_the_run_says_nothing_more() {
    let kept = Arc::new(Mutex::new(None));
    let (sender, mut events) = mpsc::unbounded_channel::<Event>();
    let step = Box::new(Leaky(Arc::clone(&kept))) as Box<dyn Step<()>>;
    let run = Run::declare("deploy", vec![step]).unwrap().with_sink(sender);
    let report = run.run(&mut (), Stop::never()).await;
    let reporter = kept.lock().unwrap().take().unwrap();
    reporter.note("too late");
    drop(reporter);
    let mut received = Vec::new();
    while let Some(event) = events.recv().await {
        received.push(event);
    }
    assert_eq!(received, report.events());
}

/// Hands its reporter to somebody who lives longer.
struct Leaky(Arc<Mutex<Option<Reporter>>>);

#[async_trait]
impl Step<()> for Leaky {
    fn name(&self) -> &'static str {
        "leaky"
    }

    fn title(&self) -> &'static str {
        ""
    }

    async fn run(&mut self, (): &mut (), scope: &mut Scope<'_>) -> Result<Done, Failure> {
        *self.0.lock().unwrap() = Some(scope.reporter().clone());
        Ok(Done::Well)
    }
}

#[test]
fn steps_that_cannot_be_told_apart_are_no_run() {
    let declare = |names: &[&'static str]| {
        let steps = names.iter().map(|it| Box::new(Named(it)) as Box<dyn Step<()>>).collect();
        Run::declare("deploy", steps).map(|_| ()).unwrap_err().to_string()
    };
    assert_snapshot!(declare(&["update", "update"]), @"two steps are named `update`");
    assert_snapshot!(declare(&["up date"]), @"step name `up date` is not 1 to 128 of `A-Z a-z 0-9 . _ - /`");
    assert_snapshot!(declare(&[""]), @"step name `` is not 1 to 128 of `A-Z a-z 0-9 . _ - /`");
}

struct Named(&'static str);

#[async_trait]
impl Step<()> for Named {
    fn name(&self) -> &'static str {
        self.0
    }

    fn title(&self) -> &'static str {
        ""
    }

    async fn run(&mut self, (): &mut (), _: &mut Scope<'_>) -> Result<Done, Failure> {
        Ok(Done::Well)
    }
}
