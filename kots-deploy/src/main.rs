//! The `kots` program.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use kots_deploy::airgap_update;
use kots_deploy::bundle::args::BundleArgs;
use kots_deploy::cli::{self, Command, Misread};
use kots_deploy::deploy;
use kots_deploy::deploy::args::Output;
use kots_deploy::output::error;
use kots_deploy::output::report::{Known, exit_status, refused};
use kots_deploy::push_images;
use kots_deploy::signals::Signals;
use kots_deploy::{get, install, license};
use wire::report::{DeployOutcome, DeployReport};

/// How long what runs in the background may take to end.
const GRACE: Duration = Duration::from_millis(500);

fn main() -> ExitCode {
    let mut words = std::env::args_os().map(|it| it.to_string_lossy().into_owned());
    let program = words.next().unwrap_or_default();
    let words: Vec<String> = words.collect();
    let environment = |name: &str| std::env::var(name).ok();
    match cli::read(&program, &words, &environment) {
        Ok(Command::Print { text, status }) => {
            let _ = std::io::stdout().write_all(text.as_bytes());
            ExitCode::from(status)
        }
        Ok(Command::Deploy(args)) => carry_out(|signals| deploy::run::run(*args, signals)),
        Ok(Command::Install(args)) => carry_out(|signals| install::run::run(*args, signals)),
        Ok(Command::AirgapUpdate(args)) => carry_out(|signals| airgap_update::run(*args, signals)),
        Ok(Command::PushImages(args)) => carry_out(|signals| push_images::run(*args, signals)),
        Ok(Command::VerifyLicense(args)) => {
            let said = license::run(&args, jiff::Timestamp::now());
            let _ = std::io::stdout().write_all(said.stdout.as_bytes());
            let _ = std::io::stderr().write_all(said.stderr.as_bytes());
            ExitCode::from(said.status)
        }
        Ok(Command::Get(args)) => print_answer(*args),
        Ok(Command::Bundle(args)) => bundle(args),
        Err(misread) => misread_line(&misread),
    }
}

/// Runs a command to its end. Blocking threads that still read are left behind.
fn carry_out<F: Future<Output = DeployReport>>(command: impl FnOnce(Signals) -> F) -> ExitCode {
    let runtime =
        match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return broken(&error),
        };
    let document = runtime.block_on(async {
        match Signals::listen() {
            Ok(signals) => Ok(command(signals).await),
            Err(error) => Err(error),
        }
    });
    runtime.shutdown_timeout(GRACE);
    match document {
        Ok(document) => ExitCode::from(exit_status(document.outcome)),
        Err(error) => broken(&error),
    }
}

/// Prints what was asked for.
fn print_answer(args: get::GetArgs) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return broken(&error),
    };
    let answer = runtime.block_on(async {
        match Signals::listen() {
            Ok(signals) => get::run(args, signals).await,
            Err(error) => Err(error.to_string()),
        }
    });
    runtime.shutdown_timeout(GRACE);
    match answer {
        Ok(text) => {
            let _ = std::io::stdout().write_all(text.as_bytes());
            ExitCode::SUCCESS
        }
        Err(why) => {
            let _ = writeln!(std::io::stderr(), "Error: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Looks at a bundle, or makes one.
fn bundle(args: BundleArgs) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return broken(&error),
    };
    let ran = runtime.block_on(async {
        let signals = Signals::listen()?;
        let handle = tokio::runtime::Handle::current();
        let run = move || kots_deploy::bundle::run(&args, handle, &|| signals.raised());
        tokio::task::spawn_blocking(run).await.map_err(std::io::Error::other)
    });
    match ran {
        Ok(status) => ExitCode::from(status),
        Err(error) => broken(&error),
    }
}

fn broken(error: &std::io::Error) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "Error: the program cannot run here: {error}");
    ExitCode::from(1)
}

fn misread_line(misread: &Misread) -> ExitCode {
    let report = error::of(&misread.error, &misread.hint);
    let _ = std::io::stderr().write_all(error::text(&report, error::Chain::Whole).as_bytes());
    if misread.output != Output::Text {
        let known = Known { app: misread.app.clone(), ..Known::default() };
        let document = refused(known, DeployOutcome::Rejected, report);
        let written = if misread.output == Output::Json {
            serde_json::to_string_pretty(&document)
        } else {
            serde_json::to_string(&document)
        };
        let _ = writeln!(std::io::stdout(), "{}", written.unwrap_or_default());
    }
    ExitCode::from(1)
}
