//! Charts of `kots.io/v1beta1` with `useHelmInstall`, from the release to the cluster, with the real
//! `helm` against the fake API server; and what is told where there is none.

use airgap::ReleaseFile;

use super::cluster_helm::charts;
use super::cluster_site::ClusterSite;

/// Makes the kinds of [`charts`] those of v1beta1.
fn native(names: &[(&str, i64, &str)], template: &str) -> Vec<ReleaseFile> {
    let mut files = charts(names, template);
    for file in files.iter_mut().filter(|it| it.path.starts_with("chart-")) {
        let text = String::from_utf8(file.bytes.clone()).unwrap();
        let (head, rest) = text.split_once("  releaseName: ").unwrap();
        let (name, rest) = rest.split_once('\n').unwrap();
        let head = head.replace("v1beta2", "v1beta1");
        let head = head.replace("1.0.0}", &format!("1.0.0, releaseName: {name}}}"));
        file.bytes = format!("{head}  useHelmInstall: true\n{rest}").into_bytes();
    }
    files
}

const MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}-map}\ndata: {text: {{ .Values.text | quote }}}\n";

#[tokio::test]
async fn native_charts_are_installed_upgraded_and_removed() {
    let Some(helm) = sample::program("KOTS_HELM", "helm") else { return };
    let mut site = ClusterSite::fake().await;
    site.site.env("KOTS_HELM", helm.to_str().unwrap());
    let first = native(
        &[("web", 2, "  values: {text: one}\n"), ("store", 1, "  values: {text: two}\n")],
        MAP,
    );
    site.begin_release(0, first).await;
    let ended = site.end_of(0).await.ok();
    let printed = ended.logs["helmStdout"].as_str().unwrap();
    let at = |name: &str| printed.find(&format!("------- shop/{name} -------"));
    assert!(at("store").unwrap() < at("web").unwrap(), "{printed}");
    let text = |site: &ClusterSite, name: &str| {
        let found = site.fake_kube().object("configmaps", "shop", name)?;
        found["data"]["text"].as_str().map(str::to_owned)
    };
    assert_eq!(text(&site, "web-map").as_deref(), Some("one"));
    assert_eq!(text(&site, "store-map").as_deref(), Some("two"));

    site.begin_release(1, native(&[("web", 0, "  values: {text: three}\n")], MAP)).await;
    site.end_of(1).await.ok();
    assert_eq!(text(&site, "web-map").as_deref(), Some("three"));
    assert_eq!(text(&site, "store-map"), None);
    let record = |name: &str| site.fake_kube().object("secrets", "shop", name);
    assert!(record("sh.helm.release.v1.web.v2").is_some());
    assert!(record("sh.helm.release.v1.store.v1").is_none());
}

#[tokio::test]
async fn sub_charts_of_one_name_keep_their_objects() {
    let Some(helm) = sample::program("KOTS_HELM", "helm") else { return };
    let mut site = ClusterSite::fake().await;
    site.site.env("KOTS_HELM", helm.to_str().unwrap());
    let mut files = native(&[("web", 0, "  values: {second: {text: other}}\n")], "");
    let chart = files.iter_mut().find(|it| it.path == "web-1.0.0.tgz").unwrap();
    let file = |path: &str, text: &str| ReleaseFile { path: path.to_owned(), bytes: text.into() };
    let sub = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Chart.Name }}}\ndata: {text: {{ .Values.text }}}\n";
    chart.bytes = airgap::release::pack(&[
        file("web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\ndependencies:\n- {name: store, version: 1.0.0, alias: first}\n- {name: store, version: 1.0.0, alias: second}\n- {name: store, version: 1.0.0, alias: third, condition: third.enabled}\n"),
        file("web/values.yaml", "third: {enabled: false}\n"),
        file("web/charts/store/Chart.yaml", "apiVersion: v2\nname: store\nversion: 1.0.0\n"),
        file("web/charts/store/values.yaml", "text: own\n"),
        file("web/charts/store/templates/a.yaml", sub),
    ])
    .unwrap();
    site.begin_release(0, files).await;
    site.end_of(0).await.ok();
    let text = |name: &str| {
        let found = site.fake_kube().object("configmaps", "shop", name)?;
        found["data"]["text"].as_str().map(str::to_owned)
    };
    assert_eq!(text("first").as_deref(), Some("own"));
    assert_eq!(text("second").as_deref(), Some("other"));
    assert_eq!(text("third"), None);
}

#[tokio::test]
async fn checks_of_charts_that_are_missed_are_told_with_the_version() {
    let mut site = ClusterSite::fake().await;
    // An empty value is none.
    site.site.env("KOTS_HELM", "");
    site.site.env("PATH", "/nowhere");
    site.begin_release(0, charts(&[], "")).await;
    site.end_of(0).await.ok();
    let mut spec = sample::bundle::BundleSpec::sample("1.0.0").unwrap();
    spec.airgap.version_label = "1.1.0".to_owned();
    spec.airgap.update_cursor = "2".to_owned();
    spec.files = charts(&[("web", 0, "")], "# kind: Preflight\n");
    site.site.upload(&spec).await.ok();
    let versions = site.site.versions().await;
    let made = versions.iter().find(|it| it["sequence"] == 1).unwrap();
    let told = made["statusInfo"].as_str().unwrap_or_default();
    assert!(told.starts_with("preflights inside of the chart `web` are not known"), "{made}");
}
