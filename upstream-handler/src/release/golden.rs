//! The original's own golden cases through the whole build, compared object by object as its own test
//! does: known images are a set, patches of pull secrets are in no order, and what Helm remembers of a
//! chart is unpacked. Other files are compared byte by byte.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kinds::config::ConfigValues;
use kinds::installation::Installation;
use kinds::license::{RootKeys, verify};
use kinds::yaml;
use serde_json::Value;

use super::tests::{Case, list, told};
use super::*;
use crate::render::programs::Program;

/// The folder of real data, or `None` with a line that says so.
pub(super) fn real_data(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("KOTS_REAL_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"),
        PathBuf::from,
    );
    let found = root.join(path);
    if found.exists() {
        return Some(found);
    }
    skipped::skipped!("{} is not there", found.display());
    None
}

/// A case of the original's own, with its licence verified by the original's root keys.
fn real_case(folder: &Path) -> Case {
    let mut case = Case::new();
    for path in list(&folder.join("upstream")) {
        if !path.starts_with(USERDATA) {
            let to = case.dir.path().join(UPSTREAM).join(&path);
            fs::create_dir_all(to.parent().expect("a parent")).expect("a folder");
            fs::copy(folder.join("upstream").join(&path), to).expect("a copy");
        }
    }
    let mut keys = RootKeys::production();
    for key in ["root-dev.pem", "root-staging.pem", "root-test.pem"] {
        let pem =
            real_data(&format!("kots-licenses/{key}")).expect("the keys lie beside the cases");
        keys.add_pem(&fs::read_to_string(pem).expect("a key")).expect("a key");
    }
    let read = |name: &str| fs::read_to_string(folder.join("upstream/userdata").join(name));
    let text = read("license.yaml").expect("a licence");
    // Licences of the original's own tests are not all signed by its root keys.
    case.license = verify(&text, &keys).expect("a licence whose signature holds");
    case.values = ConfigValues::parse(&read("config.yaml").expect("values")).expect("values");
    case.installation = Installation {
        channel_id: case.installation.channel_id,
        channel_name: case.installation.channel_name,
        ..Installation::default()
    };
    let options = fs::read_to_string(folder.join("testcase.yaml")).expect("options");
    let options = yaml::to_value(&options).expect("options");
    let text =
        |path: &str| options.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
    case.rewrite_images = options.pointer("/PullOptions/RewriteImages") == Some(&true.into());
    case.registry.host = text("/PullOptions/RewriteImageOptions/Hostname");
    case.registry.namespace = text("/PullOptions/RewriteImageOptions/Namespace");
    case.registry.username = text("/PullOptions/RewriteImageOptions/Username");
    case.registry.password = text("/PullOptions/RewriteImageOptions/Password").into();
    case
}

/// The documents of a file, what differs from run to run made comparable.
fn objects(path: &str, text: &str) -> Vec<Value> {
    let text = text.replace("${POD_NAMESPACE}", "app-namespace");
    let parse = |it: yaml::Document<'_>| yaml::to_manifest(it.text).expect("YAML");
    let mut objects: Vec<_> = yaml::split_documents(&text).into_iter().map(parse).collect();
    for object in &mut objects {
        if let Some(images) = object.pointer_mut("/spec/knownImages").and_then(Value::as_array_mut)
        {
            images.sort_by_key(ToString::to_string);
        }
        if let Some(Value::String(release)) = object.pointer_mut("/data/release") {
            *release = unpacked(release);
        }
    }
    objects = objects.into_iter().map(crate::render::rendered::sorted).collect();
    if path.ends_with("pullsecrets.yaml") {
        objects.sort_by_key(ToString::to_string);
    }
    objects
}

/// What Helm remembers of a chart, as JSON with its keys in order.
fn unpacked(release: &str) -> String {
    let packed = STANDARD.decode(release).expect("base64");
    let zipped = STANDARD.decode(packed).expect("base64");
    let mut json = String::new();
    flate2::read::GzDecoder::new(&zipped[..]).read_to_string(&mut json).expect("gzip");
    let value: Value = serde_json::from_str(&json).expect("JSON");
    crate::render::rendered::sorted(value).to_string()
}

/// Compares a folder that is expected with one of ours; both have the same files.
fn compare(case: &Case, want: &Path, ours: &str) {
    let root = case.dir.path().join(ours);
    let (wanted, got) = (list(want), if root.exists() { list(&root) } else { Vec::new() });
    assert_eq!(got, wanted, "{ours}");
    for path in wanted {
        let (want, got) = (fs::read(want.join(&path)), fs::read(root.join(&path)));
        let (want, got) = (want.expect("a file"), got.expect("a file"));
        // The vendor's own files may be templates that are no YAML yet.
        let is_vendors = ours == UPSTREAM && !path.starts_with(USERDATA);
        let is_yaml = Path::new(&path).extension().is_some_and(|it| it == "yaml");
        if !is_yaml || is_vendors {
            assert_eq!(got, want, "{ours}/{path}");
            continue;
        }
        let parse = |bytes: Vec<u8>| objects(&path, &String::from_utf8(bytes).expect("text"));
        let (got, want) = (parse(got), parse(want));
        for (got, want) in got.iter().zip(&want) {
            assert_eq!(
                serde_json::to_string_pretty(got).expect("JSON"),
                serde_json::to_string_pretty(want).expect("JSON"),
                "{ours}/{path}"
            );
        }
        assert_eq!(got.len(), want.len(), "{ours}/{path}");
    }
}

/// Whether charts can be rendered here.
pub(super) fn has_helm(case: &Case) -> bool {
    let has = case.programs.has(Program::Helm);
    if !has {
        skipped::skipped!("the program `helm` is not there (KOTS_HELM, PATH)");
    }
    has
}

fn pull_case(name: &str, needs_helm: bool) {
    let Some(folder) = real_data(&format!("kots-pull-cases/{name}")) else { return };
    let case = real_case(&folder);
    if needs_helm && !has_helm(&case) {
        return;
    }
    let built = case.build().unwrap_or_else(|error| panic!("{name}: {}", told(&error)));
    assert_eq!(built.notes, Vec::<String>::new(), "{name}");
    let want = folder.join("wantResults");
    let folders: BTreeSet<_> = fs::read_dir(&want)
        .expect("a folder")
        .flatten()
        .collect::<Vec<_>>()
        .into_iter()
        .map(|it| it.file_name().to_string_lossy().into_owned())
        .collect();
    for ours in folders {
        compare(&case, &want.join(&ours), &ours);
    }
}

#[test]
fn a_simple_release() {
    pull_case("simple", false);
}

#[test]
fn files_of_several_documents() {
    pull_case("multidoc", false);
}

#[test]
fn charts_that_are_rendered_here() {
    pull_case("configcontext", true);
}

#[test]
fn charts_that_are_installed_as_they_are_packed() {
    pull_case("v1beta2-charts", true);
}

/// A case of template contexts alone.
fn base_case(name: &str) -> Option<(Case, PathBuf)> {
    let folder = real_data(&format!("kots-base-cases/{name}"))?;
    let mut case = real_case(&folder);
    case.is_airgap = true;
    case.sequence = 321;
    case.installation.update_cursor = "123".to_owned();
    case.installation.version_label = "1.2.3".to_owned();
    case.installation.release_notes = "Release version 1.2.3".to_owned();
    if !has_helm(&case) && name == "configcontext" {
        return None;
    }
    case.build().unwrap_or_else(|error| panic!("{name}: {}", told(&error)));
    Some((case, folder))
}

/// Compares those files of a folder that are expected.
fn compare_expected(case: &Case, want: &Path, ours: &str, renamed: &[(&str, &str)]) {
    // Values are taken in by a stage that these cases leave out.
    for path in list(want).into_iter().filter(|it| it != "configvalues.yaml") {
        let named = renamed.iter().find(|(from, _)| *from == path).map_or(&*path, |(_, to)| to);
        let wanted = fs::read_to_string(want.join(&path)).expect("a file");
        let got = case.read(&format!("{ours}/{named}"));
        let (mut got, mut wanted) = (objects(&path, &got), objects(&path, &wanted));
        // It was written by hand there.
        for object in got.iter_mut().chain(&mut wanted).filter(|it| it["kind"] == "License") {
            object["status"] = Value::Null;
        }
        assert_eq!(got, wanted, "{ours}/{path}");
    }
}

#[test]
fn template_contexts() {
    let names = [("license.yaml", "userdata/license.yaml")];
    for name in ["licensecontext", "configcontext"] {
        let Some((case, folder)) = base_case(name) else { continue };
        compare_expected(&case, &folder.join("base"), BASE, &[]);
        compare_expected(&case, &folder.join("kotsKinds"), KOTS_KINDS, &names);
        if folder.join("basehelm").exists() {
            // In no order there: what is expected is somewhere among ours.
            let folder = folder.join("basehelm/charts/test-chart");
            let read = |it: String| objects(&it, &case.read(&it));
            let ours: Vec<_> = (1..=5)
                .map(|n| read(format!("{BASE}/charts/test-chart/templates/test-{n}.yaml")))
                .collect();
            for path in list(&folder) {
                let text = fs::read_to_string(folder.join(&path)).expect("a file");
                assert!(ours.contains(&objects(&path, &text)), "{path}");
            }
        }
    }
}
