//! Helm releases, carried out by the `helm` program.
//!
//! ```text
//! helm upgrade --install RELEASE CHART.tgz -f VALUES --timeout 3600s -n NAMESPACE [flags of the chart]
//! helm uninstall RELEASE -n NAMESPACE
//! ```
//!
//! A release whose last revision is pending was left so by a Helm that was killed: we are the only ones
//! to change it. Helm refuses to touch such a release. The record of that revision is removed, and the
//! upgrade begins again from the revision before; objects that the lost attempt made carry Helm's own
//! mark and are taken over. Nothing that runs is removed for it.

mod folder;
mod process;

use std::path::{Path, PathBuf};
use std::time::Duration;

use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::Api;
use kube::api::{DeleteParams, ListParams, PartialObjectMeta, Preconditions};
use tempfile::NamedTempFile;
use tokio::time::{interval, timeout};

use super::api::{Server, patiently};
use super::causes;
use super::error::{ClusterError, told};
use super::seen;
use crate::render::programs::{Program, Programs};

/// How long Helm waits for hooks (and, when a chart asks for it, for readiness).
const TIMEOUT: &str = "3600s";
/// How often the pods of a release are looked at while Helm works on it.
const EVERY: Duration = Duration::from_secs(3);
/// Flags that need Helm's client-side apply (`deploy.go:310-640`).
const CLIENT_SIDE: &[&str] = &["--take-ownership", "--force", "--force-replace"];

/// A Helm release of a version. Ordered as installed: by weight, then by the chart's name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Release {
    /// The lower goes first.
    pub weight: i64,
    /// The chart's name.
    pub chart: String,
    /// The release's name.
    pub name: String,
    /// Where it is installed.
    pub namespace: String,
    /// Flags for `helm upgrade`.
    pub flags: Vec<String>,
    /// The chart: packed, or a folder.
    pub archive: PathBuf,
    /// The values.
    pub values: Option<PathBuf>,
}

impl Release {
    /// Names it, for messages.
    pub(super) fn shown(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    fn is(&self, other: &Self) -> bool {
        self.name == other.name && self.namespace == other.namespace
    }
}

/// What is uninstalled: in the opposite order of installation.
pub(super) fn removed(before: &[Release], now: &[Release]) -> Vec<Release> {
    let mut gone: Vec<Release> = Vec::new();
    for release in before {
        if !now.iter().any(|it| it.is(release)) && !gone.iter().any(|it| it.is(release)) {
            gone.push(release.clone());
        }
    }
    gone.sort_by(|a, b| b.cmp(a));
    gone
}

/// Arguments of the upgrade.
fn upgrade_arguments(release: &Release, archive: &Path, values: Option<&Path>) -> Vec<String> {
    let text = |path: &Path| path.display().to_string();
    let mut arguments =
        vec!["upgrade".to_owned(), "--install".to_owned(), release.name.clone(), text(archive)];
    arguments.extend(values.iter().flat_map(|it| ["-f".to_owned(), text(it)]));
    arguments.extend(["--timeout", TIMEOUT, "-n", &release.namespace].map(str::to_owned));
    let is_client_side = release.flags.iter().any(|flag| {
        let name = flag.split('=').next().unwrap_or_default();
        CLIENT_SIDE.contains(&name)
    });
    let has_own = release.flags.iter().any(|it| it.starts_with("--server-side"));
    arguments.extend(release.flags.iter().cloned());
    if is_client_side && !has_own {
        arguments.push("--server-side=false".to_owned());
    }
    arguments
}

/// The `helm` program.
#[derive(Debug, Clone)]
pub(super) struct Helm {
    program: PathBuf,
    kubeconfig: Option<PathBuf>,
}

/// What Helm printed.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Printed {
    pub stdout: String,
    pub stderr: String,
}

impl Helm {
    /// Finds the program: `KOTS_HELM`, else `helm` on the PATH.
    ///
    /// # Errors
    ///
    /// [`ClusterError::NoHelm`].
    pub(super) fn find(kubeconfig: Option<&Path>) -> Result<Self, ClusterError> {
        let programs = Programs::find();
        let program = programs.path(Program::Helm).filter(|it| it.is_file());
        let program = program.ok_or(ClusterError::NoHelm)?.to_owned();
        Ok(Self { program, kubeconfig: kubeconfig.map(Path::to_owned) })
    }

    /// Installs or upgrades a release. `work` is a folder of ours for what Helm writes.
    ///
    /// # Errors
    ///
    /// Helm's own words, and why pods of the release did not run while it worked.
    pub(super) async fn upgrade(
        &self,
        server: &Server,
        release: &Release,
        work: &Path,
        printed: &mut Printed,
    ) -> Result<(), ClusterError> {
        if let Some(note) = recover(server, release).await? {
            printed.stderr.push_str(&note);
        }
        let failed = |why: String| ClusterError::Helm {
            what: "install or upgrade",
            release: release.shown(),
            why,
        };
        let values = release.values.as_deref().map(|it| process::private_copy(it, work));
        let values = values
            .transpose()
            .map_err(|it| failed(format!("could not write its values to a file: {it}")))?;
        let chart = release.archive.is_dir().then(|| folder::installable(&release.archive, work));
        let chart = chart
            .transpose()
            .map_err(|it| failed(format!("could not make its chart ready: {it}")))?;
        let archive = chart.as_ref().map_or(&*release.archive, |it| it.path());
        let values = values.as_ref().map(NamedTempFile::path);
        let arguments = upgrade_arguments(release, archive, values);
        let started = jiff::Timestamp::now();
        let run =
            process::run(&self.program, self.kubeconfig.as_deref(), &arguments, work, printed);
        tokio::pin!(run);
        let mut clock = interval(EVERY);
        let mut first_causes: Vec<String> = Vec::new();
        let ended = loop {
            tokio::select! {
                ended = &mut run => break ended,
                // Looked at while it runs: Helm may roll back, and the reason goes with the pods.
                _ = clock.tick() => {
                    let found = timeout(EVERY, pod_causes(server, release, started)).await;
                    for cause in found.unwrap_or_default() {
                        if first_causes.len() < 5 && !first_causes.contains(&cause) {
                            first_causes.push(cause);
                        }
                    }
                }
            }
        };
        ended.map_err(|why| {
            let mut parts = vec![why];
            parts.extend(first_causes);
            failed(parts.join("; "))
        })
    }

    /// Uninstalls a release; one that is not there is no error.
    ///
    /// # Errors
    ///
    /// Helm's own words.
    pub(super) async fn uninstall(
        &self,
        server: &Server,
        release: &Release,
        work: &Path,
        printed: &mut Printed,
    ) -> Result<(), ClusterError> {
        if revisions(server, release).await?.is_empty() {
            return Ok(());
        }
        let arguments: Vec<String> =
            ["uninstall", &release.name, "-n", &release.namespace].map(str::to_owned).into();
        process::run(&self.program, self.kubeconfig.as_deref(), &arguments, work, printed)
            .await
            .map_err(|why| ClusterError::Helm { what: "uninstall", release: release.shown(), why })
    }
}

/// Helm's records of a release, newest last.
async fn revisions(
    server: &Server,
    release: &Release,
) -> Result<Vec<PartialObjectMeta<Secret>>, ClusterError> {
    let api: Api<Secret> = Api::namespaced(server.client().clone(), &release.namespace);
    let params = ListParams::default().labels(&format!("owner=helm,name={}", release.name));
    let listed = patiently(|| api.list_metadata(&params)).await;
    let mut found = listed.map_err(|error| ClusterError::Helm {
        what: "look at",
        release: release.shown(),
        why: told(&error),
    })?;
    found.items.sort_by_key(number);
    Ok(found.items)
}

fn label<'a>(record: &'a PartialObjectMeta<Secret>, name: &str) -> &'a str {
    record.metadata.labels.as_ref().and_then(|it| it.get(name)).map_or("", String::as_str)
}

fn number(record: &PartialObjectMeta<Secret>) -> u64 {
    label(record, "version").parse().unwrap_or(0)
}

/// Removes the record of a revision that was never finished. Returns what was done, in words.
async fn recover(server: &Server, release: &Release) -> Result<Option<String>, ClusterError> {
    let records = revisions(server, release).await?;
    let Some(newest) = records.last() else { return Ok(None) };
    let status = label(newest, "status").to_owned();
    if !status.starts_with("pending-") {
        return Ok(None);
    }
    let api: Api<Secret> = Api::namespaced(server.client().clone(), &release.namespace);
    let name = newest.metadata.name.clone().unwrap_or_default();
    let params = DeleteParams {
        preconditions: Some(Preconditions {
            uid: newest.metadata.uid.clone(),
            resource_version: newest.metadata.resource_version.clone(),
        }),
        ..DeleteParams::default()
    };
    match patiently(|| api.delete(&name, &params)).await {
        Ok(_) => {}
        Err(kube::Error::Api(answer)) if answer.code == 404 => {}
        Err(error) => {
            return Err(ClusterError::Helm {
                what: "recover",
                release: release.shown(),
                why: format!("its revision {} is {status}: {}", number(newest), told(&error)),
            });
        }
    }
    Ok(Some(format!(
        "revision {} of {} was left {status} by a Helm that was killed; its record was removed, and the \
         upgrade begins again\n",
        number(newest),
        release.shown()
    )))
}

/// Why pods of a release do not run: pods that say they are of it, and those made since it began.
async fn pod_causes(server: &Server, release: &Release, started: jiff::Timestamp) -> Vec<String> {
    let api: Api<Pod> = Api::namespaced(server.client().clone(), &release.namespace);
    let Ok(pods) = api.list(&ListParams::default()).await else { return Vec::new() };
    let mut found = Vec::new();
    for pod in pods.items {
        let labels = pod.metadata.labels.clone().unwrap_or_default();
        let is_named = ["app.kubernetes.io/instance", "release"]
            .iter()
            .any(|it| labels.get(*it).is_some_and(|name| *name == release.name));
        let is_new = pod.metadata.creation_timestamp.as_ref().is_some_and(|it| it.0 >= started);
        if (is_named || is_new)
            && let Some(cause) = causes::of_pod(&pod)
        {
            found.push(seen::with_log(server, &release.namespace, cause).await);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(name: &str, weight: i64) -> Release {
        Release {
            weight,
            chart: name.to_owned(),
            name: name.to_owned(),
            namespace: "shop".to_owned(),
            flags: Vec::new(),
            archive: "c.tgz".into(),
            values: Some("v.yaml".into()),
        }
    }

    #[test]
    fn what_is_gone_goes_in_the_opposite_order() {
        let before =
            [release("a", 0), release("b", 1), release("c", 1), release("a", 0), release("d", 5)];
        let names: Vec<_> =
            removed(&before, &[release("d", 0)]).into_iter().map(|it| it.name).collect();
        assert_eq!(names, ["c", "b", "a"]);
        let moved = Release { namespace: "other".to_owned(), ..release("a", 0) };
        assert_eq!(removed(&[release("a", 0)], &[moved]).len(), 1);
    }

    #[test]
    fn arguments() {
        let check = |flags: &[&str]| {
            let mut release = release("web", 0);
            release.flags = flags.iter().map(|it| (*it).to_owned()).collect();
            upgrade_arguments(&release, &release.archive, Some(Path::new("x"))).join(" ")
        };
        insta::assert_snapshot!(check(&[]), @"upgrade --install web c.tgz -f x --timeout 3600s -n shop");
        insta::assert_snapshot!(check(&["--force", "--wait"]), @"upgrade --install web c.tgz -f x --timeout 3600s -n shop --force --wait --server-side=false");
        insta::assert_snapshot!(check(&["--take-ownership", "--server-side=auto"]), @"upgrade --install web c.tgz -f x --timeout 3600s -n shop --take-ownership --server-side=auto");
    }
}
