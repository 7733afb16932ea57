//! What is put over the manifests: images, pull secrets, an operator's own changes.

use kinds::context::RegistrySettings;

use super::tests::{Case, deployed, told};
use super::*;
use crate::render::programs::{Program, Programs};

const PODS: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  template:
    spec:
      containers:
      - {name: a, image: 'quay.io/acme/web:1'}
      - {name: b, image: 'nginx:1.25'}
      imagePullSecrets: [{name: own}]
";

fn case() -> Case {
    Case::with(&[("web.yaml", PODS)])
}

fn images(case: &Case) -> Vec<String> {
    let text = case.read("rendered/this-cluster/web-deployment.yaml");
    text.lines().filter_map(|it| it.trim().strip_prefix("- image: ")).map(str::to_owned).collect()
}

#[test]
fn private_images_come_through_the_vendors_proxy() {
    let mut case = case();
    case.installation.replicated_proxy_domain = "images.acme.example".to_owned();
    case.build().expect("a version");
    assert_eq!(
        images(&case),
        ["images.acme.example/proxy/my-app/quay.io/acme/web:1", "nginx:1.25"]
    );
    let known = case.read("upstream/userdata/installation.yaml");
    assert!(
        known.contains("- image: nginx:1.25\n  - image: quay.io/acme/web:1\n    isPrivate: true\n"),
        "{known}"
    );
    // The vendor's secret comes first, the object's own stays.
    let text = case.read("rendered/this-cluster/web-deployment.yaml");
    assert!(
        text.contains("imagePullSecrets:\n      - name: my-app-registry\n      - name: own\n"),
        "{text}"
    );
    insta::assert_snapshot!(case.read("overlays/midstream/kustomization.yaml"), @r"
    apiVersion: kustomize.config.k8s.io/v1beta1
    bases:
    - ../../base
    commonAnnotations:
      kots.io/app-slug: my-app
    images:
    - name: quay.io/acme/web
      newName: images.acme.example/proxy/my-app/quay.io/acme/web
    kind: Kustomization
    patchesStrategicMerge:
    - pullsecrets.yaml
    resources:
    - secret.yaml
    transformers:
    - backup-label-transformer.yaml
    ");
}

#[test]
fn all_images_come_from_an_own_registry() {
    let mut case = case();
    case.rewrite_images = true;
    case.registry = RegistrySettings {
        host: "registry.example:5000".to_owned(),
        namespace: "team".to_owned(),
        username: "user".to_owned(),
        password: "secret".to_owned().into(),
        is_read_only: true,
    };
    case.build().expect("a version");
    assert_eq!(
        images(&case),
        ["registry.example:5000/team/web:1", "registry.example:5000/team/nginx:1.25"]
    );
    let secret = case.read("rendered/this-cluster/my-app-registry-secret.yaml");
    let config =
        "eyJhdXRocyI6eyJyZWdpc3RyeS5leGFtcGxlOjUwMDAiOnsiYXV0aCI6ImRYTmxjanB6WldOeVpYUT0ifX19";
    assert!(secret.contains(config), "{secret}");

    // A registry that needs no login gets no secrets.
    case.registry.username.clear();
    case.registry.password = String::new().into();
    let built = case.build().expect("a version");
    assert_eq!(built.manifests, ["rendered/this-cluster/web-deployment.yaml"]);
}

#[test]
fn an_image_that_was_found_to_be_public_stays() {
    let mut case = case();
    case.installation.known_images = vec![kinds::installation::KnownImage {
        image: "quay.io/acme/web:1".to_owned(),
        is_private: false,
    }];
    case.build().expect("a version");
    assert_eq!(images(&case), ["quay.io/acme/web:1", "nginx:1.25"]);
}

#[test]
fn an_operators_changes_are_put_over_everything_and_stay() {
    let case = case();
    case.build().expect("a version");
    let folder = "overlays/downstreams/this-cluster";
    let list = format!(
        "{}patches:\n- path: more.yaml\n",
        case.read(&format!("{folder}/kustomization.yaml"))
    );
    let patch =
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 3}\n";
    tree::write(case.dir.path(), &format!("{folder}/kustomization.yaml"), &list).expect("a list");
    tree::write(case.dir.path(), &format!("{folder}/more.yaml"), patch).expect("a patch");

    let mut without = case;
    let programs = std::mem::take(&mut without.programs);
    insta::assert_snapshot!(told(&without.build().expect_err("no kustomize")), @"could not put `overlays/downstreams/this-cluster` over the manifests: the program `kustomize` is needed and was not found; install it or set KOTS_KUSTOMIZE");
    let mut case = without;
    case.programs = programs;
    if !case.programs.has(Program::Kustomize) {
        skipped::skipped!("the program `kustomize` is not there (KOTS_KUSTOMIZE, PATH)");
        return;
    }
    let built = case.build().unwrap_or_else(|error| panic!("{}", told(&error)));
    assert_eq!(deployed(&built), ["web-deployment.yaml"]);
    let text = case.read("rendered/this-cluster/web-deployment.yaml");
    assert!(text.contains("replicas: 3") && text.contains("kots.io/backup: velero"), "{text}");
    assert!(case.read(&format!("{folder}/more.yaml")).contains("replicas: 3"));
}

/// What kustomize makes of base and overlays is what we make of them.
#[test]
fn our_transforms_are_those_of_kustomize() {
    let texts = [
        ("a.yaml", PODS.to_owned()),
        ("b.yaml", "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: cj, annotations: null}\nspec:\n  on: yes\n  oct: 0644\n  day: 2001-01-01\n  jobTemplate: {spec: {template: {spec: {imagePullSecrets: [{name: a}], containers: [{name: c, image: 'docker.io/acme/x@sha256:f26fbadb0acab4a21ecb4e337a326907e61fbec36c9a9b52e725669d99ed1261'}]}}}}\n".to_owned()),
        ("c.yaml", "apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: th}\nspec: {template: {spec: {imagePullSecrets: [{name: a}], containers: [{name: c, image: acme/y}]}}, initContainers: [{image: acme/y}], nul: null, l: []}\n".to_owned()),
        ("d.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, labels: {more: 'yes'}}\nspec:\n  replicas: 2\n  template:\n    spec:\n      containers:\n      - {name: c, image: acme/z}\n      - {name: b, env: [{name: X, value: 'on'}]}\n      volumes: [{name: v, emptyDir: {}}]\n".to_owned()),
        ("e.yaml", "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: one}, data: {x: off}}\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: two}}\n".to_owned()),
        ("f.yaml", "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: s}\nspec: {template: {spec: {initContainers: [{name: i, image: acme/i:2}], containers: [{name: c, image: 'busybox'}], volumes: [{name: v, image: {reference: acme/i:2}}]}}}\n".to_owned()),
    ];
    let files: Vec<_> = texts.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let case = Case::with(&files);
    if !case.programs.has(Program::Kustomize) {
        skipped::skipped!("the program `kustomize` is not there (KOTS_KUSTOMIZE, PATH)");
        return;
    }
    let ours = case.build().unwrap_or_else(|error| panic!("{}", told(&error)));
    let folder = case.dir.path().join("overlays/downstreams/this-cluster");
    let home = tempfile::tempdir().expect("a folder");
    let arguments = ["build".as_ref(), folder.as_os_str()];
    let output = Programs::find().run(Program::Kustomize, &arguments, home.path());
    let text = String::from_utf8(output.unwrap_or_else(|error| panic!("{error}"))).expect("text");
    let objects = |text: &str| kinds::yaml::to_manifest(text).expect("YAML");
    let mut theirs: Vec<_> =
        kinds::yaml::split_documents(&text).iter().map(|it| objects(it.text)).collect();
    let mut ours: Vec<_> = ours.manifests.iter().map(|it| objects(&case.read(it))).collect();
    for list in [&mut ours, &mut theirs] {
        list.sort_by_key(|it| crate::render::object::ObjectId::of(it).to_string());
    }
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!(
            serde_json::to_string_pretty(&crate::render::rendered::sorted(ours.clone()))
                .expect("JSON"),
            serde_json::to_string_pretty(&crate::render::rendered::sorted(theirs.clone()))
                .expect("JSON"),
        );
    }
    assert_eq!(ours.len(), theirs.len());
}
