//! `kotsadm mirror`.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use tokio::net::TcpListener;

/// What was typed.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Folder to serve.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// Address to listen on; port 0 takes a free one. The address is printed.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:3001")]
    listen: SocketAddr,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    ensure!(args.dir.is_dir(), "{} is not a folder", args.dir.display());
    let summary = upstream::mirror::check(&args.dir)?;
    tracing::info!("serving {} of {}", summary.apps.join(", "), args.dir.display());
    let listener = TcpListener::bind(args.listen)
        .await
        .with_context(|| format!("could not listen on {}", args.listen))?;
    let addr = listener.local_addr()?;
    let router = upstream::mirror::router(&args.dir);
    super::print_listening(addr);
    let stopped = async {
        let _ = super::stop_asked().await;
    };
    tokio::select! {
        served = axum::serve(listener, router) => served?,
        () = stopped => {}
    }
    Ok(())
}
