//! Real releases of the original's own tests, and small ones of ours, through the whole build.

use std::fs;
use std::path::Path;

use kinds::cipher::{Cipher, generate_key_text};
use kinds::config::{ConfigValue, ConfigValues, Generated};
use kinds::context::RegistrySettings;
use kinds::installation::Installation;
use kinds::license::{License, VerifiedLicense};
use tempfile::TempDir;

use super::golden::real_data;
use super::*;
use crate::render::programs::Programs;

/// A release on its way to a version.
pub(super) struct Case {
    pub(super) dir: TempDir,
    pub(super) license: VerifiedLicense,
    pub(super) values: ConfigValues,
    pub(super) generated: Generated,
    pub(super) cipher: Cipher,
    pub(super) installation: Installation,
    pub(super) is_airgap: bool,
    pub(super) sequence: i64,
    pub(super) preflights: Preflights,
    pub(super) registry: RegistrySettings,
    pub(super) rewrite_images: bool,
    pub(super) programs: Programs,
    pub(super) downstreams: Vec<String>,
    pub(super) surroundings: Surroundings,
    pub(super) broken: Broken,
}

impl Case {
    pub(super) fn new() -> Self {
        let license = License {
            app_slug: "my-app".to_owned(),
            license_id: "license-of-acme".to_owned(),
            customer_name: "Acme".to_owned(),
            ..License::default()
        };
        Self {
            dir: tempfile::tempdir().expect("a folder"),
            license: VerifiedLicense {
                license,
                raw: "raw licence".to_owned(),
                differences: vec![],
            },
            values: ConfigValues::default(),
            generated: Generated::default(),
            cipher: Cipher::from_key_text(&generate_key_text()).expect("a key"),
            installation: Installation {
                update_cursor: "7".to_owned(),
                channel_id: "1vusIYZLAVxMG6q760OJmRKj5i5".to_owned(),
                channel_name: "My Channel".to_owned(),
                version_label: "1.2.3".to_owned(),
                ..Installation::default()
            },
            is_airgap: false,
            sequence: 3,
            preflights: Preflights::Run,
            registry: RegistrySettings::default(),
            rewrite_images: false,
            programs: Programs::find(),
            downstreams: vec![DOWNSTREAM.to_owned()],
            surroundings: Surroundings::default(),
            broken: Broken::Refused,
        }
    }

    pub(super) fn with(files: &[(&str, &str)]) -> Self {
        let case = Self::new();
        for (path, text) in files {
            case.write(path, text);
        }
        case
    }

    fn value(mut self, name: &str, value: &str) -> Self {
        let value = ConfigValue { value: value.to_owned(), ..ConfigValue::default() };
        self.values.values.insert(name.to_owned(), value);
        self
    }

    pub(super) fn write(&self, path: &str, text: &str) {
        tree::write(self.dir.path(), &format!("{UPSTREAM}/{path}"), text).expect("a file");
    }

    pub(super) fn build(&self) -> Result<Built, ReleaseError> {
        build(self.dir.path(), &self.input())
    }

    fn input(&self) -> Input<'_> {
        Input {
            app_slug: "my-app",
            namespace: "app-namespace",
            console_namespace: "app-namespace",
            app_id: "",
            console_id: "",
            registry: &self.registry,
            rewrite_images: self.rewrite_images,
            downstreams: &self.downstreams,
            identity_config: None,
            programs: &self.programs,
            is_airgap: self.is_airgap,
            sequence: self.sequence,
            license: &self.license,
            installation: &self.installation,
            values: &self.values,
            generated: &self.generated,
            cipher: &self.cipher,
            preflights: self.preflights,
            surroundings: &self.surroundings,
            now: "2026-01-02T03:04:05Z".parse().expect("a time"),
            broken: self.broken,
        }
    }

    pub(super) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.dir.path().join(path)).unwrap_or_else(|error| error.to_string())
    }

    /// Every file but the vendor's own and the operator's.
    fn derived(&self) -> Vec<String> {
        let mut paths = list(self.dir.path());
        paths.retain(|it| !it.starts_with(UPSTREAM) && !it.contains(USERDATA));
        paths
    }
}

pub(super) fn list(root: &Path) -> Vec<String> {
    fn walk(dir: &Path, prefix: &str, paths: &mut Vec<String>) {
        for entry in fs::read_dir(dir).expect("a folder") {
            let entry = entry.expect("an entry");
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                walk(&entry.path(), &format!("{name}/"), paths);
            } else {
                paths.push(name);
            }
        }
    }
    let mut paths = Vec::new();
    walk(root, "", &mut paths);
    paths.sort();
    paths
}

/// An error with its causes.
pub(super) fn told(error: &ReleaseError) -> String {
    error.told()
}

/// Names of the vendor's objects that are deployed.
pub(super) fn deployed(built: &Built) -> Vec<&str> {
    let ours = ["kotsadm-replicated-registry-secret.yaml", "my-app-registry-secret.yaml"];
    let names = built.manifests.iter().filter_map(|it| it.strip_prefix("rendered/this-cluster/"));
    names.filter(|it| !ours.contains(it)).collect()
}

const CONFIG: &str = "apiVersion: kots.io/v1beta1
kind: Config
metadata:
  name: my-config
spec:
  groups:
  - name: main
    title: Main
    items:
    - {name: host, title: Host, type: text, required: true}
    - {name: secret, title: Secret, type: password}
    - {name: port, title: Port, type: text, default: '80'}
";
const MANIFEST: &str = "apiVersion: v1
kind: ConfigMap
metadata: {name: web}
data:
  host: '{{repl ConfigOption \"host\" }}:repl{{ ConfigOption \"port\" }}'
  customer: '{{repl LicenseFieldValue \"customerName\" }}'
  version: '{{repl VersionLabel }} {{repl Cursor }} {{repl Sequence }}'
";

#[test]
fn a_release_becomes_a_tree() {
    let case = Case::with(&[
        ("config.yaml", CONFIG),
        ("web.yaml", MANIFEST),
        ("userdata/license.yaml", "of somebody else"),
        ("README.md", "# not deployed"),
    ])
    .value("host", "a.example");
    let built = case.build().expect("a version");
    assert_eq!(built.status, Status::Pending);
    let rendered = |it: &str| format!("rendered/this-cluster/{it}");
    let names = [
        "kotsadm-replicated-registry-secret.yaml",
        "my-app-registry-secret.yaml",
        "web-configmap.yaml",
    ];
    assert_eq!(built.manifests, names.map(rendered));
    assert_eq!(
        case.derived(),
        [
            "base/kustomization.yaml",
            "base/web.yaml",
            "kotsKinds/config.yaml",
            "overlays/downstreams/this-cluster/kustomization.yaml",
            "overlays/midstream/backup-label-transformer.yaml",
            "overlays/midstream/kustomization.yaml",
            "overlays/midstream/secret.yaml",
            &*rendered(names[0]),
            &*rendered(names[1]),
            &*rendered(names[2]),
        ]
    );
    assert_eq!(
        case.read("base/web.yaml"),
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata:\n  host: 'a.example:80'\n  customer: 'Acme'\n  version: '1.2.3 7 3'\n"
    );
    insta::assert_snapshot!(case.read("rendered/this-cluster/web-configmap.yaml"), @r"
    apiVersion: v1
    data:
      customer: Acme
      host: a.example:80
      version: 1.2.3 7 3
    kind: ConfigMap
    metadata:
      annotations:
        kots.io/app-slug: my-app
      labels:
        kots.io/app-slug: my-app
        kots.io/backup: velero
      name: web
    ");
    assert_eq!(case.read("upstream/userdata/license.yaml"), "raw licence");
    let again = Version::open(case.dir.path()).expect("a version");
    assert_eq!(again.values, built.values);
    assert_eq!(again.installation.update_cursor, "7");
    assert_eq!(again.config.map(|it| it.groups.len()), Some(1));
}

#[test]
fn building_again_leaves_nothing_of_the_build_before() {
    let case = Case::with(&[("config.yaml", CONFIG), ("web.yaml", MANIFEST)]).value("host", "a");
    case.build().expect("a version");
    let before = case.derived();
    case.write("more.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n");
    case.build().expect("a version");
    fs::remove_file(case.dir.path().join("upstream/more.yaml")).expect("removed");
    case.build().expect("a version");
    assert_eq!(case.derived(), before);
}

#[test]
fn missing_config_stops_before_the_manifests() {
    let case = Case::with(&[("config.yaml", CONFIG), ("web.yaml", MANIFEST)]);
    let built = case.build().expect("a version");
    assert_eq!(built.status, Status::PendingConfig);
    assert_eq!(built.required_items.iter().map(|it| &*it.name).collect::<Vec<_>>(), ["host"]);
    assert_eq!(case.derived(), ["kotsKinds/config.yaml"]);
}

#[test]
fn passwords_are_not_on_the_disk_in_plain_text() {
    let mut case = Case::with(&[
        ("config.yaml", CONFIG),
        ("web.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {s: '{{repl ConfigOption \"secret\" }}'}\n"),
    ])
    .value("host", "a");
    let given = ConfigValue { value_plaintext: "hunter2".to_owned(), ..ConfigValue::default() };
    case.values.values.insert("secret".to_owned(), given);
    let built = case.build().expect("a version");
    let stored = &built.values.values["secret"];
    assert_eq!(case.cipher.decrypt(&stored.value).as_deref(), Some("hunter2"));
    assert!(case.read("rendered/this-cluster/s-secret.yaml").contains("s: hunter2"));
    for path in list(case.dir.path()) {
        if path.contains("kotsKinds") || path.contains("userdata") {
            assert!(!case.read(&path).contains("hunter2"), "{path}");
        }
    }
}

#[test]
fn a_rule_that_cannot_be_applied_is_no_agreement() {
    let config = CONFIG.replace("required: true", "validation: {regex: {pattern: '('}}");
    let case = Case::with(&[("config.yaml", &config)]).value("host", "a");
    let built = case.build().expect("a version");
    let group = &built.validation_errors[0];
    assert_eq!((&*group.name, &*group.item_errors[0].name), ("main", "host"));
    let message = &group.item_errors[0].validation_errors[0].message;
    assert!(message.contains("is not a regular expression"), "{message}");
}

#[test]
fn what_is_excluded_is_not_deployed() {
    let case = Case::with(&[(
        "a.yaml",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: a, annotations: {kots.io/exclude: 'true'}}\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: b, annotations: {kots.io/when: '{{repl IsAirgap }}'}}\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: c}\n",
    )]);
    let built = case.build().expect("a version");
    assert_eq!(deployed(&built), ["c-secret.yaml"]);
}

#[test]
fn what_is_not_yaml_is_kept_aside_and_named() {
    let case = Case::with(&[
        ("good.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n"),
        ("bad.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: [\n"),
    ]);
    let built = case.build().expect("a version");
    assert_eq!(deployed(&built), ["a-secret.yaml"]);
    assert_eq!(built.yaml_errors.len(), 1);
    assert_eq!(built.yaml_errors[0].path, "bad.yaml");
    assert!(case.read("upstream/userdata/installation.yaml").contains("path: bad.yaml"));
    assert!(case.derived().contains(&"skippedFiles/bad.yaml".to_owned()));
}

/// The error of a release with these files.
fn refused(files: &[(&str, &str)]) -> String {
    told(&Case::with(files).build().expect_err("a release that cannot be built"))
}

#[test]
fn what_cannot_be_rendered_is_named() {
    insta::assert_snapshot!(refused(&[("sub/a.yaml", "apiVersion: v1\nkind: Secret\nmetadata:\n  name: '{{repl Frobnicate 1 }}'\n")]), @"could not render `sub/a.yaml`: sub/a.yaml:4:17: the template function `Frobnicate` does not exist");
    insta::assert_snapshot!(refused(&[("a.yaml", "a: {{repl if }}\n")]), @"could not render `a.yaml`: a.yaml:1:4: missing value for if");
    insta::assert_snapshot!(refused(&[("c.yaml", "apiVersion: kots.io/v1beta1\nkind: HelmChart\nmetadata: {name: c}\nspec: {chart: {name: c, chartVersion: 1.0.0}}\n")]), @"`c.yaml`: the release has no chart `c` 1.0.0: it has no packed charts");
    insta::assert_snapshot!(refused(&[("c.yaml", "apiVersion: kots.io/v1beta2\nkind: HelmChart\nmetadata: {name: c}\nspec: {chart: {name: c, chartVersion: 1.0.0}}\n")]), @"`c.yaml`: the release has no chart `c` 1.0.0: it has no packed charts");
    insta::assert_snapshot!(refused(&[("a.yaml", CONFIG), ("b.yaml", CONFIG)]), @"`a.yaml` and `b.yaml` both hold a Config, a release may have one");
    insta::assert_snapshot!(refused(&[("app.yaml", "apiVersion: kots.io/v1beta1\nkind: Application\nspec: {title: [\n")]), @"`app.yaml`: the kots.io/v1beta1, Kind=Application is not YAML once it is rendered: line 3, column 15: unclosed bracket '['");
    insta::assert_snapshot!(refused(&[("app.yaml", "apiVersion: kots.io/v1beta1\nkind: Application\nspec: {allowRollback: maybe}\n")]), @r#"`app.yaml`: the Application cannot be read: the Application document cannot be read: `spec.allowRollback`: invalid type: string "maybe", expected a boolean"#);
}

#[test]
fn preflights_decide_what_comes_next() {
    let preflight = |strict: bool| {
        format!(
            "apiVersion: troubleshoot.sh/v1beta2\nkind: Preflight\nspec: {{analyzers: [{{x: {{strict: {strict}}}}}]}}\n"
        )
    };
    let status = |strict, preflights| {
        let mut case = Case::with(&[("p.yaml", &preflight(strict))]);
        case.preflights = preflights;
        case.build().expect("a version").status
    };
    assert_eq!(status(false, Preflights::Run), Status::PendingPreflight);
    assert_eq!(status(false, Preflights::Skip), Status::Pending);
    assert_eq!(status(true, Preflights::Skip), Status::PendingPreflight);
}

#[test]
fn kots_versions_are_known_before_rendering() {
    let case = Case::with(&[(
        "app.yaml",
        "apiVersion: kots.io/v1beta1\nkind: Application\nspec: {minKotsVersion: 1.999.0, title: 'repl{{ FromTheFuture }}'}\n",
    )]);
    assert_eq!(kots_versions(case.dir.path()).expect("versions").min, "1.999.0");
}

#[test]
fn a_real_air_gapped_application() {
    let Some(folder) = real_data("ec-airgap/tiny-airgap-noimages-app") else { return };
    let case = Case::new();
    for path in list(&folder) {
        let to = case.dir.path().join(UPSTREAM).join(&path);
        fs::create_dir_all(to.parent().expect("a parent")).expect("a folder");
        fs::copy(folder.join(&path), to).expect("a copy");
    }
    let built = case.build().unwrap_or_else(|error| panic!("{}", told(&error)));
    assert_eq!(deployed(&built), ["alpine-deployment.yaml"]);
    assert_eq!(built.facts.status_informers, ["deployment/alpine"]);
    assert_eq!(built.facts.title, "Tiny Airgap App");
    assert!(built.facts.allow_rollback && built.facts.has_preflight && built.facts.has_config);
    assert!(!built.facts.has_strict_preflight);
    assert_eq!(built.status, Status::PendingPreflight);
    assert!(built.yaml_errors.is_empty());
}

/// A folder with a release, on the way it takes through a mirror.
fn packed(folder: &Path) -> Case {
    let archive = upstream::mirror::pack_release(folder).expect("a release");
    let case = Case::new();
    let upstream = case.dir.path().join(UPSTREAM);
    airgap::release::extract_to(&archive[..], &upstream, &airgap::Limits::default())
        .expect("a release archive");
    case
}

/// A release of the sample application with an operator's values.
fn sample(release: &str) -> Case {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/sample-app");
    let mut case = packed(&root.join(release));
    let values = fs::read_to_string(root.join("config-values.yaml")).expect("values");
    case.values = ConfigValues::parse(&values).expect("values");
    case.preflights = Preflights::Skip;
    case
}

#[test]
fn the_sample_application_in_two_releases() {
    for (release, chart) in [("1.0.0", "0.1.0"), ("1.1.0", "0.2.0")] {
        let case = sample(release);
        let built = case.build().unwrap_or_else(|error| panic!("{release}: {}", told(&error)));
        assert_eq!(built.status, Status::Pending, "{:?}", built.required_items);
        assert_eq!(built.validation_errors, []);
        assert_eq!(built.yaml_errors, []);
        assert_eq!(built.facts.title, "Sample App");
        let chart = format!("helm/sample-cache/sample-cache-{chart}.tgz");
        assert_eq!(built.charts.iter().map(|it| &*it.archive).collect::<Vec<_>>(), [chart]);
        assert!(case.read("helm/sample-cache/values.yaml").contains("maxMemory: 256Mi"));
        for path in &built.manifests {
            let text = case.read(path);
            assert!(!text.contains("repl{{") && !text.contains("{{repl"), "{path}: {text}");
        }
        let secret = case.read("rendered/this-cluster/sample-web-secret.yaml");
        assert!(secret.contains("Y29ycmVjdCBob3JzZSBiYXR0ZXJ5IHN0YXBsZQ=="), "{secret}");
        for path in list(case.dir.path()).iter().filter(|it| it.contains(USERDATA)) {
            assert!(!case.read(path).contains("correct horse"), "{path}");
        }
    }
}

#[test]
fn stored_values_built_again_are_the_same_values() {
    let mut case = sample("1.1.0");
    let first = case.build().unwrap_or_else(|error| panic!("{}", told(&error)));
    case.values = first.values.clone();
    let second = case.build().unwrap_or_else(|error| panic!("{}", told(&error)));
    assert_eq!(second.values, first.values);
    assert_eq!(second.config, first.config);
}

#[test]
fn a_real_application_is_upgraded_and_keeps_what_templates_made_up() {
    let Some(root) = real_data("ec-app") else { return };
    let values = fs::read_to_string(root.join("config-values.yaml")).expect("values");
    let mut values = ConfigValues::parse(&values).expect("values");
    let mut generated = Generated::default();
    let mut certificates = Vec::new();
    let cipher = generate_key_text();
    for release in ["release-1", "release-2"] {
        let folder = tempfile::tempdir().expect("a folder");
        for (from, to) in [(root.join(release), ""), (root.join("charts"), "charts/")] {
            for path in list(&from) {
                let to = folder.path().join(format!("{to}{path}"));
                fs::create_dir_all(to.parent().expect("a parent")).expect("a folder");
                fs::copy(from.join(&path), to).expect("a copy");
            }
        }
        let mut case = packed(folder.path());
        case.cipher = Cipher::from_key_text(&cipher).expect("a key");
        (case.values, case.generated) = (values, generated);
        let built = case.build().unwrap_or_else(|error| panic!("{release}: {}", told(&error)));
        assert_eq!(built.status, Status::Pending, "{:?}", built.required_items);
        assert_eq!((built.yaml_errors, built.validation_errors), (vec![], vec![]));
        assert!(
            built.manifests.contains(&"rendered/this-cluster/nginx-deployment.yaml".to_owned())
        );
        assert_eq!(built.charts[0].namespace, "nginx-app");
        let config = built.config.expect("a config");
        certificates.push(config.items["tls_cert"].effective().to_owned());
        (values, generated) = (built.values, built.generated);
    }
    assert!(certificates[0].starts_with("-----BEGIN CERTIFICATE-----"), "{}", certificates[0]);
    assert_eq!(certificates[0], certificates[1]);
}
