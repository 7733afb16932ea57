//! Journals on a real disk.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use insta::assert_snapshot;
use jiff::Timestamp;
use steps::journal::{Retention, list, prune};
use steps::{IntentState, Journal, JournalError, RunKey, RunOutcome, Stop};

use crate::harness::{clock, run_with};

fn key(app: &str) -> RunKey {
    RunKey::new("deploy").field("app", app).field("sequence", "4")
}

fn open(dir: &Path, app: &str) -> Result<Journal, JournalError> {
    Journal::open(dir, &key(app), clock())
}

/// Runs a script under the key of `app` and returns the journal's file.
async fn run(dir: &Path, app: &str, script: &str) -> PathBuf {
    run_with(script, open(dir, app).unwrap(), Stop::never()).await;
    key(app).path_in(dir)
}

/// The error of opening, and what to do, without what differs from machine to machine.
fn refusal(dir: &Path, app: &str) -> String {
    let error = open(dir, app).unwrap_err();
    let text = format!("{error}\nhint: {}", error.hint());
    let text = text.replace(&dir.display().to_string(), "DIR").replace(&key(app).id(), "ID");
    text.replace(&std::process::id().to_string(), "PID")
}

#[tokio::test]
async fn is_for_its_owner_only() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("a/b");
    let path = run(&state, "shop", "update").await;
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!([mode(&path), mode(&state), mode(&dir.path().join("a"))], [0o600, 0o700, 0o700]);

    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    drop(open(&state, "shop").unwrap());
    assert_eq!(mode(&path), 0o600);
}

#[tokio::test]
async fn a_journal_cut_short_opens_and_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let path = run(dir.path(), "shop", "license\nupdate run=records\nconfig run=lost").await;
    let whole = fs::read(&path).unwrap();
    // Every byte is the property test of the reader; here the ends of lines, and some between.
    let near_end = |at: &usize| whole[at.saturating_sub(1)..].iter().take(3).any(|it| *it == b'\n');
    for cut in (0..=whole.len()).filter(|at| at % 29 == 0 || near_end(at)) {
        fs::write(&path, &whole[..cut]).unwrap();
        let journal = open(dir.path(), "shop").unwrap();
        let attempts = journal.intent("update").map_or(0, |it| it.attempt);
        let report = run_with("update", journal, Stop::never()).await;
        assert_eq!(report.outcome(), Some(RunOutcome::Succeeded), "cut at {cut}");

        let state = Journal::peek(dir.path(), &key("shop")).unwrap().unwrap();
        assert_eq!(state.intents["update"].attempt, attempts + 1, "cut at {cut}");
        assert_eq!(state.intents["update"].state, IntentState::Confirmed, "cut at {cut}");
    }
}

#[tokio::test]
async fn damage_is_told_with_file_and_line_and_nothing_is_changed() {
    let dir = tempfile::tempdir().unwrap();
    let path = run(dir.path(), "shop", "update").await;
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.windows(7).position(|it| it == b"key-of-").unwrap();
    bytes[at] = b'K';
    fs::write(&path, &bytes).unwrap();
    assert_snapshot!(refusal(dir.path(), "shop"), @r"
    journal `DIR/ID.journal` is damaged at line 3: its checksum does not fit its record
    hint: look at what the last run did, then move `DIR/ID.journal` away (`mv DIR/ID.journal DIR/ID.journal.damaged`) and run the command again
    ");
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[tokio::test]
async fn a_journal_under_the_name_of_another_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = run(dir.path(), "shop", "update").await;
    fs::rename(path, key("blog").path_in(dir.path())).unwrap();
    assert_snapshot!(refusal(dir.path(), "blog"), @r"
    journal `DIR/ID.journal` belongs to another run: run `deploy`, app `shop`, sequence `4`
    hint: look at what the last run did, then move `DIR/ID.journal` away (`mv DIR/ID.journal DIR/ID.journal.damaged`) and run the command again
    ");
}

#[test]
fn what_is_not_a_regular_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let victim = dir.path().join("victim");
    fs::write(&victim, "text").unwrap();
    symlink(&victim, key("link").path_in(dir.path())).unwrap();
    assert_snapshot!(refusal(dir.path(), "link"), @r"
    journal `DIR/ID.journal` is not a regular file
    hint: move `DIR/ID.journal` away
    ");
    assert_eq!(fs::read_to_string(&victim).unwrap(), "text");

    fs::create_dir(key("folder").path_in(dir.path())).unwrap();
    assert_snapshot!(refusal(dir.path(), "folder"), @r"
    journal `DIR/ID.journal` is not a regular file
    hint: move `DIR/ID.journal` away
    ");
}

#[test]
fn only_one_at_a_time_has_it() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path(), "shop").unwrap();
    assert_snapshot!(refusal(dir.path(), "shop"), @r"
    journal `DIR/ID.journal` is in use by process PID
    hint: wait until process PID has ended, then run the command again
    ");
    drop(open(dir.path(), "blog").unwrap());
    drop(first);
    drop(open(dir.path(), "shop").unwrap());
}

#[tokio::test]
async fn a_long_journal_is_rewritten_with_what_counts() {
    let dir = tempfile::tempdir().unwrap();
    let path = run(dir.path(), "shop", "license\nupdate run=records verify=lost").await;
    let before = Journal::peek(dir.path(), &key("shop")).unwrap().unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let ended = text.lines().last().unwrap();
    let mut file = OpenOptions::new().append(true).open(&path).unwrap();
    let line = format!("{ended}\n");
    file.write_all(line.repeat(1 + (1 << 20) / line.len()).as_bytes()).unwrap();

    let journal = open(dir.path(), "shop").unwrap();
    assert_eq!(journal.state().intents, before.intents);
    assert_eq!(journal.previous_run(), before.last_run.as_ref());
    assert!(fs::metadata(&path).unwrap().len() < 4096);
    // The lock is that of the new file.
    assert!(matches!(open(dir.path(), "shop"), Err(JournalError::Locked { .. })));
    let report = run_with("update", journal, Stop::never()).await;
    assert_eq!(report.outcome(), Some(RunOutcome::Succeeded));
    let after = Journal::peek(dir.path(), &key("shop")).unwrap().unwrap();
    assert_eq!(after.intents["update"].attempt, 2);
    assert_eq!(after.intents["license"], before.intents["license"]);
}

#[tokio::test]
async fn pruning_takes_the_oldest_and_leaves_what_matters() {
    let dir = tempfile::tempdir().unwrap();
    let now: Timestamp = "2026-06-01T00:00:00Z".parse().unwrap();
    let hour = Duration::from_hours(1);
    for (app, script, age_hours) in [
        ("new", "update", 1),
        ("middle", "update", 2),
        ("old", "update run=rejected", 3),
        ("open", "update run=lost", 1000),
        ("damaged", "update", 1000),
        ("in-use", "update", 1000),
    ] {
        let path = run(dir.path(), app, script).await;
        if app == "damaged" {
            fs::write(&path, "nonsense\n").unwrap();
        }
        let written_at = std::time::SystemTime::from(now) - hour * age_hours;
        fs::File::options().write(true).open(&path).unwrap().set_modified(written_at).unwrap();
    }
    let other = dir.path().join("notes.txt");
    fs::write(&other, "not ours").unwrap();
    let in_use = open(dir.path(), "in-use").unwrap();
    let written_at = std::time::SystemTime::from(now) - hour * 1000;
    let file = fs::File::options().write(true).open(in_use.path().unwrap()).unwrap();
    file.set_modified(written_at).unwrap();

    let retention = Retention { max_files: 2, max_age: hour * 24 };
    let pruned = prune(dir.path(), &retention, now).unwrap();
    assert_eq!((pruned.removed, pruned.kept), (1, 3));
    let stays = |app: &str| key(app).path_in(dir.path()).exists();
    assert_eq!(
        ["new", "middle", "old", "open", "damaged", "in-use"].map(stays),
        [true, true, false, true, true, true]
    );
    assert!(other.exists());

    let retention = Retention { max_files: 10, max_age: hour + hour / 2 };
    assert_eq!(prune(dir.path(), &retention, now).unwrap().removed, 1);
    assert_eq!(["new", "middle"].map(stays), [true, false]);
    assert_eq!(prune(&dir.path().join("missing"), &retention, now).unwrap().removed, 0);
}

#[tokio::test]
async fn other_programs_can_list_the_runs() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(list(&dir.path().join("missing")).unwrap().len(), 0);
    run(dir.path(), "shop", "update run=lost").await;
    let damaged = run(dir.path(), "blog", "update").await;
    fs::write(&damaged, "nonsense\n").unwrap();
    fs::write(dir.path().join("notes.txt"), "not ours").unwrap();
    let in_use = open(dir.path(), "shop").unwrap();

    let (read, failed): (Vec<_>, Vec<_>) =
        list(dir.path()).unwrap().into_iter().partition(Result::is_ok);
    let read: Vec<_> = read.into_iter().map(Result::unwrap).collect();
    assert_eq!(read.len(), 1);
    assert_eq!(read[0].key, key("shop").fields());
    assert_eq!(Some(read[0].path.as_path()), in_use.path());
    assert!(read[0].state.intents["update"].open());
    assert!(matches!(failed[..], [Err(JournalError::Corrupt { line: 1, .. })]));
}

#[test]
fn keys_that_differ_anywhere_are_other_runs() {
    let of = |fields: &[(&str, &str)]| {
        fields
            .iter()
            .fold(RunKey::new("deploy"), |key, (name, value)| key.field(*name, *value))
            .id()
    };
    let ids = [
        of(&[]),
        of(&[("a", "bc")]),
        of(&[("ab", "c")]),
        of(&[("a", "b"), ("c", "")]),
        of(&[("c", ""), ("a", "b")]),
        RunKey::new("install").id(),
    ];
    let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!(distinct.len(), ids.len());
    assert!(ids.iter().all(|it| it.len() == 64));
}
