//! Charts of both kinds, with and without the `helm` program.

use std::fs;

use airgap::BundleWriter;
use serde_json::Value;

use super::golden::has_helm;
use super::tests::{Case, deployed, list, told};
use super::*;
use crate::render::programs::Programs;

/// Packs a chart: `Chart.yaml` and what is given.
fn pack(case: &Case, meta: &str, files: &[(&str, &str)]) {
    let files = files.iter().map(|(path, text)| (*path, text.as_bytes()));
    pack_bytes(case, meta, &files.collect::<Vec<_>>());
}

fn packed(folder: &str, files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = BundleWriter::new(Vec::new());
    for (path, bytes) in files {
        writer.bytes(&format!("{folder}/{path}"), bytes).expect("an entry");
    }
    writer.finish().expect("an archive")
}

fn pack_bytes(case: &Case, meta: &str, files: &[(&str, &[u8])]) {
    let all: Vec<_> =
        std::iter::once(("Chart.yaml", meta.as_bytes())).chain(files.iter().copied()).collect();
    let path = case.dir.path().join(UPSTREAM).join("web-1.0.0.tgz");
    fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
    fs::write(path, packed("web", &all)).expect("a chart");
}

const META: &str = "apiVersion: v2\nname: web\nversion: 1.0.0\n";
const OLD: &str = "apiVersion: kots.io/v1beta1\nkind: HelmChart\nmetadata: {name: web}\nspec:\n  chart: {name: web, chartVersion: 1.0.0}\n";
const NEW: &str = "apiVersion: kots.io/v1beta2\nkind: HelmChart\nmetadata: {name: web}\nspec:\n  chart: {name: web, chartVersion: 1.0.0}\n";
const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: {{ .Release.Name }}, namespace: {{ .Release.Namespace }}}\nspec: {containers: [{name: a, image: {{ .Values.image }}}]}\n";

#[test]
fn without_helm_only_a_chart_that_needs_it_is_refused() {
    let mut case = Case::with(&[("c.yaml", OLD)]);
    pack(&case, META, &[("templates/pod.yaml", POD)]);
    case.programs = Programs::default();
    insta::assert_snapshot!(told(&case.build().expect_err("no helm")), @"`c.yaml`: the chart of the Helm release `web` does not render: the program `helm` is needed and was not found; install it or set KOTS_HELM");
    case.write("c.yaml", NEW);
    let built = case.build().expect("a version");
    assert_eq!(built.charts[0].archive, "helm/web/web-1.0.0.tgz");
    insta::assert_snapshot!(built.notes.join("\n"), @"the Helm release `web` is not shown rendered and its images are not known: the program `helm` was not found");
}

#[test]
fn checks_of_a_chart_that_is_not_rendered_are_missed_aloud() {
    let mut case = Case::with(&[("c.yaml", NEW)]);
    case.programs = Programs::default();
    let template = "kind: Preflight\napiVersion: troubleshoot.sh/v1beta2\n";
    let sub =
        packed("sub", &[("Chart.yaml", b"name: sub"), ("templates/a.yaml", template.as_bytes())]);
    pack_bytes(&case, META, &[("charts/sub-1.tgz", &sub)]);
    let built = case.build().expect("a version");
    insta::assert_snapshot!(built.overlooked, @"preflights inside of the chart `web` are not known and will not be run: the program `helm` was not found; install it or set KOTS_HELM");
    pack(&case, META, &[("templates/a.yaml", "kind: Secret\n"), ("README.md", "Preflight")]);
    assert_eq!(case.build().expect("a version").overlooked, "");
}

#[test]
fn a_packed_sub_chart_is_as_one_in_a_folder() {
    let kind = format!("{OLD}  useHelmInstall: true\n");
    let case = Case::with(&[("c.yaml", &kind)]);
    if !has_helm(&case) {
        return;
    }
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Chart.Name }}}\n";
    let deep = packed(
        "deep",
        &[
            ("Chart.yaml", b"apiVersion: v2\nname: deep\nversion: 0.1.0\n"),
            ("templates/a.yaml", map.as_bytes()),
        ],
    );
    let sub = packed(
        "sub",
        &[
            ("Chart.yaml", b"apiVersion: v2\nname: sub\nversion: 0.1.0\n"),
            ("templates/a.yaml", map.as_bytes()),
            ("charts/deep-0.1.0.tgz", &deep),
        ],
    );
    let meta = format!("{META}dependencies: [{{name: sub, version: 0.1.0}}]\n");
    pack_bytes(&case, &meta, &[("charts/sub-0.1.0.tgz", &sub)]);
    case.build().unwrap_or_else(|error| panic!("{}", told(&error)));
    let files = list(&case.dir.path().join("base/charts/web"));
    insta::assert_snapshot!(files.join("\n"), @r"
    Chart.yaml
    charts/sub/Chart.yaml
    charts/sub/charts/deep/Chart.yaml
    charts/sub/charts/deep/kustomization.yaml
    charts/sub/charts/deep/templates/a.yaml
    charts/sub/kustomization.yaml
    charts/sub/templates/a.yaml
    kustomization.yaml
    values.yaml
    ");
}

#[test]
fn a_chart_that_does_not_render_is_named_with_its_line() {
    for kind in [OLD, NEW] {
        let case = Case::with(&[
            ("c.yaml", kind),
            ("good.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n"),
        ]);
        if !has_helm(&case) {
            return;
        }
        pack(
            &case,
            META,
            &[("templates/pod.yaml", "a: {{ required \"give a host\" .Values.host }}\n")],
        );
        let told = told(&case.build().expect_err("a chart that needs a value"));
        assert!(
            told.starts_with("`c.yaml`: the chart of the Helm release `web` does not render: "),
            "{told}"
        );
        assert!(
            told.contains("web/templates/pod.yaml:1:6") && told.contains("give a host"),
            "{told}"
        );
        assert!(told.ends_with("the chart requires `.Values.host`, which has no value: give it one in `values` of `c.yaml`"), "{told}");
    }
}

#[test]
fn hooks_sub_charts_and_resource_definitions_keep_their_places() {
    let kind = format!("{OLD}  useHelmInstall: true\n  values: {{image: 'nginx:1'}}\n");
    let case = Case::with(&[("c.yaml", &kind)]);
    if !has_helm(&case) {
        return;
    }
    let meta = format!(
        "{META}dependencies: [{{name: sub, alias: one, version: 0.1.0}}, {{name: unused, version: 0.1.0, condition: unused.enabled}}]\n"
    );
    let sub = "apiVersion: v2\nname: sub\nversion: 0.1.0\n";
    let job = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: hook, annotations: {helm.sh/hook: pre-install, helm.sh/hook-delete-policy: hook-succeeded}}\nspec: {template: {spec: {containers: []}}}\n";
    let crd = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: things.example.com}\nspec: {}\n";
    pack(
        &case,
        &meta,
        &[
            ("values.yaml", "unused: {enabled: false}\n"),
            ("templates/pod.yaml", POD),
            ("templates/job.yaml", job),
            ("crds/thing.yaml", crd),
            ("charts/sub/Chart.yaml", sub),
            (
                "charts/sub/templates/map.yaml",
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: inner}\ndata: {text: '{{ \"{{ x }}\" }}'}\n",
            ),
            ("charts/unused/Chart.yaml", "apiVersion: v2\nname: unused\nversion: 0.1.0\n"),
            ("charts/unused/crds/unused.yaml", crd),
        ],
    );
    let built = case.build().unwrap_or_else(|error| panic!("{}", told(&error)));
    let root = case.dir.path().join("rendered/this-cluster/charts");
    insta::assert_snapshot!(list(&root).join("\n"), @r"
    web/Chart.yaml
    web/charts/one/Chart.yaml
    web/charts/one/templates/inner-configmap.yaml
    web/charts/one/templates/kotsadm-replicated-registry-secret.yaml
    web/charts/one/templates/my-app-one-registry-secret.yaml
    web/charts/unused/Chart.yaml
    web/charts/unused/templates/kotsadm-replicated-registry-secret.yaml
    web/charts/unused/templates/my-app-unused-registry-secret.yaml
    web/crds/kotsadm-replicated-registry-secret.yaml
    web/crds/my-app-crds-registry-secret.yaml
    web/crds/things.example.com-customresourcedefinition.yaml
    web/templates/hook-job.yaml
    web/templates/kotsadm-replicated-registry-secret.yaml
    web/templates/my-app-web-registry-secret.yaml
    web/templates/web-pod.yaml
    ");
    let read = |path: &str| case.read(&format!("rendered/this-cluster/charts/{path}"));
    assert!(
        read("web/templates/hook-job.yaml").contains("kots.io/hook-delete-policy: hook-succeeded")
    );
    assert!(read("web/charts/one/templates/inner-configmap.yaml").contains("{{`{{`}} x {{`}}`}}"));
    assert!(read("web/templates/web-pod.yaml").contains("namespace: app-namespace"));
    assert_eq!(built.charts[0].archive, "rendered/this-cluster/charts/web");
    assert_eq!(deployed(&built), Vec::<&str>::new());
    assert!(case.read("upstream/userdata/installation.yaml").contains("- image: nginx:1\n"));
}

#[test]
fn a_chart_that_is_rendered_into_the_application_is_remembered_as_helm_would() {
    let kind = format!("{OLD}  namespace: own\n  values: {{image: 'nginx:1'}}\n");
    let case = Case::with(&[("c.yaml", &kind)]);
    if !has_helm(&case) {
        return;
    }
    pack(&case, META, &[("templates/pod.yaml", POD), ("templates/NOTES.txt", "hello")]);
    let built = case.build().unwrap_or_else(|error| panic!("{}", told(&error)));
    assert_eq!(deployed(&built), ["sh.helm.release.v1.web.v1-secret.yaml", "web-pod.yaml"]);
    assert!(built.charts.is_empty());
    assert!(case.read("base/charts/web/values.yaml").contains("image: nginx:1"));
    let secret = kinds::yaml::to_value(&case.read("base/charts/web/chartHelmSecret.yaml"));
    let secret = secret.expect("a secret");
    assert_eq!(secret.pointer("/metadata/namespace"), Some(&Value::from("own")));
}

#[test]
fn the_sdk_in_a_chart_is_told_about_the_installation() {
    let case = Case::with(&[("c.yaml", NEW)]);
    pack(
        &case,
        META,
        &[
            ("values.yaml", "image: nginx:1\n"),
            ("charts/replicated/Chart.yaml", "apiVersion: v2\nname: replicated\nversion: 1.0.0\n"),
        ],
    );
    let before = fs::read(case.dir.path().join("upstream/web-1.0.0.tgz")).expect("a chart");
    let built = case.build().unwrap_or_else(|error| panic!("{}", told(&error)));
    let archive = fs::read(case.dir.path().join(&built.charts[0].archive)).expect("a chart");
    assert_ne!(archive, before);
    let limits = airgap::Limits::default();
    let mut tar =
        airgap::TarReader::new(airgap::Gunzip::new(&archive[..], &limits.app), &limits.app);
    let mut values = String::new();
    while let Some(entry) = tar.next_entry().expect("an entry") {
        if entry.name == "web/values.yaml" {
            std::io::Read::read_to_string(&mut tar.data(), &mut values).expect("text");
        }
    }
    insta::assert_snapshot!(values, @r#"
    image: nginx:1
    replicated:
      appID: ""
      isAirgap: false
      replicatedID: ""
      userAgent: KOTS/v1.128.0
    "#);
}
