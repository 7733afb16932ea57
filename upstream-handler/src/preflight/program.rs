//! The program that runs the checks: `preflight` of troubleshoot.sh.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use kinds::preflight::is_said;
use kinds::preflight::results::has_results;
use service::child::{Group, absolute_list, bounded};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

use crate::env;

/// The most that is read of what the program prints, in bytes.
const MAX_OUTPUT_BYTES: u64 = 8 << 20;
/// How much of its last words is kept, in bytes.
const LAST_WORDS_BYTES: usize = 4 << 10;
/// How long it may take when nothing is said.
const TIMEOUT: Duration = Duration::from_mins(15);

/// The program, and how long it may take.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    path: PathBuf,
    timeout: Duration,
    /// The kubeconfig of the cluster; without it the program finds one by itself.
    kubeconfig: Option<PathBuf>,
}

/// Why there is no output.
#[derive(Debug, Error)]
pub(crate) enum RunError {
    /// It is not there.
    #[error(
        "the program `{path}` was not found; put `preflight` (troubleshoot.sh) on PATH, or name it by {}",
        env::KOTS_PREFLIGHT
    )]
    Missing {
        /// What was looked for.
        path: String,
    },
    /// It could not be started or read.
    #[error("the program `{path}` could not be run: {source}")]
    Start {
        /// What was started.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// It took too long.
    #[error("the program was stopped after {} seconds", .0.as_secs())]
    TooLong(Duration),
    /// It said that it could not do its work.
    #[error("the program ended with {status}{}", last_words(said))]
    Failed {
        /// How it ended.
        status: String,
        /// What it said last.
        said: String,
    },
    /// It printed more than is read.
    #[error("the program printed more than {MAX_OUTPUT_BYTES} bytes")]
    TooMuch,
    /// It was told to stop.
    #[error("the run was stopped")]
    Cancelled,
}

fn last_words(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(": {said}") }
}

impl Program {
    /// The one the environment names, else `preflight` on PATH; for the cluster of `kubeconfig`.
    pub(crate) fn of_environment(kubeconfig: Option<PathBuf>) -> Self {
        let seconds = env::read(env::KOTS_PREFLIGHT_TIMEOUT_S).and_then(|it| it.parse().ok());
        Self {
            path: env::read(env::KOTS_PREFLIGHT).unwrap_or_else(|| "preflight".to_owned()).into(),
            timeout: seconds.map_or(TIMEOUT, Duration::from_secs),
            kubeconfig,
        }
    }

    /// The program by a name that holds in another folder.
    fn found(&self) -> io::Result<PathBuf> {
        // A bare name is looked for on PATH.
        if self.path.components().count() < 2 {
            return Ok(self.path.clone());
        }
        std::path::absolute(&self.path)
    }

    /// Runs the checks of the file `spec` and returns what was printed.
    ///
    /// Status 0 and everything from 2 on are results (2 and more tell that checks failed or warn); 1
    /// tells that nothing was checked. The program and all it started are gone when this returns.
    ///
    /// It runs in the folder of `spec`, which the caller removes: it leaves what it collected about the cluster in the
    /// folder it is started in, and fails where it may not write there (as in `/` of a pod).
    pub(crate) async fn run(
        &self,
        spec: &Path,
        ignores_permissions: bool,
        cancel: &CancellationToken,
    ) -> Result<Vec<u8>, RunError> {
        let path = self.path.display().to_string();
        let failed = |source: io::Error| RunError::Start { path: path.clone(), source };
        let spec = std::path::absolute(spec).map_err(failed)?;
        let folder = spec.parent().unwrap_or(Path::new("/"));
        let mut command = Command::new(self.found().map_err(failed)?);
        let kubeconfig = match &self.kubeconfig {
            Some(path) => Some(path.clone().into_os_string()),
            None => std::env::var_os("KUBECONFIG"),
        };
        if let Some(list) = kubeconfig {
            command.env("KUBECONFIG", absolute_list(&list).map_err(failed)?);
        }
        command
            .args(["--interactive=false", "--format=json", "--no-uri"])
            .arg(format!("--collect-without-permissions={ignores_permissions}"))
            .arg(&spec)
            .current_dir(folder)
            .env("TMPDIR", folder)
            .env("PREFLIGHT_AUTO_UPDATE", "false")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        for name in env::SECRETS {
            command.env_remove(name);
        }
        let child = command.spawn().map_err(|error| {
            if error.kind() == io::ErrorKind::NotFound {
                RunError::Missing { path: path.clone() }
            } else {
                failed(error)
            }
        })?;
        let group = Group::of(child.id());
        tokio::select! {
            ended = ended(child) => {
                let ended = ended.map_err(failed)?;
                drop(group);
                ended.output()
            }
            () = tokio::time::sleep(self.timeout) => Err(RunError::TooLong(self.timeout)),
            () = cancel.cancelled() => Err(RunError::Cancelled),
        }
    }
}

struct Ended {
    status: std::process::ExitStatus,
    printed: Option<Vec<u8>>,
    said: String,
}

impl Ended {
    fn output(self) -> Result<Vec<u8>, RunError> {
        if !has_results(self.status.code()) {
            return Err(RunError::Failed { status: self.status.to_string(), said: self.said });
        }
        self.printed.ok_or(RunError::TooMuch)
    }
}

async fn ended(mut child: Child) -> io::Result<Ended> {
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (printed, said, status) =
        tokio::try_join!(bounded(stdout, MAX_OUTPUT_BYTES), last(stderr), child.wait())?;
    Ok(Ended { status, printed, said })
}

/// Reads everything and keeps its end, as one line.
async fn last(source: Option<impl AsyncRead + Unpin>) -> io::Result<String> {
    let mut kept: Vec<u8> = Vec::new();
    let mut buffer = vec![0; 8 << 10];
    if let Some(mut source) = source {
        loop {
            let n = source.read(&mut buffer).await?;
            if n == 0 {
                break;
            }
            kept.extend_from_slice(&buffer[..n]);
            let excess = kept.len().saturating_sub(LAST_WORDS_BYTES);
            kept.drain(..excess);
        }
    }
    let text = String::from_utf8_lossy(&kept);
    let said = text.lines().filter(|line| is_said(line));
    Ok(said.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" "))
}
