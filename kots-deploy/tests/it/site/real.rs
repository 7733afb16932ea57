//! The installation in a real cluster that the environment names. `tests/README.md` lists the variables.

use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::Pod;
use kots_deploy::cluster::{Cluster, ConnectionFlags, Surroundings};
use kube::Api;
use kube::api::DeleteParams;
use tokio::process::Command;

/// A kotsadm in a real cluster.
pub(super) struct Real {
    pub(super) cluster: Cluster,
    root_key: Option<PathBuf>,
    may_disrupt: bool,
}

/// Finds it; returns the application's slug and what names the target, too.
pub(super) async fn find() -> Result<(Real, String, Vec<String>), String> {
    let slug = needed("KOTS_TEST_APP")?;
    let mut target = vec!["--config-values".to_owned(), file("KOTS_TEST_CONFIG_VALUES")?];
    if variable("KOTS_TEST_AIRGAP_BUNDLE").is_some() {
        let (bundle, license) = (file("KOTS_TEST_AIRGAP_BUNDLE")?, file("KOTS_TEST_LICENSE")?);
        target.extend(["--airgap-bundle".to_owned(), bundle, "--license".to_owned(), license]);
        target.push("--disable-image-push".to_owned());
    } else {
        let (id, sequence) =
            (needed("KOTS_TEST_CHANNEL_ID")?, needed("KOTS_TEST_CHANNEL_SEQUENCE")?);
        target.extend(["--channel-id".to_owned(), id, "--channel-sequence".to_owned(), sequence]);
    }
    let namespace = variable("KOTS_TEST_NAMESPACE");
    let surroundings = Surroundings::from_process();
    let cluster =
        Cluster::open(&ConnectionFlags::default(), namespace.as_deref(), &surroundings).await;
    let real = Real {
        cluster: cluster.map_err(|error| format!("the cluster of KUBECONFIG: {error}"))?,
        root_key: variable("KOTS_TEST_LICENSE_ROOT_KEY").map(PathBuf::from),
        may_disrupt: variable("KOTS_TEST_DISRUPT").as_deref() == Some("1"),
    };
    Ok((real, slug, target))
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|it| !it.is_empty())
}

fn needed(name: &str) -> Result<String, String> {
    variable(name).ok_or_else(|| format!("{name} is not set"))
}

/// The absolute path of a file: `kots` runs in a folder of its own.
fn file(name: &str) -> Result<String, String> {
    let path = needed(name)?;
    let absolute =
        Path::new(&path).canonicalize().map_err(|error| format!("{name}: {path}: {error}"))?;
    Ok(absolute.display().to_string())
}

impl Real {
    /// Gives a command of `kots` the way to this installation.
    pub(super) fn tell(&self, command: &mut Command) {
        command.args(["--namespace", self.cluster.namespace()]);
        if let Some(key) = &self.root_key {
            command.arg("--license-root-key").arg(key);
        }
    }

    /// Deletes the kotsadm pod, if the environment allows it: its owner makes another.
    pub(super) async fn delete_pod(&self) -> bool {
        if !self.may_disrupt {
            return false;
        }
        let name = self.cluster.find_pod(std::time::Duration::from_mins(2)).await;
        let client = kube::Client::try_default().await.expect("the cluster of KUBECONFIG");
        let pods: Api<Pod> = Api::namespaced(client, self.cluster.namespace());
        let name = name.expect("a kotsadm pod");
        pods.delete(&name, &DeleteParams::default()).await.expect("the pod is deleted");
        true
    }
}
