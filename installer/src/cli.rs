//! The command line. Only this module sees clap.

mod follow;
mod prompt;
mod run;
mod signals;
mod states;
mod status;
mod update;

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

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

/// What is logged unless `INSTALLER_LOG` says otherwise. What the client of the cluster logs is in our own errors, too.
const FILTER: &str = "warn,kube_client=off";

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
    let parsed = command(is_v3)
        .try_get_matches_from(with_aliases(words))
        .and_then(|it| Args::from_arg_matches(&it));
    let args = match parsed {
        Ok(args) => args,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
        }
    };
    let filter = std::env::var("INSTALLER_LOG").unwrap_or_else(|_| FILTER.to_owned());
    let filter = tracing_subscriber::EnvFilter::try_new(filter)
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(FILTER));
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
            say_error(&format!("Error: {}\n", told(&error)));
            ExitCode::FAILURE
        }
    }
}

/// An error with everything beneath it, what is repeated once.
fn told(error: &anyhow::Error) -> String {
    crate::refusal::chain(error.as_ref())
}

/// The commands as they are there: without version 3 its own are not shown either.
fn command(is_v3: bool) -> clap::Command {
    let hide =
        |command: clap::Command, name: &&str| command.mut_subcommand(name, |it| it.hide(!is_v3));
    OF_V3.iter().fold(Args::command(), hide)
}

/// Cobra's words for a command that is not there. Those of version 3 are not while that is off.
fn unknown(words: &[OsString], is_v3: bool) -> Option<String> {
    let mut names = words.iter().skip(1).map(|it| it.to_string_lossy());
    let mut name = names.next()?;
    if name == "help" {
        name = names.next()?;
    }
    let is_there = |name: &str| {
        let known = name == "help" || Args::command().find_subcommand(name).is_some();
        known && (is_v3 || !OF_V3.contains(&name))
    };
    if name.is_empty() || name.starts_with('-') || is_there(&name) {
        return None;
    }
    let command = name;
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
        for known in
            [&["installer", "help"][..], &["installer", "--help"], &["installer", "help", "update"]]
        {
            assert_eq!(check(known, false), "known");
        }
        let unknown = check(&["installer", "upgrade"], false);
        assert_eq!(check(&["installer", "help", "upgrade"], false), unknown);
        assert_eq!(check(&["installer", "nonsense"], true), unknown.replace("upgrade", "nonsense"));
        let help = |is_v3| command(is_v3).render_help().to_string();
        assert!(help(true).contains("upgrade") && help(true).contains("install "));
        assert!(!help(false).contains("upgrade ") && !help(false).contains("install "));
        assert!(help(false).contains("update "));
    }
}
