//! `kotsadm serve`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::env;
use crate::serve::{RegistryAccess, ServeOptions, TargetSpec, serve};
use crate::target::ClusterOptions;

/// What was typed.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Address to listen on; port 0 takes a free one. The address is printed.
    #[arg(long, value_name = "ADDR", env = env::KOTSADM_LISTEN, default_value = "127.0.0.1:3000")]
    listen: SocketAddr,
    /// Folder of the database, the archives and the secrets.
    #[arg(long, value_name = "DIR", env = env::KOTSADM_STATE)]
    state: PathBuf,
    /// Where versions are deployed to: `dir:PATH`, or `cluster`.
    #[arg(long, value_name = "TARGET", env = env::KOTSADM_TARGET)]
    target: TargetSpec,
    /// Kubeconfig of the cluster; without it `KUBECONFIG`, `~/.kube/config`, or the pod's own account.
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Take over fields of objects that others own, instead of failing with their names.
    #[arg(long, env = env::KOTSADM_FORCE_CONFLICTS)]
    force_conflicts: bool,
    /// How long the objects of one deploy may take to become what their annotations wait for.
    #[arg(
        long,
        value_name = "SECONDS",
        env = env::KOTSADM_WAIT_LIMIT,
        default_value_t = 3600,
        value_parser = clap::value_parser!(u64).range(1..=86_400),
    )]
    wait_limit: u64,
    /// File with the whole `Kots …` value command lines authenticate with; made in DIR when absent.
    #[arg(long, value_name = "FILE", env = env::KOTSADM_AUTH_STRING_FILE)]
    auth_string_file: Option<PathBuf>,
    /// The vendor's endpoint, before that of the licence.
    #[arg(long, value_name = "URL", env = env::REPLICATED_APP_ENDPOINT)]
    release_endpoint: Option<String>,
    /// PEM file of a root key to trust besides the production key. May be given several times.
    #[arg(long, value_name = "FILE")]
    license_root_key: Vec<PathBuf>,
    /// Namespace applications are deployed to [env: `KOTSADM_TARGET_NAMESPACE`, `POD_NAMESPACE`]
    /// [default: default].
    #[arg(long, value_name = "NS")]
    namespace: Option<String>,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let running = serve(ServeOptions {
        listen: args.listen,
        state: args.state,
        target: args.target,
        cluster: ClusterOptions {
            kubeconfig: args.kubeconfig,
            force_conflicts: args.force_conflicts,
            wait_limit: Duration::from_secs(args.wait_limit),
        },
        auth_string_file: args.auth_string_file,
        release_endpoint: args.release_endpoint.filter(|text| !text.is_empty()),
        license_root_keys: args.license_root_key,
        namespace: args
            .namespace
            .or_else(|| env::read(env::KOTSADM_TARGET_NAMESPACE))
            .or_else(|| env::read(env::POD_NAMESPACE))
            .unwrap_or_else(|| "default".to_owned()),
        registry_access: RegistryAccess::of_environment(),
    })
    .await?;
    super::print_listening(running.addr);
    super::stop_asked().await?;
    running.shutdown().await;
    Ok(())
}
