//! One run of the `helm` program: what it prints is kept within bounds, and it is told to stop when
//! nobody waits for it any more.

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::Stdio;

use tempfile::NamedTempFile;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};

use super::Printed;
use super::causes::shortened;
use crate::env;

/// The most of one stream that is kept, in bytes: the end of it.
const KEPT_BYTES: usize = 256 * 1024;

/// Copies a file so that only this user can read it; the copy goes with the value.
pub(super) fn private_copy(from: &Path, folder: &Path) -> io::Result<NamedTempFile> {
    let mut copy =
        tempfile::Builder::new().prefix("values-").suffix(".yaml").tempfile_in(folder)?;
    io::copy(&mut File::open(from)?, copy.as_file_mut())?;
    Ok(copy)
}

/// A child that gets SIGTERM when it is dropped: Helm then ends its release as failed.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let pid = self.0.id().and_then(|id| i32::try_from(id).ok());
        if let Some(pid) = pid.and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
    }
}

/// Runs it. The error is what it printed last.
pub(super) async fn run(
    program: &Path,
    kubeconfig: Option<&Path>,
    arguments: &[String],
    work: &Path,
    printed: &mut Printed,
) -> Result<(), String> {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .env("HELM_CACHE_HOME", work.join("helm-cache"))
        .env("HELM_CONFIG_HOME", work.join("helm-config"))
        .env("HELM_DATA_HOME", work.join("helm-data"));
    for secret in env::SECRETS {
        command.env_remove(secret);
    }
    if let Some(kubeconfig) = kubeconfig {
        command.env("KUBECONFIG", kubeconfig);
    }
    let cannot =
        |what: &str, error: io::Error| format!("could not {what} {}: {error}", program.display());
    let child = command.spawn().map_err(|error| cannot("start", error))?;
    let mut running = Running(child);
    let (stdout, stderr) = (running.0.stdout.take(), running.0.stderr.take());
    let (stdout, stderr, ended) = tokio::join!(kept(stdout), kept(stderr), running.0.wait());
    printed.stdout.push_str(&stdout);
    printed.stderr.push_str(&stderr);
    let ended = ended.map_err(|error| cannot("wait for", error))?;
    if ended.success() {
        return Ok(());
    }
    // Its messages have several lines; the last one that begins with `Error:` begins the reason.
    let said = stderr.rfind("Error: ").map_or(stderr.as_str(), |at| &stderr[at..]);
    let said = shortened(said);
    Err(if said.is_empty() { format!("helm ended with {ended}") } else { said })
}

/// Reads a stream to its end and keeps the last of it.
async fn kept(stream: Option<impl AsyncRead + Unpin>) -> String {
    let Some(mut stream) = stream else { return String::new() };
    let mut bytes = Vec::new();
    let mut chunk = vec![0; 16 * 1024];
    while let Ok(n @ 1..) = stream.read(&mut chunk).await {
        bytes.extend_from_slice(&chunk[..n]);
        if bytes.len() > 2 * KEPT_BYTES {
            bytes.drain(..bytes.len() - KEPT_BYTES);
        }
    }
    let start = bytes.len().saturating_sub(KEPT_BYTES);
    String::from_utf8_lossy(&bytes[start..]).into_owned()
}
