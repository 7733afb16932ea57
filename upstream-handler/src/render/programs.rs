//! Programs that render for us: `helm` and `kustomize`.
//!
//! A program runs with a home of its own that is thrown away, without the environment of this one, and
//! for a bounded time; what it writes is bounded too. It is killed when nobody waits for it any more.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use thiserror::Error;

/// How long one run may take.
const TIMEOUT: Duration = Duration::from_mins(5);
/// The most a program may write, in bytes.
const MAX_OUTPUT: u64 = 256 << 20;
/// How much of what a program complains about is kept, in bytes.
const MAX_COMPLAINT: usize = 8 << 10;

/// Why a program did not do its work.
#[derive(Debug, Error)]
pub enum ProgramError {
    /// It is not there.
    #[error("the program `{name}` is needed and was not found; install it or set {variable}")]
    Absent {
        /// The program.
        name: &'static str,
        /// The variable that names its path.
        variable: &'static str,
    },
    /// It could not be started or spoken with.
    #[error("could not run `{}`", program.display())]
    Run {
        /// Its path.
        program: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// It ended with an error.
    #[error("{said}")]
    Failed {
        /// What it wrote to stderr.
        said: String,
    },
    /// It did not end.
    #[error("`{name}` did not end within {} seconds", TIMEOUT.as_secs())]
    TimedOut {
        /// The program.
        name: &'static str,
    },
    /// It wrote too much.
    #[error("`{name}` wrote more than {MAX_OUTPUT} bytes")]
    TooMuch {
        /// The program.
        name: &'static str,
    },
}

/// Where the programs are.
#[derive(Debug, Clone, Default)]
pub struct Programs {
    helm: Option<PathBuf>,
    kustomize: Option<PathBuf>,
}

/// One of the programs.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Program {
    Helm,
    Kustomize,
}

impl Program {
    fn name(self) -> &'static str {
        match self {
            Self::Helm => "helm",
            Self::Kustomize => "kustomize",
        }
    }

    fn variable(self) -> &'static str {
        match self {
            Self::Helm => crate::env::KOTS_HELM,
            Self::Kustomize => crate::env::KOTS_KUSTOMIZE,
        }
    }

    fn find(self) -> Option<PathBuf> {
        if let Some(path) = crate::env::read(self.variable()) {
            return Some(PathBuf::from(path));
        }
        let folders = std::env::var_os("PATH")?;
        std::env::split_paths(&folders).map(|it| it.join(self.name())).find(|it| it.is_file())
    }
}

impl Programs {
    /// Finds them: by `KOTS_HELM` and `KOTS_KUSTOMIZE`, else on PATH.
    pub fn find() -> Self {
        Self { helm: Program::Helm.find(), kustomize: Program::Kustomize.find() }
    }

    /// Whether a program is there.
    pub(crate) fn has(&self, program: Program) -> bool {
        self.path(program).is_some()
    }

    /// Where a program is.
    pub(crate) fn path(&self, program: Program) -> Option<&Path> {
        match program {
            Program::Helm => self.helm.as_deref(),
            Program::Kustomize => self.kustomize.as_deref(),
        }
    }

    /// Runs a program and returns what it wrote to stdout. `home` is a folder for nothing else.
    ///
    /// # Errors
    ///
    /// [`ProgramError`].
    pub(crate) fn run(
        &self,
        program: Program,
        arguments: &[&OsStr],
        home: &Path,
    ) -> Result<Vec<u8>, ProgramError> {
        let (name, variable) = (program.name(), program.variable());
        let path = self.path(program).ok_or(ProgramError::Absent { name, variable })?;
        let failed = |source| ProgramError::Run { program: path.to_owned(), source };
        let mut command = Command::new(path);
        command.args(arguments).current_dir(home).env_clear().envs(environment(home));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = Guard(command.spawn().map_err(failed)?);
        let (sender, ends) = mpsc::channel();
        let readers = [
            reader(child.0.stdout.take(), MAX_OUTPUT + 1, sender.clone()),
            reader(child.0.stderr.take(), MAX_OUTPUT, sender),
        ];
        for _ in &readers {
            if ends.recv_timeout(TIMEOUT).is_err() {
                return Err(ProgramError::TimedOut { name });
            }
        }
        let [stdout, stderr] = readers.map(|it| it.join().unwrap_or_default());
        if MAX_OUTPUT < stdout.len() as u64 {
            return Err(ProgramError::TooMuch { name });
        }
        let status = child.0.wait().map_err(failed)?;
        if status.success() {
            return Ok(stdout);
        }
        Err(ProgramError::Failed { said: complaint(name, &stderr, status.code()) })
    }
}

/// Everything a program may want to know about its user.
fn environment(home: &Path) -> Vec<(&'static str, OsString)> {
    let own = |name: &str| home.join(name).into_os_string();
    vec![
        ("HOME", home.as_os_str().to_owned()),
        ("TMPDIR", home.as_os_str().to_owned()),
        ("XDG_CACHE_HOME", own("cache")),
        ("XDG_CONFIG_HOME", own("config")),
        ("XDG_DATA_HOME", own("data")),
        ("KUBECONFIG", own("no-kubeconfig")),
    ]
}

/// Reads one stream on a thread of its own: a full pipe would stop the program.
fn reader(
    stream: Option<impl Read + Send + 'static>,
    limit: u64,
    end: mpsc::Sender<()>,
) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(stream) = stream {
            // What was read before an error is kept; the program's status tells the rest.
            let _ = stream.take(limit).read_to_end(&mut bytes);
        }
        let _ = end.send(());
        bytes
    })
}

fn complaint(name: &str, stderr: &[u8], code: Option<i32>) -> String {
    let text = String::from_utf8_lossy(&stderr[..stderr.len().min(MAX_COMPLAINT)]);
    let lines = text.lines().map(str::trim).filter(|it| !it.is_empty() && !it.starts_with('#'));
    let said = lines.collect::<Vec<_>>().join("; ");
    match said.strip_prefix("Error: ").unwrap_or(&said) {
        "" => format!(
            "`{name}` ended with status {}",
            code.map_or("unknown".to_owned(), |it| it.to_string())
        ),
        said => said.to_owned(),
    }
}

/// A child that does not outlive us.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        // Neither fails for a child that has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(script: &str) -> Result<Vec<u8>, ProgramError> {
        let programs = Programs { helm: Some(PathBuf::from("/bin/sh")), kustomize: None };
        let home = tempfile::tempdir().expect("a folder");
        programs.run(Program::Helm, &["-c".as_ref(), script.as_ref()], home.path())
    }

    #[test]
    fn what_a_program_says_is_kept() {
        assert_eq!(run("echo a").expect("output"), b"a\n");
        let error = run("echo '# Warning: x' >&2; echo 'Error: no chart' >&2; exit 3");
        assert_eq!(error.expect_err("a failure").to_string(), "no chart");
        assert_eq!(run("exit 3").expect_err("a failure").to_string(), "`helm` ended with status 3");
    }

    #[test]
    fn a_program_sees_nothing_of_ours() {
        let said = run(r#"echo "[$USER$CARGO$CARGO_MANIFEST_DIR]"; test "$HOME" = "$PWD""#);
        assert_eq!(said.expect("a home of its own"), b"[]\n");
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let home = tempfile::tempdir().expect("a folder");
        let error = Programs::default().run(Program::Kustomize, &[], home.path());
        assert_eq!(
            error.expect_err("nothing to run").to_string(),
            "the program `kustomize` is needed and was not found; install it or set KOTS_KUSTOMIZE"
        );
    }
}
