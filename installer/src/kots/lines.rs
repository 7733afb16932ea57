//! What a child writes: JSON lines of our `kots`, plain lines of the original, made into events, log
//! lines and a status.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use steps::{Event, EventKind};
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use wire::report::DeployReport;

use super::classify::{Line, classify, plain};
use crate::flow::Step;
use crate::http::types::StatusState;
use crate::refusal::chain;
use crate::site::Site;
use crate::store::{Kind, Said};

/// The longest line, in bytes; a longer one is taken in parts.
const LINE_BYTES: usize = 1 << 20;
/// How much is read at one look, in bytes.
const LOOK_BYTES: u64 = 1 << 20;
/// How much of stderr is kept for the reason, in bytes.
const REASON_BYTES: usize = 8 << 10;

/// What was gathered up to the end.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) report: Option<DeployReport>,
    pub(super) stderr: String,
}

/// How far the files were taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Taken {
    stdout: u64,
    stderr: u64,
}

/// Follows the files of a child.
pub(super) struct Follower<'a> {
    site: &'a Site,
    step: Step,
    label: &'a (dyn Fn(&str) -> String + Sync),
    stdout: PathBuf,
    stderr: PathBuf,
    taken: Taken,
    gathered: Gathered,
    /// Why the last look took nothing, so that it is said once.
    trouble: String,
}

impl<'a> Follower<'a> {
    /// Follows files from their beginning.
    pub(super) async fn begin(
        site: &'a Site,
        step: Step,
        folder: &Path,
        label: &'a (dyn Fn(&str) -> String + Sync),
    ) -> Self {
        let follower = Self {
            site,
            step,
            label,
            stdout: folder.join("stdout"),
            stderr: folder.join("stderr"),
            taken: Taken::default(),
            gathered: Gathered::default(),
            trouble: String::new(),
        };
        follower.note().await;
        follower
    }

    /// Follows files from where an earlier process came to.
    pub(super) async fn take_up(
        site: &'a Site,
        step: Step,
        folder: &Path,
        label: &'a (dyn Fn(&str) -> String + Sync),
    ) -> Self {
        let taken = site.store.get(&name(step)).await.ok().flatten().unwrap_or_default();
        Self {
            site,
            step,
            label,
            stdout: folder.join("stdout"),
            stderr: folder.join("stderr"),
            taken,
            gathered: Gathered::default(),
            trouble: String::new(),
        }
    }

    /// Takes what is new. What cannot be recorded now is taken at the next look: the child goes on all
    /// the same.
    pub(super) async fn look(&mut self) {
        match self.take(false).await {
            Ok(()) => self.trouble.clear(),
            Err(why) if why == self.trouble => {}
            Err(why) => {
                tracing::warn!("could not follow {}: {why}", self.step.as_str());
                self.trouble = why;
            }
        }
    }

    /// Takes the rest.
    pub(super) async fn finish(mut self) -> Gathered {
        if let Err(why) = self.take(true).await {
            tracing::warn!("could not follow {}: {why}", self.step.as_str());
        }
        if self.gathered.report.is_none() {
            // An earlier process of ours may have come past it.
            self.gathered.report = last_report(&self.stdout).await;
        }
        self.gathered
    }

    async fn take(&mut self, to_end: bool) -> Result<(), String> {
        loop {
            let mut taken = self.taken;
            let out = read_lines(&self.stdout, &mut taken.stdout, to_end).await?;
            let err = read_lines(&self.stderr, &mut taken.stderr, to_end).await?;
            if taken == self.taken {
                return Ok(());
            }
            let mut entries = Vec::new();
            for line in out {
                match classify(&line) {
                    Line::Event(event, value) => {
                        self.say(&event).await?;
                        let masked = self.site.mask(&value.to_string());
                        entries
                            .push((Kind::Deploy, serde_json::from_str(&masked).unwrap_or(value)));
                    }
                    Line::Report(report) => self.gathered.report = Some(*report),
                    Line::Plain(text) => self.log(&text, &mut entries),
                }
            }
            let err: Vec<String> = err.iter().map(|line| self.site.mask(&plain(line))).collect();
            for line in &err {
                self.log(line, &mut entries);
            }
            let store = &self.site.store;
            store.record_all(self.step, &entries).await.map_err(|error| chain(&error))?;
            // Only now: what was not recorded is taken again.
            self.taken = taken;
            for line in &err {
                keep_end(&mut self.gathered.stderr, line);
            }
            self.note().await;
        }
    }

    fn log(&self, text: &str, entries: &mut Vec<(Kind, Value)>) {
        let text = self.site.mask(&plain(text));
        if !text.trim().is_empty() {
            let line = (self.label)(text.trim_end());
            entries.push((Kind::Log, serde_json::json!({ "line": line })));
        }
    }

    /// Names the step of `kots` in the status.
    async fn say(&self, event: &Event) -> Result<(), String> {
        let EventKind::StepStarted { step } = &event.kind else { return Ok(()) };
        let text = self.step.running_text(self.site.flow.mode);
        let description = format!("{text}: {step}");
        let said = Said { step: self.step, state: StatusState::Running, description: &description };
        self.site.store.say(said).await.map_err(|error| chain(&error))
    }

    async fn note(&self) {
        let _ = self.site.store.put(&name(self.step), &self.taken).await;
    }
}

fn name(step: Step) -> String {
    format!("taken-{}", step.as_str())
}

fn keep_end(kept: &mut String, line: &str) {
    kept.push_str(line);
    kept.push('\n');
    if REASON_BYTES < kept.len() {
        let mut start = kept.len() - REASON_BYTES;
        while !kept.is_char_boundary(start) {
            start += 1;
        }
        kept.drain(..start);
    }
}

/// Whole lines after `taken`, which is moved past them; at the end of the file the rest too.
async fn read_lines(path: &Path, taken: &mut u64, to_end: bool) -> Result<Vec<String>, String> {
    let told = |error: std::io::Error| format!("{}: {error}", path.display());
    let mut file = match tokio::fs::File::open(path).await {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(told(error)),
    };
    file.seek(std::io::SeekFrom::Start(*taken)).await.map_err(told)?;
    let mut bytes = Vec::new();
    file.take(LOOK_BYTES).read_to_end(&mut bytes).await.map_err(told)?;
    let end = match bytes.iter().rposition(|it| *it == b'\n') {
        Some(end) => end + 1,
        None if to_end || LINE_BYTES <= bytes.len() => bytes.len(),
        None => 0,
    };
    *taken += u64::try_from(end).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes[..end]);
    Ok(text.lines().map(str::to_owned).collect())
}

/// The document at the end of a file, if there is one.
async fn last_report(path: &Path) -> Option<DeployReport> {
    let mut file = tokio::fs::File::open(path).await.ok()?;
    let size = file.metadata().await.ok()?.len();
    file.seek(std::io::SeekFrom::Start(size.saturating_sub(LOOK_BYTES))).await.ok()?;
    let mut bytes = Vec::new();
    file.take(LOOK_BYTES).read_to_end(&mut bytes).await.ok()?;
    let text = String::from_utf8_lossy(&bytes);
    match classify(text.lines().last()?) {
        Line::Report(report) => Some(*report),
        Line::Event(..) | Line::Plain(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_whole_lines_are_taken_until_the_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("stdout");
        let mut taken = 0;
        assert!(read_lines(&path, &mut taken, false).await.expect("none yet").is_empty());
        std::fs::write(&path, "one\ntw").expect("written");
        assert_eq!(read_lines(&path, &mut taken, false).await.expect("read"), ["one"]);
        assert_eq!(taken, 4);
        std::fs::write(&path, "one\ntwo\nthr").expect("written");
        assert_eq!(read_lines(&path, &mut taken, false).await.expect("read"), ["two"]);
        assert_eq!(read_lines(&path, &mut taken, true).await.expect("read"), ["thr"]);
    }
}
