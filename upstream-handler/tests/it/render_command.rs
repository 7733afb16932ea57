//! `kotsadm render`: a release folder, as a vendor's pipeline renders it.

use std::fs;
use std::path::Path;

use super::harness::kotsadm;

/// Renders `release` below `folder` to `out`; returns what a person sees.
fn run(folder: &Path, release: &str) -> String {
    let output = kotsadm()
        .args(["render", release, "--out", "out"])
        .current_dir(folder)
        .env_remove("API_ENCRYPTION_KEY")
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let status = output.status.code().unwrap();
    format!("{}{}-> {status}", text(&output.stdout), text(&output.stderr))
}

fn put(folder: &Path, files: &[(&str, &str)]) {
    for (path, text) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

const KIND: &str = "apiVersion: kots.io/v1beta2\nkind: HelmChart\nmetadata: {name: web}\n\
    spec: {chart: {name: web, chartVersion: 1.2.3}, values: {}}\n";
const CONFIG_MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\ndata: {a: b}\n";

#[test]
fn a_chart_beside_the_release_is_packed() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), &[("release/chart.yaml", KIND), ("release/map.yaml", CONFIG_MAP)]);

    let lacking = run(folder.path(), "release");
    assert!(lacking.contains("the release has no chart `web` 1.2.3"), "{lacking}");
    assert!(lacking.ends_with("-> 1"), "{lacking}");
    assert!(!folder.path().join("out/helm").exists());
    assert!(folder.path().join("out/base/map.yaml").is_file());

    put(
        folder.path(),
        &[
            ("charts/web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.2.3\n"),
            ("charts/web/.helmignore", "*.draft\nci/\n"),
            ("charts/web/templates/a.yaml", CONFIG_MAP),
            ("charts/web/templates/b.yaml.draft", "{{ fail \"a draft\" }}"),
            ("charts/web/ci/templates/c.yaml", "no template"),
            ("charts/other/Chart.yaml", "apiVersion: v2\nname: other\nversion: 1.0.0\n"),
        ],
    );
    if sample::program("KOTS_HELM", "helm").is_none() {
        return;
    }
    let whole = run(folder.path(), "release");
    assert!(whole.ends_with("-> 0"), "{whole}");
    let out = folder.path().join("out");
    let packed = fs::read(out.join("helm/web/web-1.2.3.tgz")).unwrap();
    let limits = airgap::Limits::default().app;
    let mut tar = airgap::TarReader::new(airgap::Gunzip::new(&packed[..], &limits), &limits);
    let mut names = Vec::new();
    while let Some(entry) = tar.next_entry().unwrap() {
        names.push(entry.name);
    }
    // What `.helmignore` names is no part of the chart.
    assert_eq!(names, ["web/.helmignore", "web/Chart.yaml", "web/templates/a.yaml"]);
    assert!(!out.join("upstream/other-1.0.0.tgz").exists());
    assert!(out.join("rendered/this-cluster/one-configmap.yaml").is_file());
}

#[test]
fn sub_charts_beside_a_chart_are_packed_with_it() {
    if sample::program("KOTS_HELM", "helm").is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let web =
        "apiVersion: v2\nname: web\nversion: 1.2.3\ndependencies: [{name: store, version: ^1}]\n";
    put(
        folder.path(),
        &[
            ("release/chart.yaml", KIND),
            ("charts/web/Chart.yaml", web),
            ("charts/web/Chart.lock", "dependencies: [{name: store, version: 1.0.0}]\n"),
        ],
    );
    let said = "the sources of the chart `web` are shown without `store` 1.0.0, which `helm dependency build` adds when it is packed";
    let seen = run(folder.path(), "release");
    assert_eq!(seen, format!("rendered 0 objects and 1 charts to out\n{said}\n-> 0"));

    put(
        folder.path(),
        &[
            ("charts/store/Chart.yaml", "apiVersion: v2\nname: store\nversion: 1.0.0\n"),
            ("charts/store/templates/map.yaml", CONFIG_MAP),
        ],
    );
    assert_eq!(run(folder.path(), "release"), "rendered 0 objects and 1 charts to out\n-> 0");
    let all = folder.path().join("out/rendered/this-cluster/helm/web/all.yaml");
    let all = fs::read_to_string(all).unwrap();
    assert!(all.contains("# Source: web/charts/store/templates/map.yaml"), "{all}");

    fs::remove_dir_all(folder.path().join("charts/store")).unwrap();
    fs::remove_file(folder.path().join("charts/web/Chart.lock")).unwrap();
    let seen = run(folder.path(), "release");
    assert!(seen.contains("note: the chart `web` was packed without `store` ^1: "), "{seen}");
}

#[test]
fn a_missing_licence_is_told_where_templates_read_it() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), &[("release/map.yaml", CONFIG_MAP)]);
    assert_eq!(run(folder.path(), "release"), "rendered 1 objects and 0 charts to out\n-> 0");
    let reads = CONFIG_MAP.replace("b}", "'{{repl LicenseFieldValue `x` }}'}");
    put(folder.path(), &[("release/map.yaml", &reads)]);
    assert!(run(folder.path(), "release").contains("note: there is no licence: "));
}

#[test]
fn what_is_no_licence_and_no_key_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), &[("release/map.yaml", CONFIG_MAP), ("map.yaml", CONFIG_MAP)]);
    let refused = |flag: &str, file: &str| {
        let arguments = ["render", "release", "--out", "out", flag, file];
        let output = kotsadm().args(arguments).current_dir(folder.path()).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    assert_eq!(
        refused("--license", "map.yaml"),
        "Error: map.yaml: it is no licence, but a ConfigMap\n"
    );
    assert!(refused("--license-root-key", "map.yaml").starts_with("Error: map.yaml: "));
    assert!(
        refused("--license-root-key", "gone.pem").starts_with("Error: could not read gone.pem: ")
    );
}

#[test]
fn what_does_not_render_is_listed_and_the_rest_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let broken = CONFIG_MAP.replace("b}", "'{{repl NoSuchFunction }}'}");
    put(folder.path(), &[("release/map.yaml", &broken), ("release/other.yaml", CONFIG_MAP)]);
    let seen = run(folder.path(), "release");
    assert!(seen.contains("map.yaml"), "{seen}");
    assert!(seen.contains("NoSuchFunction"), "{seen}");
    assert!(
        seen.starts_with("rendered 1 objects and 0 charts to out, without what is named above\n"),
        "{seen}"
    );
    assert!(seen.ends_with("-> 1"), "{seen}");
    assert!(!folder.path().join("out/base/map.yaml").exists());
}
