//! A child process whose run survives this one: its output goes to files, and after a restart it is
//! found again by its process id and start time.
//!
//! | found at a start | what is done |
//! |---|---|
//! | no note of a child | it is started |
//! | a child that lives | its files are followed to its end |
//! | a child that has ended, its document is there | the document counts |
//! | any other child that has ended | it is run again, which is always safe |

use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use wire::report::{DeployOutcome, DeployReport};

use super::Invocation;
use super::lines::{Follower, Gathered};
use crate::flow::Step;
use crate::site::{Site, write_private};

/// Holds the child back until its note is on the disk: when this program dies before that, the child
/// ends without having done anything. The process stays the same when it becomes the program.
const GATE: &str = "read -r go || exit 75; exec \"$@\" </dev/null";
/// How often the files are looked at.
const LOOK: Duration = Duration::from_millis(100);
/// How long a child may take to end after it was asked to.
const GRACE: Duration = Duration::from_secs(30);

/// How a child ended.
#[derive(Debug, Default)]
pub(crate) struct Ended {
    /// The exit code; `None` when a signal ended it.
    pub(crate) code: Option<i32>,
    /// The system's words for the end.
    status: String,
    /// The document that our `kots` ends with.
    pub(crate) report: Option<DeployReport>,
    /// The end of stderr, masked.
    stderr: String,
}

impl Ended {
    #[cfg(test)]
    pub(super) fn of(code: Option<i32>, stderr: &str, report: Option<DeployReport>) -> Self {
        let status = code.map_or("signal".to_owned(), |code| format!("exit status {code}"));
        Self { code, status, report, stderr: stderr.to_owned() }
    }

    /// The end in words, with what was said on stderr.
    pub(crate) fn why(&self) -> String {
        match self.stderr.trim() {
            "" => self.status.clone(),
            stderr => format!("{}: {stderr}", self.status),
        }
    }
}

/// The note of a child.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    pid: i32,
    /// The start time in clock ticks since boot: a process id alone may be another's by now.
    started: u64,
}

/// Runs a child to its end, or follows the one that an earlier process of ours began.
///
/// # Errors
///
/// It could not be started, was cancelled, or took longer than the limit of a step.
pub(crate) async fn run(
    site: &Site,
    step: Step,
    invocation: &Invocation,
    cancel: &CancellationToken,
    label: &(dyn Fn(&str) -> String + Sync),
) -> Result<Ended, String> {
    let told =
        |error: io::Error| format!("could not run {}: {error}", invocation.program.display());
    let folder = site.run_folder(step.as_str()).map_err(told)?;
    let note = folder.join("child.json");
    let deadline = Instant::now() + site.settings.timeout + GRACE;
    let found = std::fs::read(&note).ok().and_then(|it| serde_json::from_slice::<Note>(&it).ok());
    if let Some(found) = found {
        let mut follower = Follower::take_up(site, step, &folder, label).await;
        let process = Process::Found(found);
        let ended = follow(process, &mut follower, cancel, deadline).await;
        let _ = std::fs::remove_file(&note);
        let gathered = follower.finish().await;
        if ended? == End::Cancelled {
            return Err(cancelled(&gathered));
        }
        // An end that was not seen is looked for by running it again.
        let is_known = |it: &DeployReport| it.outcome != DeployOutcome::Unknown;
        if gathered.report.as_ref().is_some_and(is_known) {
            return Ok(Ended {
                report: gathered.report,
                stderr: gathered.stderr,
                ..Ended::default()
            });
        }
    }
    let mut child = start(invocation, &folder).map_err(told)?;
    let pid = child.id().and_then(|it| i32::try_from(it).ok()).unwrap_or_default();
    let written = Note { pid, started: start_time(pid).unwrap_or_default() };
    let text = serde_json::to_vec(&written).map_err(|error| error.to_string())?;
    write_private(&note, &text).map_err(told)?;
    let mut gate = child.stdin.take().ok_or("the child has no standard input")?;
    gate.write_all(b"go\n").await.map_err(told)?;
    drop(gate);
    let mut follower = Follower::begin(site, step, &folder, label).await;
    let ended = follow(Process::Own(child, pid), &mut follower, cancel, deadline).await;
    let _ = std::fs::remove_file(&note);
    let gathered = follower.finish().await;
    match ended? {
        End::Cancelled => Err(cancelled(&gathered)),
        End::Exited(status) => Ok(Ended {
            code: status.and_then(|it| it.code()),
            status: status.map(words).unwrap_or_default(),
            report: gathered.report,
            stderr: gathered.stderr,
        }),
    }
}

fn cancelled(gathered: &Gathered) -> String {
    let mut text = "cancelled by the operator".to_owned();
    if let Some(error) = gathered.report.as_ref().and_then(|it| it.error.as_ref()) {
        text = format!("{text}: {}: {}", error.what, error.why.join(": "));
    }
    text
}

/// The system's words, as Go has them.
fn words(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("exit status {code}"),
        None => status.to_string(),
    }
}

fn start(invocation: &Invocation, folder: &Path) -> io::Result<Child> {
    let file = |name: &str| -> io::Result<File> {
        File::options().write(true).create(true).truncate(true).mode(0o600).open(folder.join(name))
    };
    Command::new("/bin/sh")
        .args(["-c", GATE, "sh"])
        .arg(&invocation.program)
        .args(&invocation.args)
        .envs(invocation.env.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::piped())
        .stdout(file("stdout")?)
        .stderr(file("stderr")?)
        // Ctrl-C at the terminal is for this program; the child is asked to end on purpose only.
        .process_group(0)
        .spawn()
}

/// What a look at a process shows.
enum Seen {
    Alive,
    /// How it ended, where that can be told: only of a child of this very process.
    Ended(Option<ExitStatus>),
}

enum Process {
    Own(Child, i32),
    Found(Note),
}

impl Process {
    fn pid(&self) -> i32 {
        match self {
            Self::Own(_, pid) => *pid,
            Self::Found(note) => note.pid,
        }
    }

    fn look(&mut self) -> io::Result<Seen> {
        match self {
            Self::Own(child, _) => Ok(match child.try_wait()? {
                Some(status) => Seen::Ended(Some(status)),
                None => Seen::Alive,
            }),
            Self::Found(note) if start_time(note.pid) == Some(note.started) => Ok(Seen::Alive),
            Self::Found(_) => Ok(Seen::Ended(None)),
        }
    }

    fn signal(&self, signal: rustix::process::Signal) {
        if let Some(pid) = rustix::process::Pid::from_raw(self.pid()) {
            let _ = rustix::process::kill_process(pid, signal);
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum End {
    Exited(Option<ExitStatus>),
    Cancelled,
}

/// Follows a process to its end.
async fn follow(
    mut process: Process,
    follower: &mut Follower<'_>,
    cancel: &CancellationToken,
    deadline: Instant,
) -> Result<End, String> {
    let mut asked: Option<(Instant, bool)> = None;
    loop {
        // First the process, then the files: what it wrote before its end is then there.
        let seen = process.look().map_err(|error| error.to_string())?;
        follower.look().await;
        if let Seen::Ended(status) = seen {
            return match asked {
                None => Ok(End::Exited(status)),
                Some((_, true)) => Ok(End::Cancelled),
                Some((_, false)) => {
                    Err("it did not end within the limit and was stopped".to_owned())
                }
            };
        }
        let now = Instant::now();
        match asked {
            None if cancel.is_cancelled() || deadline <= now => {
                process.signal(rustix::process::Signal::TERM);
                asked = Some((now, cancel.is_cancelled()));
            }
            Some((since, _)) if since + GRACE <= now => {
                process.signal(rustix::process::Signal::KILL);
            }
            _ => {}
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = cancel.cancelled(), if asked.is_none() => {}
        }
    }
}

/// When a process was started, in clock ticks since boot; `None` when there is none, or it has
/// ended and only waits to be noticed.
fn start_time(pid: i32) -> Option<u64> {
    let stat = std::fs::read_to_string(PathBuf::from(format!("/proc/{pid}/stat"))).ok()?;
    // The name in brackets may hold anything; what follows is `state ppid …`.
    let rest = &stat[stat.rfind(')')? + 2..];
    let fields: Vec<&str> = rest.split(' ').collect();
    if fields.first() == Some(&"Z") {
        return None;
    }
    fields.get(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_its_start() {
        let me = i32::try_from(std::process::id()).expect("a process id");
        assert!(start_time(me).is_some());
        assert_eq!(start_time(me), start_time(me));
        assert_eq!(start_time(-1), None);
    }
}
