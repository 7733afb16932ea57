//! A console that deploys to a cluster: the fake one, or a real one when there is one.

use std::path::PathBuf;

use airgap::ReleaseFile;
use fake_kube::FakeKube;
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{ApiResource, GroupVersionKind};
use sample::bundle::BundleSpec;
use sample::license::Builder;
use serde_json::{Value, json};

use super::harness::{APP, Answer, Site};

/// The Application of every release here; status informers are filled in.
const APPLICATION: &str = "apiVersion: kots.io/v1beta1\nkind: Application\nmetadata: {name: sample-app}\nspec:\n  title: Sample\n";

pub(crate) struct ClusterSite {
    pub(crate) site: Site,
    pub(crate) kube: kube::Client,
    /// None on a real cluster.
    pub(crate) fake: Option<FakeKube>,
    pub(crate) namespace: String,
    versions: i64,
}

/// How a deploy ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: String,
    pub(crate) info: String,
    pub(crate) logs: Value,
}

impl Ended {
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.status, "deployed", "{} {}", self.info, self.logs);
        self
    }

    #[track_caller]
    pub(crate) fn failed(self) -> Self {
        assert_eq!(self.status, "failed", "{} {}", self.info, self.logs);
        self
    }
}

impl ClusterSite {
    /// On a fake.
    pub(crate) async fn fake() -> Self {
        let fake = FakeKube::start().await;
        let kubeconfig = fake.kubeconfig();
        let mut this = Self::on(kubeconfig, "shop".to_owned()).await;
        this.fake = Some(fake);
        this
    }

    /// On the cluster that `KUBECONFIG` names, in a namespace of its own; none without
    /// `KOTS_TEST_CLUSTER=1`.
    pub(crate) async fn real(name: &str) -> Option<Self> {
        if std::env::var("KOTS_TEST_CLUSTER").as_deref() != Ok("1") {
            return None;
        }
        let kubeconfig = PathBuf::from(std::env::var("KUBECONFIG").unwrap());
        let namespace = format!("kots-test-{name}-{}", std::process::id());
        Some(Self::on(kubeconfig, namespace).await)
    }

    async fn on(kubeconfig: PathBuf, namespace: String) -> Self {
        let read = Kubeconfig::read_from(&kubeconfig).unwrap();
        let options = KubeConfigOptions::default();
        let config = kube::Config::from_custom_kubeconfig(read, &options).await.unwrap();
        let kube = kube::Client::try_from(config).unwrap();
        let site = Site::on_cluster(&kubeconfig, &namespace);
        let this = Self { site, kube, fake: None, namespace, versions: 0 };
        this.create("v1", "Namespace", "", json!({"metadata": {"name": this.namespace}}), "test")
            .await;
        this
    }

    pub(crate) fn fake_kube(&self) -> &FakeKube {
        self.fake.as_ref().unwrap()
    }

    /// Makes a version of `files` and asks to deploy it. Returns its sequence.
    pub(crate) async fn begin(&mut self, files: &[(&str, String)]) -> i64 {
        let sequence = self.versions;
        self.versions += 1;
        let mut release: Vec<ReleaseFile> = files
            .iter()
            .map(|(path, text)| ReleaseFile {
                path: (*path).to_owned(),
                bytes: text.clone().into_bytes(),
            })
            .collect();
        if !files.iter().any(|(path, _)| *path == "app.yaml") {
            let bytes = APPLICATION.as_bytes().to_vec();
            release.push(ReleaseFile { path: "app.yaml".to_owned(), bytes });
        }
        self.begin_release(sequence, release).await;
        sequence
    }

    pub(crate) async fn begin_release(&mut self, sequence: i64, files: Vec<ReleaseFile>) {
        self.versions = sequence + 1;
        let mut spec = BundleSpec::sample("1.0.0").unwrap();
        spec.airgap.version_label = format!("1.{sequence}.0");
        spec.airgap.update_cursor = (sequence + 1).to_string();
        spec.files = files;
        if sequence == 0 {
            if self.site.server.is_none() {
                self.site.start();
            }
            self.site.install_bundle(&Builder::new().yaml(), &spec).await;
        } else {
            self.site.upload(&spec).await.ok();
            self.site.post(&format!("{APP}/sequence/{sequence}/deploy"), &json!({})).await.ok();
        }
    }

    /// Makes a version of `files`, deploys it, and waits for the end.
    pub(crate) async fn deploy(&mut self, files: &[(&str, String)]) -> Ended {
        let sequence = self.begin(files).await;
        self.end_of(sequence).await
    }

    pub(crate) async fn redeploy(&self, sequence: i64) -> Ended {
        let again = self
            .site
            .request(reqwest::Method::POST, &format!("{APP}/sequence/{sequence}/redeploy"));
        assert_eq!(Answer::of(again).await.status, 204);
        self.end_of(sequence).await
    }

    /// Waits until a deploy has ended.
    pub(crate) async fn end_of(&self, sequence: i64) -> Ended {
        let start = std::time::Instant::now();
        let version = loop {
            let versions = self.site.versions().await;
            let found = versions.iter().find(|it| it["sequence"] == sequence).cloned();
            let is_ended = |it: &Value| it["status"] == "deployed" || it["status"] == "failed";
            if let Some(version) = found.clone().filter(is_ended) {
                break version;
            }
            assert!(start.elapsed().as_secs() < 120, "waited for the end of {sequence}: {found:?}");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        };
        let text = |name: &str| version[name].as_str().unwrap_or_default().to_owned();
        let path = format!("{APP}/cluster/this-cluster/sequence/{sequence}/downstreamoutput");
        let logs = self.site.get(&path).await.ok()["logs"].clone();
        Ended { status: text("status"), info: text("statusInfo"), logs }
    }

    fn api(&self, api_version: &str, kind: &str, namespace: &str) -> Api<DynamicObject> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let mut resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        resource.plural = resource.plural.to_lowercase();
        if namespace.is_empty() {
            Api::all_with(self.kube.clone(), &resource)
        } else {
            Api::namespaced_with(self.kube.clone(), namespace, &resource)
        }
    }

    /// Makes an object as `manager`.
    pub(crate) async fn create(
        &self,
        api: &str,
        kind: &str,
        namespace: &str,
        mut object: Value,
        manager: &str,
    ) {
        object["apiVersion"] = json!(api);
        object["kind"] = json!(kind);
        let object: DynamicObject = serde_json::from_value(object).unwrap();
        let params =
            kube::api::PostParams { field_manager: Some(manager.to_owned()), dry_run: false };
        self.api(api, kind, namespace).create(&params, &object).await.unwrap();
    }

    /// Reads an object.
    pub(crate) async fn get(
        &self,
        api: &str,
        kind: &str,
        namespace: &str,
        name: &str,
    ) -> Option<Value> {
        let found = self.api(api, kind, namespace).get_opt(name).await.unwrap();
        found.map(|it| serde_json::to_value(it).unwrap())
    }

    /// Reads a config map of the application's namespace: its data.
    pub(crate) async fn data(&self, name: &str) -> Option<Value> {
        Some(self.get("v1", "ConfigMap", &self.namespace, name).await?["data"].clone())
    }

    /// Writes a status, as a controller does.
    pub(crate) async fn put_status(
        &self,
        api: &str,
        kind: &str,
        namespace: &str,
        name: &str,
        status: Value,
    ) {
        let patch = json!({ "status": status });
        let params =
            PatchParams { field_manager: Some("controller".to_owned()), ..PatchParams::default() };
        self.api(api, kind, namespace)
            .patch_status(name, &params, &Patch::Merge(&patch))
            .await
            .unwrap();
    }

    /// The application's status.
    pub(crate) async fn status(&self) -> Value {
        self.site.get(&format!("{APP}/status")).await.ok()["appstatus"].clone()
    }

    /// Waits until the application's status is `wanted`.
    pub(crate) async fn wait_for_state(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let start = std::time::Instant::now();
        loop {
            let status = self.status().await;
            if wanted(&status) {
                return status;
            }
            assert!(start.elapsed().as_secs() < 60, "{status}");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    /// Removes the namespace of a real cluster.
    pub(crate) async fn clean_up(self) {
        let api = self.api("v1", "Namespace", "");
        let _ = api.delete(&self.namespace, &kube::api::DeleteParams::default()).await;
    }
}

/// A manifest with annotations of kots.
pub(crate) fn manifest(
    api: &str,
    kind: &str,
    name: &str,
    annotations: &[(&str, &str)],
    rest: &Value,
) -> String {
    let mut object = json!({"apiVersion": api, "kind": kind, "metadata": {"name": name}});
    for (key, value) in annotations {
        object["metadata"]["annotations"][format!("kots.io/{key}")] = json!(value);
    }
    for (key, value) in rest.as_object().unwrap() {
        object[key] = value.clone();
    }
    kinds::yaml::to_string(&object).unwrap()
}

/// A config map.
pub(crate) fn config_map(name: &str, annotations: &[(&str, &str)], data: &Value) -> String {
    manifest("v1", "ConfigMap", name, annotations, &json!({ "data": data }))
}

/// The Application with further fields of its spec.
pub(crate) fn application(spec: &str) -> String {
    format!("{APPLICATION}{spec}")
}
