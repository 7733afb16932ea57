//! `kotsadm serve`.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::env;
use crate::serve::{ServeOptions, TargetSpec, serve};

/// What was typed.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Address to listen on; port 0 takes a free one. The address is printed.
    #[arg(long, value_name = "ADDR", env = env::KOTSADM_LISTEN, default_value = "127.0.0.1:3000")]
    listen: SocketAddr,
    /// Folder of the database, the archives and the secrets.
    #[arg(long, value_name = "DIR", env = env::KOTSADM_STATE)]
    state: PathBuf,
    /// Where versions are deployed to: `dir:PATH`.
    #[arg(long, value_name = "TARGET", env = env::KOTSADM_TARGET)]
    target: TargetSpec,
    /// File with the whole `Kots …` value command lines authenticate with; made in DIR when absent.
    #[arg(long, value_name = "FILE", env = env::KOTSADM_AUTH_STRING_FILE)]
    auth_string_file: Option<PathBuf>,
    /// The vendor's endpoint, before that of the licence.
    #[arg(long, value_name = "URL", env = env::REPLICATED_APP_ENDPOINT)]
    release_endpoint: Option<String>,
    /// PEM file of a root key to trust besides the production key. May be given several times.
    #[arg(long, value_name = "FILE")]
    license_root_key: Vec<PathBuf>,
    /// Namespace applications are deployed to.
    #[arg(long, value_name = "NS", env = env::POD_NAMESPACE, default_value = "default")]
    namespace: String,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let running = serve(ServeOptions {
        listen: args.listen,
        state: args.state,
        target: args.target,
        auth_string_file: args.auth_string_file,
        release_endpoint: args.release_endpoint.filter(|text| !text.is_empty()),
        license_root_keys: args.license_root_key,
        namespace: args.namespace,
    })
    .await?;
    super::print_listening(running.addr);
    super::stop_asked().await?;
    running.shutdown().await;
    Ok(())
}
