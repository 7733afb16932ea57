//! Releases of ours in `testdata/cases`, each with what must come out of it (`want.txt`): one for each
//! rule of rendering that the original's own cases are named after. What is put over a base here is
//! held against the program `kustomize` where it is there.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kinds::yaml::{self, split_documents};
use serde_json::Value;

use super::{Job, Options, Outcome, render};
use crate::render::object::ObjectId;
use crate::render::programs::{Program, Programs};

/// Folders that are compared.
const FOLDERS: [&str; 6] = ["base", "overlays", "rendered", "kotsKinds", "helm", "skippedFiles"];

fn testdata() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata")
}

fn files(root: &Path) -> Vec<String> {
    fn walk(folder: &Path, prefix: &str, found: &mut Vec<String>) {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        for entry in entries {
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                walk(&entry.path(), &format!("{name}/"), found);
            } else {
                found.push(name);
            }
        }
    }
    let mut found = Vec::new();
    walk(root, "", &mut found);
    found.sort();
    found
}

/// What a person would look at: paths and texts, what is packed or coded in a readable form.
fn shown(out: &Path, outcome: &Outcome) -> String {
    let mut text = String::new();
    for (word, lines) in [("problem", &outcome.problems), ("note", &outcome.notes)] {
        for line in lines {
            writeln!(text, "{word}: {line}").expect("text");
        }
    }
    for path in FOLDERS
        .iter()
        .flat_map(|it| files(&out.join(it)).into_iter().map(move |path| format!("{it}/{path}")))
    {
        writeln!(text, "=== {path}").expect("text");
        // The same in every case, or as it was given.
        let is_constant = path.ends_with("backup-label-transformer.yaml")
            || path.ends_with("userdata/license.yaml")
            || Path::new(&path).extension().is_some_and(|it| it == "tgz");
        if is_constant {
            continue;
        }
        let content = fs::read_to_string(out.join(&path)).expect("text");
        for line in content.lines() {
            writeln!(text, "{}", readable(line)).expect("text");
        }
    }
    text
}

/// A line with a login decoded; what Helm remembers of a chart is held elsewhere.
fn readable(line: &str) -> String {
    if line.starts_with("  release: ") {
        return "  release: (what Helm remembers)".to_owned();
    }
    let Some(coded) = line.strip_prefix("  .dockerconfigjson: ") else { return line.to_owned() };
    let login = STANDARD.decode(coded).expect("base64");
    let login = yaml::to_value(&String::from_utf8(login).expect("text")).expect("JSON");
    let hosts = login["auths"].as_object().expect("hosts").iter().map(|(host, login)| {
        let auth = STANDARD.decode(login["auth"].as_str().expect("text")).expect("base64");
        format!("{host} as {}", String::from_utf8(auth).expect("text"))
    });
    format!("  .dockerconfigjson: ({})", hosts.collect::<Vec<_>>().join(", "))
}

fn check(name: &str) {
    let folder = testdata().join("cases").join(name);
    let release = folder.join("release");
    let programs = Programs::find();
    let has_charts = files(&release).iter().any(|it| it.ends_with("/Chart.yaml"));
    if has_charts && !programs.has(Program::Helm) {
        return skipped::skipped!("the program `helm` is not there (KOTS_HELM, PATH)");
    }
    if release.join("overlays").is_dir() && !programs.has(Program::Kustomize) {
        return println!("skipped: the program `kustomize` is not there (KOTS_KUSTOMIZE, PATH)");
    }
    let options = fs::read_to_string(folder.join("testcase.yaml")).expect("options");
    let out = tempfile::tempdir().expect("a folder");
    let job = Job {
        release,
        out: out.path().to_owned(),
        license: Some(testdata().join("sample-app/license.yaml")),
        license_root_keys: vec![testdata().join("keys/root.pub.pem")],
        options: Options::parse(&options).expect("options"),
        ..Job::default()
    };
    let outcome = render(&job).unwrap_or_else(|error| panic!("{name}: {error}"));
    let want = fs::read_to_string(folder.join("want.txt")).unwrap_or_default();
    let got = shown(out.path(), &outcome);
    if got != want {
        let path = std::env::temp_dir().join(format!("{name}.got.txt"));
        fs::write(&path, &got).expect("a file");
        let first = got.lines().zip(want.lines()).position(|(got, want)| got != want);
        let line = first.unwrap_or_else(|| got.lines().count().min(want.lines().count()));
        panic!(
            "{name}: line {} of want.txt is {:?}, got {:?}; all of it is in {}",
            line + 1,
            want.lines().nth(line),
            got.lines().nth(line),
            path.display()
        );
    }
    if programs.has(Program::Kustomize) {
        as_kustomize(out.path(), &programs);
    } else {
        skipped::skipped!("the program `kustomize` is not there (KOTS_KUSTOMIZE, PATH)");
    }
}

/// Holds every rendered layer against `kustomize`.
fn as_kustomize(out: &Path, programs: &Programs) {
    let downstream = out.join("overlays/downstreams/this-cluster");
    for list in files(&downstream).into_iter().filter(|it| it.ends_with("kustomization.yaml")) {
        let layer = list.rsplit_once('/').map_or("", |(layer, _)| layer);
        let home = tempfile::tempdir().expect("a folder");
        let folder = downstream.join(layer);
        let arguments = [OsStr::new("build"), folder.as_os_str()];
        let built = programs.run(Program::Kustomize, &arguments, home.path()).expect("objects");
        let wanted = objects(&String::from_utf8(built).expect("text"));
        let root = out.join("rendered/this-cluster").join(layer);
        let is_own = |path: &String| {
            let name = path.strip_prefix("templates/").unwrap_or(path);
            !name.contains('/') && !name.starts_with("Chart.")
        };
        let texts = files(&root).into_iter().filter(is_own).map(|it| {
            let text = fs::read_to_string(root.join(it)).expect("text");
            text.replace("{{`{{`}}", "\u{0}").replace("{{`}}`}}", "}}").replace('\u{0}', "{{")
        });
        let ours: Vec<_> = texts.collect();
        assert_eq!(objects(&ours.join("\n---\n")), wanted, "{layer}");
    }
}

fn objects(text: &str) -> Vec<(String, Value)> {
    let object = |text: &str| {
        let object = yaml::to_manifest(text).expect("an object");
        let object = crate::render::rendered::sorted(object);
        let id = ObjectId::of(&object);
        (format!("{id} in {}", id.namespace), object)
    };
    let mut objects: Vec<_> = split_documents(text).iter().map(|it| object(it.text)).collect();
    objects.sort_by(|(a, _), (b, _)| a.cmp(b));
    objects
}

macro_rules! cases {
    ($($test:ident: $name:literal,)*) => {$(
        #[test]
        fn $test() {
            check($name);
        }
    )*};
}

cases! {
    an_airgapped_installation: "airgap",
    values_that_read_the_licence: "configlicensesideeffect",
    hosts_of_the_vendors_own: "customhostnames",
    every_kind_of_kots: "kotskinds",
    manifests_of_many_kinds: "manifests",
    a_config_that_is_not_complete: "needsconfig",
    a_version_that_is_rendered_again: "renderdir",
    a_chart_rendered_into_the_application: "replicatedhelm",
    values_that_a_chart_requires: "required-helm-values",
    a_required_value_that_is_missing: "required-helm-values-missing",
    one_chart_several_times: "samechartvariations",
    sub_charts_under_other_names: "subchart-alias",
    resource_definitions_of_sub_charts: "subchart-crds",
    sub_charts_that_are_switched: "subcharts",
    tag_and_digest_in_an_airgap: "taganddigest-airgap",
    tag_and_digest_through_the_proxy: "taganddigest-norewrite",
    tag_and_digest_from_an_own_registry: "taganddigest-rewrite",
    what_templates_know_of_the_version: "versioncontext",
}
