//! Helm releases, with a stand-in for the `helm` program that notes its arguments (what Helm itself does is
//! seen on a real cluster).

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use airgap::ReleaseFile;
use serde_json::json;

use super::cluster_site::ClusterSite;

/// Notes arguments and the mode of the values; fails for releases named `bad`.
const HELM: &str = r#"#!/bin/sh
case "$1" in upgrade|uninstall) ;; *) echo "done"; exit 0;; esac
mode=
for word in "$@"; do case "$word" in */values-*) mode=" values=$(stat -c %a "$word")";; esac; done
echo "$*$mode" | sed 's#/[^ ]*/##g; s#values-[^ ]*.yaml#VALUES#' >> "$HELM_NOTES"
case "$*" in *" bad "*) sleep 1; echo "Error: UPGRADE FAILED: no such thing" >&2; exit 1;; esac
echo "done with $3$2"
"#;

struct Helm {
    notes: PathBuf,
}

impl Helm {
    fn put(site: &mut ClusterSite) -> Self {
        let folder = site.site.folder.path().to_owned();
        let (program, notes) = (folder.join("helm-stand-in"), folder.join("helm-notes"));
        std::fs::write(&program, HELM).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        site.site.env("KOTS_HELM", program.to_str().unwrap());
        site.site.env("HELM_NOTES", notes.to_str().unwrap());
        Self { notes }
    }

    /// What it was told since the last time.
    fn told(&self) -> Vec<String> {
        let text = std::fs::read_to_string(&self.notes).unwrap_or_default();
        let _ = std::fs::remove_file(&self.notes);
        text.lines().map(str::to_owned).collect()
    }
}

/// A release of charts: release name, weight, further fields of the kind.
pub(crate) fn charts(charts: &[(&str, i64, &str)], template: &str) -> Vec<ReleaseFile> {
    let file = |path: String, bytes: Vec<u8>| ReleaseFile { path, bytes };
    let app = "apiVersion: kots.io/v1beta1\nkind: Application\nmetadata: {name: sample-app}\nspec: {title: Sample}\n";
    let mut files = vec![file("app.yaml".to_owned(), app.into())];
    for (name, weight, more) in charts {
        let kind = format!(
            "apiVersion: kots.io/v1beta2\nkind: HelmChart\nmetadata: {{name: {name}}}\nspec:\n  chart: {{name: {name}, chartVersion: 1.0.0}}\n  releaseName: {name}\n  weight: {weight}\n{more}"
        );
        files.push(file(format!("chart-{name}.yaml"), kind.into()));
        let inside = [
            file(
                format!("{name}/Chart.yaml"),
                format!("apiVersion: v2\nname: {name}\nversion: 1.0.0\n").into(),
            ),
            file(format!("{name}/templates/a.yaml"), template.into()),
        ];
        files.push(file(format!("{name}-1.0.0.tgz"), airgap::release::pack(&inside).unwrap()));
    }
    files
}

#[tokio::test]
async fn charts_are_installed_by_weight_and_uninstalled_the_other_way_round() {
    let mut site = ClusterSite::fake().await;
    let helm = Helm::put(&mut site);
    let first = charts(
        &[
            ("second", 2, "  helmUpgradeFlags: [--force, --skip-crds]\n"),
            ("first", 1, "  namespace: elsewhere\n  values: {a: secret}\n"),
            ("third", 3, ""),
        ],
        "",
    );
    site.begin_release(0, first).await;
    let ended = site.end_of(0).await.ok();
    assert_eq!(
        helm.told(),
        [
            "upgrade --install first first-1.0.0.tgz -f VALUES --timeout 3600s -n elsewhere values=600",
            "upgrade --install second second-1.0.0.tgz -f VALUES --timeout 3600s -n shop --force --skip-crds --server-side=false values=600",
            "upgrade --install third third-1.0.0.tgz -f VALUES --timeout 3600s -n shop values=600",
        ]
    );
    let printed = ended.logs["helmStdout"].as_str().unwrap();
    assert!(printed.contains("------- shop/third -------\ndone with third--install"), "{printed}");

    // Helm's own records say what is there to uninstall.
    for (name, namespace) in [("second", "shop"), ("third", "shop")] {
        record(&site, name, namespace, 1, "deployed").await;
    }
    site.begin_release(1, charts(&[("fourth", 0, "")], "")).await;
    site.end_of(1).await.ok();
    assert_eq!(
        helm.told(),
        [
            "uninstall third -n shop",
            "uninstall second -n shop",
            "upgrade --install fourth fourth-1.0.0.tgz -f VALUES --timeout 3600s -n shop values=600",
        ]
    );
}

#[tokio::test]
async fn a_chart_that_fails_stops_those_of_a_higher_weight() {
    let mut site = ClusterSite::fake().await;
    let helm = Helm::put(&mut site);
    site.begin_release(0, charts(&[("bad", 1, ""), ("beside", 1, ""), ("later", 2, "")], "")).await;
    let ended = site.end_of(0).await.failed();
    assert_eq!(helm.told().len(), 2);
    assert_eq!(
        ended.info,
        "could not install or upgrade the Helm release shop/bad: Error: UPGRADE FAILED: no such thing (and 1 more)"
    );
    let printed = ended.logs["helmStderr"].as_str().unwrap();
    assert!(printed.ends_with("1 charts of a higher weight were not installed\n"), "{printed}");
}

#[tokio::test]
async fn a_release_that_was_left_pending_is_recovered() {
    let mut site = ClusterSite::fake().await;
    let helm = Helm::put(&mut site);
    record(&site, "web", "shop", 1, "deployed").await;
    record(&site, "web", "shop", 2, "pending-upgrade").await;
    site.begin_release(0, charts(&[("web", 0, "")], "")).await;
    let ended = site.end_of(0).await.ok();
    assert_eq!(helm.told().len(), 1);
    let kube = site.fake_kube();
    assert!(kube.object("secrets", "shop", "sh.helm.release.v1.web.v2").is_none());
    assert!(kube.object("secrets", "shop", "sh.helm.release.v1.web.v1").is_some());
    let printed = ended.logs["helmStderr"].as_str().unwrap();
    assert!(printed.contains("revision 2 of shop/web was left pending-upgrade"), "{printed}");
}

#[tokio::test]
async fn without_helm_nothing_is_changed() {
    let mut site = ClusterSite::fake().await;
    Helm::put(&mut site);
    let mut files = charts(&[("web", 0, "")], "");
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";
    files.push(ReleaseFile { path: "a.yaml".to_owned(), bytes: map.into() });
    site.begin_release(0, files).await;
    site.end_of(0).await.ok();
    site.site.kill();
    site.site.env("KOTS_HELM", "/nowhere/helm");
    site.site.start();
    site.fake_kube().forget_changes();
    let ended = site.redeploy(0).await.failed();
    let wanted = "the version has Helm charts and there is no `helm` program";
    assert!(ended.info.starts_with(wanted), "{}", ended.info);
    assert_eq!(site.fake_kube().changes(), [""; 0]);
}

/// Helm's record of a revision.
async fn record(site: &ClusterSite, name: &str, namespace: &str, version: i64, status: &str) {
    let labels =
        json!({"owner": "helm", "name": name, "version": version.to_string(), "status": status});
    let secret = json!({
        "metadata": {"name": format!("sh.helm.release.v1.{name}.v{version}"), "labels": labels},
        "type": "helm.sh/release.v1",
    });
    site.create("v1", "Secret", namespace, secret, "helm").await;
}

#[tokio::test]
async fn why_pods_did_not_run_is_seen_before_helm_rolls_back() {
    let mut site = ClusterSite::fake().await;
    Helm::put(&mut site);
    let pod = json!({
        "metadata": {"name": "bad-1", "labels": {"app.kubernetes.io/instance": "bad"}},
        "status": {"containerStatuses": [{
            "name": "app", "image": "web:1", "imageID": "", "ready": false, "restartCount": 0,
            "state": {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image \"web:1\""}},
        }]},
    });
    site.create("v1", "Pod", "shop", pod, "test").await;
    site.begin_release(0, charts(&[("bad", 1, "")], "")).await;
    let ended = site.end_of(0).await.failed();
    assert_eq!(
        ended.info,
        "could not install or upgrade the Helm release shop/bad: Error: UPGRADE FAILED: no such thing; container \
         app of pod bad-1: ImagePullBackOff: Back-off pulling image \"web:1\""
    );
}
