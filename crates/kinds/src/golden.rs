//! The golden cases of the original's pull pipeline, as far as kinds and templates go.

use std::path::Path;

use serde_json::Value;

use crate::config::{Config, ConfigValues, Generated, resolve};
use crate::context::{Contexts, RegistrySettings, Renderer, VersionInfo};
use crate::gvk;
use crate::helm_chart::HelmChart;
use crate::license::{RootKeys, verify};
use crate::{real_data, yaml};

/// The texts of a folder by their path in it.
fn files(dir: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("it is a folder") {
            let path = entry.expect("it can be listed").path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(text) = std::fs::read_to_string(&path) {
                let name = path.strip_prefix(dir).expect("it is inside").display().to_string();
                found.push((name, text));
            }
        }
    }
    found.sort();
    found
}

/// What a case gives: path, what is found, what is expected.
fn compare(case: &Path) -> Vec<(String, String, String)> {
    let upstream = files(&case.join("upstream"));
    let read = |name: &str| &upstream.iter().find(|(n, _)| n == name).expect("it is there").1;
    let expected = |path: &str| std::fs::read_to_string(case.join("wantResults").join(path)).ok();
    let verified =
        verify(read("userdata/license.yaml"), &RootKeys::production()).expect("a valid license");
    let contexts = Contexts {
        app_slug: "my-app".to_owned(),
        license: Some(verified.license),
        version: VersionInfo { channel_name: "My Channel".into(), ..VersionInfo::default() },
        registry: RegistrySettings::default(),
        ..Contexts::default()
    };
    let values = ConfigValues::parse(read("userdata/config.yaml")).expect("values");
    let mut compared = Vec::new();
    let mut items = contexts.items.clone();
    if let Some((name, text)) = upstream.iter().find(|(name, _)| name == "config.yaml") {
        let config = Config::parse(text).expect("a config");
        let resolved = resolve(&config, &values, &contexts, &[], &mut Generated::default());
        let resolved = resolved.expect("it resolves");
        items = resolved.items;
        if let Some(expected) = expected(&format!("kotsKinds/{name}")) {
            let expected = Config::parse(&expected).expect("a config");
            compared.push((name.clone(), resolved.config.to_yaml("x"), expected.to_yaml("x")));
        }
    }
    let renderer = Renderer::new(&Contexts { items, ..contexts });
    for (name, text) in upstream.iter().filter(|(name, _)| {
        Path::new(name).extension().is_some_and(|it| it == "yaml")
            && name != "config.yaml"
            && !name.starts_with("userdata/")
    }) {
        let text = renderer.render(name, text).unwrap_or_else(|error| panic!("{error}"));
        let documents = yaml::split_documents(&text);
        let is_kind = |text: &str| gvk::sniff(text).is_some_and(|gvk| gvk.is_kots_kind());
        for (index, document) in documents.iter().enumerate() {
            let stem = name.trim_end_matches(".yaml");
            let numbered = format!("{stem}-{}.yaml", index + 1);
            let path = match (is_kind(document.text), index) {
                (true, _) => format!("kotsKinds/{name}"),
                (false, 0) => format!("base/{name}"),
                (false, _) => format!("base/{numbered}"),
            };
            let Some(expected) = expected(&path) else { continue };
            let documents = yaml::split_documents(&expected);
            let expected = if is_kind(document.text) { documents[index] } else { documents[0] };
            compared.push((path, json(document.text), json(expected.text)));
        }
        if let Ok(chart) = HelmChart::parse(&text) {
            let path = format!("helm/{}/values.yaml", chart.release_name());
            if let Some(expected) = expected(&path)
                && !chart.is_excluded()
            {
                let values = Value::Object(chart.merged_values());
                compared.push((path, values.to_string(), json(&expected)));
            }
        }
    }
    compared
}

fn json(text: &str) -> String {
    yaml::to_value(text).unwrap_or_else(|error| panic!("{error}\n{text}")).to_string()
}

#[test]
fn kinds_and_manifests_render_as_the_original_renders_them() {
    let Some(dir) = real_data::dir() else {
        return real_data::skip("the golden cases of the pull pipeline");
    };
    let mut n_compared = 0;
    for case in ["simple", "configcontext", "multidoc", "v1beta2-charts"] {
        for (path, found, expected) in compare(&dir.join("kots-pull-cases").join(case)) {
            assert_eq!(found, expected, "{case}: {path}");
            n_compared += 1;
        }
    }
    assert!(n_compared >= 15, "only {n_compared} files were compared");
}
