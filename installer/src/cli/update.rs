//! `installer update`: the way of version 2. The bundle is checked, then `kots airgap-update` uploads it.

use std::path::PathBuf;
use std::process::{ExitCode, Stdio};

use anyhow::{Context as _, bail};

use crate::cluster::Cluster;
use crate::release::{self, Source};
use crate::surroundings;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Path of the air-gap bundle
    #[arg(long)]
    airgap_bundle: PathBuf,
    /// The application, when the bundle must be one of it
    #[arg(long)]
    app: Option<String>,
    /// The namespace of the admin console
    #[arg(long, short = 'n')]
    namespace: Option<String>,
    /// Path of the kubeconfig (default: KUBECONFIG, the embedded cluster's, the user's)
    #[arg(long)]
    kubeconfig: Option<PathBuf>,
    /// The kots program (default: the one beside this program)
    #[arg(long)]
    kots_binary: Option<PathBuf>,
}

pub(super) async fn run(args: Args) -> super::Ended {
    let source = Source::Bundle(args.airgap_bundle.clone());
    let release = tokio::task::spawn_blocking(move || release::load(&source)).await??;
    if let Some(app) = args.app.as_ref().filter(|it| **it != release.app_slug) {
        bail!(
            "airgap bundle app {} does not match binary app {app}, please provide the correct bundle",
            release.app_slug
        );
    }
    let kots = crate::prepare::kots_program(args.kots_binary.as_deref())?;
    let kubeconfig = surroundings::kubeconfig(args.kubeconfig.as_deref(), true)
        .context("could not tell where the kubeconfig is")?;
    let namespace = match args.namespace {
        Some(namespace) => namespace,
        None => Cluster::open(kubeconfig.as_deref()).await?.namespace(&release.app_slug).await?,
    };
    let status = tokio::process::Command::new(&kots)
        .envs(kubeconfig.iter().map(|it| ("KUBECONFIG", it)))
        .args(["airgap-update", &release.app_slug, "--namespace", &namespace, "--airgap-bundle"])
        .arg(&args.airgap_bundle)
        .env("POD_NAMESPACE", &namespace)
        .stdin(Stdio::null())
        .status()
        .await
        .with_context(|| format!("could not start {}", kots.display()))?;
    if !status.success() {
        bail!("kots airgap-update ended with {status}; what it said stands above");
    }
    Ok(ExitCode::SUCCESS)
}
