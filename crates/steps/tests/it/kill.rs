//! Real deaths: this test binary runs itself as a child and the child is killed with SIGKILL.
//!
//! The child carries two versions to a server, which is a folder here and as careless as the
//! original kotsadm: it makes a version for every request whose key it has not seen, and shows a
//! version only later. Without the journal a run that died would make a second one.

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use steps::{
    Check, Done, Facts, Failure, Journal, JournalError, Run, RunKey, RunOutcome, Scope, Step, Stop,
    SystemClock, async_trait,
};

/// Tells the child test that it is the child, and where the server is.
const CHILD_DIR: &str = "STEPS_TEST_CHILD_DIR";
/// Tells the child to wait in the middle of its first effect.
const CHILD_WAITS: &str = "STEPS_TEST_CHILD_WAITS";
/// What the child says when it waits. A line of its own, as the test runner also writes.
const WAITING: &str = "the child waits in its effect";

fn key() -> RunKey {
    // Long, so that the journal of one run is larger than the smallest limit of `ulimit -f`.
    RunKey::new("deploy").field("app", "shop".repeat(100))
}

fn journal_dir(dir: &Path) -> PathBuf {
    dir.join("state")
}

/// Makes one version on the server.
struct MakeVersion {
    name: &'static str,
}

#[async_trait]
impl Step<PathBuf> for MakeVersion {
    fn name(&self) -> &'static str {
        self.name
    }

    fn title(&self) -> &'static str {
        "Make a version"
    }

    async fn check(&mut self, dir: &mut PathBuf, scope: &mut Scope<'_>) -> Result<Check, Failure> {
        if dir.join(self.name).exists() {
            return Ok(Check::done("the version is there"));
        }
        let remembered = scope.previous().filter(|it| it.open()).map(|it| it.facts.clone());
        let fresh = || {
            let key = format!("{}-{}", self.name, std::process::id());
            Facts::from_iter([("key".to_owned(), key.into())])
        };
        Ok(Check::needed_with(remembered.unwrap_or_else(fresh)))
    }

    async fn run(&mut self, dir: &mut PathBuf, scope: &mut Scope<'_>) -> Result<Done, Failure> {
        let key = scope.intent(self.name).unwrap().facts["key"].as_str().unwrap().to_owned();
        let path = dir.join("versions");
        let versions = fs::read_to_string(&path).unwrap_or_default();
        if !versions.lines().any(|it| it == key) {
            let mut file = OpenOptions::new().create(true).append(true).open(&path).unwrap();
            file.write_all(format!("{key}\n").as_bytes()).unwrap();
        }
        if std::env::var_os(CHILD_WAITS).is_some() {
            std::io::stdout().write_all(format!("\n{WAITING}\n").as_bytes()).unwrap();
            std::io::stdout().flush().unwrap();
            std::future::pending::<()>().await;
        }
        scope.record(Facts::from_iter([("sequence".to_owned(), 1.into())]))?;
        Ok(Done::Well)
    }

    async fn verify(&mut self, dir: &mut PathBuf, _: &mut Scope<'_>) -> Result<Done, Failure> {
        fs::write(dir.join(self.name), "").unwrap();
        Ok(Done::Well)
    }
}

/// Not a test: what the child does. Without the variable it is not the child.
#[tokio::test]
async fn child() {
    let Some(dir) = std::env::var_os(CHILD_DIR) else { return };
    let mut dir = PathBuf::from(dir);
    let clock = std::sync::Arc::new(SystemClock);
    let journal = Journal::open(&journal_dir(&dir), &key(), clock).unwrap();
    let step = |name| Box::new(MakeVersion { name }) as Box<dyn Step<PathBuf>>;
    let run = Run::declare("deploy", vec![step("first"), step("second")]).unwrap();
    let report = run.with_journal(journal).run(&mut dir, Stop::never()).await;
    assert_eq!(report.outcome(), Some(RunOutcome::Succeeded));
}

fn command(dir: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "kill::child", "--nocapture"]).env(CHILD_DIR, dir);
    command.env_remove("STEPS_FAULT").stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

fn run_child(dir: &Path, fault: Option<&str>) -> ExitStatus {
    command(dir).envs(fault.map(|it| ("STEPS_FAULT", it))).output().unwrap().status
}

/// Whether the child was killed. Anything but that and a good end fails the test.
fn was_killed(dir: &Path, fault: &str) -> bool {
    let status = run_child(dir, Some(fault));
    let killed = status.signal() == Some(9);
    assert!(killed || status.success(), "{fault}: the child ended with {status}");
    killed
}

/// The end state that a run without any fault has.
fn assert_done_once(dir: &Path, after: &str) {
    assert!(run_child(dir, None).success(), "after {after}");
    let versions = fs::read_to_string(dir.join("versions")).unwrap();
    let names: Vec<&str> = versions.lines().filter_map(|it| it.split('-').next()).collect();
    assert_eq!(names, ["first", "second"], "after {after}");
    let state = Journal::peek(&journal_dir(dir), &key()).unwrap().unwrap();
    assert!(state.settled(), "after {after}");
    assert_eq!(state.last_run.unwrap().outcome, Some(RunOutcome::Succeeded), "after {after}");
}

#[test]
fn killed_at_any_write_once_or_twice_the_next_run_ends_the_same() {
    for point in ["before", "in", "after"] {
        for write in 1.. {
            let fault = format!("kill-{point}-journal-write:{write}");
            let dir = tempfile::tempdir().unwrap();
            if !was_killed(dir.path(), &fault) {
                // Header, run, end, and per step intent, facts and confirmation.
                assert_eq!(write, 1 + 3 + 2 * 3, "{fault}");
                break;
            }
            assert_done_once(dir.path(), &fault);

            let dir = tempfile::tempdir().unwrap();
            assert!(was_killed(dir.path(), &fault));
            let again = format!("kill-{point}-journal-write:2");
            assert!(was_killed(dir.path(), &again));
            assert_done_once(dir.path(), &format!("{fault} and {again}"));
        }
    }
}

/// Starts a child and waits until it is in the middle of its effect.
fn start_waiting_child(dir: &Path) -> Child {
    let mut child = command(dir).env(CHILD_WAITS, "1").spawn().unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    assert!(output.lines().any(|it| it.unwrap() == WAITING), "the child never acted");
    child
}

#[test]
fn a_running_process_is_named_and_its_death_frees_the_journal() {
    let dir = tempfile::tempdir().unwrap();
    let open = || Journal::open(&journal_dir(dir.path()), &key(), std::sync::Arc::new(SystemClock));
    let mut child = start_waiting_child(dir.path());
    match open() {
        Err(JournalError::Locked { pid, .. }) => assert_eq!(pid, Some(child.id())),
        other => panic!("expected a locked journal, found {other:?}"),
    }
    // Another process can still read what is going on.
    let state = Journal::peek(&journal_dir(dir.path()), &key()).unwrap().unwrap();
    assert!(state.intents["first"].open());
    assert_eq!(state.last_run.unwrap().pid, child.id());

    child.kill().unwrap();
    child.wait().unwrap();
    let journal = open().unwrap();
    assert!(journal.intent("first").unwrap().open());
    assert_eq!(journal.previous_run().unwrap().outcome, None);
    drop(journal);
    assert_done_once(dir.path(), "kill -9 in the first effect");
}

/// Starts the child where no file may grow beyond a few hundred bytes: a disk that is full.
fn run_child_without_room(dir: &Path) -> ExitStatus {
    let child = command(dir);
    // The signal that comes with the limit must be ignored, or it kills like any other.
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; ulimit -f 1; exec \"$@\"", "sh"]).arg(child.get_program());
    shell.args(child.get_args()).env(CHILD_DIR, dir).stdout(Stdio::null()).stderr(Stdio::null());
    shell.status().unwrap()
}

#[test]
fn a_write_that_did_not_fit_leaves_no_half_line() {
    let dir = tempfile::tempdir().unwrap();
    let status = run_child_without_room(dir.path());
    assert_eq!((status.signal(), status.success()), (None, false));
    let journal = fs::read(key().path_in(&journal_dir(dir.path()))).unwrap();
    assert!(journal.ends_with(b"}\n"), "half a line is left");
    assert_done_once(dir.path(), "a full disk");
}
