//! The command line. Only this module sees clap.

mod prompt;
mod run;
mod states;
mod status;
mod update;

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The variable that brings the commands of version 3. Never set by this program.
const ENABLE_V3: &str = "ENABLE_V3";

/// Upgrades an application: the manager's API, and the same without a person.
#[derive(Debug, Parser)]
#[command(name = "installer", version, disable_version_flag = true, propagate_version = true)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Upgrades the application, led by a browser or by itself (`--headless`)
    Upgrade(Box<run::Args>),
    /// Installs the application into a cluster that is there
    Install(Box<run::Args>),
    /// Uploads an air-gap bundle to the admin console
    Update(update::Args),
    /// Tells where the run in a data directory is
    Status(status::Args),
    /// Prints the state machine
    States(states::Args),
    /// Prints the OpenAPI document of the API
    Openapi,
    /// Prints the version
    Version,
}

/// How a command ends.
pub(crate) type Ended = anyhow::Result<ExitCode>;

/// Commands that are there only with [`ENABLE_V3`].
const OF_V3: [&str; 2] = ["upgrade", "install"];

/// Runs the command of the process's arguments.
pub fn run() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    let is_v3 = std::env::var(ENABLE_V3).is_ok_and(|it| it == "1");
    if let Some(text) = unknown(&words, is_v3) {
        say_error(&text);
        return ExitCode::FAILURE;
    }
    let args = match Args::try_parse_from(with_aliases(words)) {
        Ok(args) => args,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
        }
    };
    let filter = std::env::var("INSTALLER_LOG").unwrap_or_else(|_| "warn".to_owned());
    let filter = tracing_subscriber::EnvFilter::try_new(filter)
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .init();
    // An error only means that somebody has set one already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();

    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(32)
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            say_error(&format!("Error: the program cannot run here: {error}\n"));
            return ExitCode::FAILURE;
        }
    };
    let ended = runtime.block_on(async {
        match args.command {
            Command::Upgrade(args) => run::run(*args, crate::flow::Mode::Upgrade).await,
            Command::Install(args) => run::run(*args, crate::flow::Mode::Install).await,
            Command::Update(args) => update::run(args).await,
            Command::Status(args) => status::run(args).await,
            Command::States(args) => states::run(&args),
            Command::Openapi => {
                say(&format!("{:#}\n", crate::http::openapi::document()));
                Ok(ExitCode::SUCCESS)
            }
            Command::Version => {
                say(&format!("{}\n", env!("CARGO_PKG_VERSION")));
                Ok(ExitCode::SUCCESS)
            }
        }
    });
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    match ended {
        Ok(code) => code,
        Err(error) => {
            let mut texts: Vec<String> = error.chain().map(ToString::to_string).collect();
            texts.dedup();
            say_error(&format!("Error: {}\n", texts.join(": ")));
            ExitCode::FAILURE
        }
    }
}

/// Cobra's words for a command that is not there, when it is one of version 3 and that is off.
fn unknown(words: &[OsString], is_v3: bool) -> Option<String> {
    let command = words.get(1)?.to_str().filter(|it| OF_V3.contains(it) && !is_v3)?;
    let program = std::path::Path::new(words.first()?)
        .file_name()
        .map_or_else(|| "installer".into(), |it| it.to_string_lossy());
    Some(format!(
        "Error: unknown command \"{command}\" for \"{program}\"\nRun '{program} --help' for usage.\n"
    ))
}

/// `--no-prompt` is another name of `--yes`.
fn with_aliases(words: Vec<OsString>) -> impl Iterator<Item = OsString> {
    words.into_iter().map(|word| if word == "--no-prompt" { "--yes".into() } else { word })
}

/// Writes to stdout. A closed pipe ends the printing, never the run.
pub(crate) fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes());
    let _ = out.flush();
}

/// Writes to stderr.
pub(crate) fn say_error(text: &str) {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(words: &[&str], is_v3: bool) -> String {
        let words: Vec<_> = words.iter().map(OsString::from).collect();
        unknown(&words, is_v3).unwrap_or_else(|| "known".to_owned())
    }

    #[test]
    fn version_three_is_there_only_when_it_is_asked_for() {
        insta::assert_snapshot!(check(&["/opt/my-app", "upgrade", "--target=linux"], false), @r#"
        Error: unknown command "upgrade" for "my-app"
        Run 'my-app --help' for usage.
        "#);
        assert_eq!(check(&["installer", "upgrade"], true), "known");
        assert_eq!(check(&["installer", "update"], false), "known");
        assert_eq!(check(&["installer"], false), "known");
    }
}
