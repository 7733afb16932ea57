//! The command line. Only this module sees clap.

mod config;
mod mirror;
mod render;
mod serve;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::env;

/// Serves the part of the KOTS admin console's API that upgrades need.
#[derive(Debug, Parser)]
#[command(name = "kotsadm", version, propagate_version = true)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves the API until SIGTERM or ctrl-C.
    Serve(serve::Args),
    /// Serves licences, releases and pending releases of a folder by the vendor's protocol.
    Mirror(mirror::Args),
    /// Shows the config of a release folder: items, values, problems, and what an upgrade changes.
    Config(config::Args),
    /// Renders a release folder offline, as the server would, and lists what does not render.
    Render(render::Args),
}

/// Runs the command of the process's arguments.
pub fn run() -> ExitCode {
    let args = Args::parse();
    let filter = tracing_subscriber::EnvFilter::try_new(
        // Watches begin anew all the time; what that means is told in the states.
        env::read(env::KOTSADM_LOG).unwrap_or_else(|| "info,kube_runtime=error".to_owned()),
    )
    .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .init();

    // Two threads carry everything: work that blocks has threads of its own.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(32)
        .thread_keep_alive(std::time::Duration::from_secs(5))
        .enable_all()
        .build();
    let result = runtime.map_err(anyhow::Error::from).and_then(|runtime| {
        let result = runtime.block_on(async {
            match args.command {
                Command::Serve(args) => serve::run(args).await.map(|()| ExitCode::SUCCESS),
                Command::Mirror(args) => mirror::run(args).await.map(|()| ExitCode::SUCCESS),
                Command::Render(args) => render::run(args),
                Command::Config(args) => config::run(&args).map(|()| ExitCode::SUCCESS),
            }
        });
        // Blocking work that does not end may not keep the process.
        runtime.shutdown_timeout(std::time::Duration::from_secs(2));
        result
    });
    match result {
        Ok(code) => code,
        Err(error) => {
            eprint_error(&error);
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stderr, reason = "the one place that tells a person why the program ended")]
fn eprint_error(error: &anyhow::Error) {
    let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
    eprintln!("Error: {}", causes.join(": "));
}

/// Writes what was asked for to standard output.
fn print(text: &str) {
    use std::io::Write as _;

    // Whoever reads it may have gone.
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// Says where the program listens: the one line scripts read.
#[expect(clippy::print_stdout, reason = "the one line scripts read")]
fn print_listening(addr: std::net::SocketAddr) {
    use std::io::Write as _;

    println!("listening on http://{addr}");
    let _ = std::io::stdout().flush();
}

/// Returns when the process was asked to stop.
async fn stop_asked() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
