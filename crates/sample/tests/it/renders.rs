//! The sample application is a good one: its config resolves, its manifests render, wrong values are found.

use insta::assert_snapshot;
use kinds::{
    config::{
        Config, ConfigValues, Generated, Resolution, missing_required, required_message, resolve,
        validate,
    },
    context::{Contexts, Renderer, VersionInfo},
    license::{RootKeys, verify},
};

fn file(version: &str, name: &str) -> String {
    let files = sample::release::sample_files(version).expect("it is committed");
    let file = files.into_iter().find(|it| it.path == name).expect("the release has it");
    String::from_utf8(file.bytes).expect("it is text")
}

fn contexts(version: &str) -> Contexts {
    let mut roots = RootKeys::none();
    roots.add_pem(sample::keys::root_public_pem()).expect("the committed key is one");
    let version = VersionInfo {
        cursor: "2".to_owned(),
        channel_name: "Stable".to_owned(),
        version_label: version.to_owned(),
        ..VersionInfo::default()
    };
    let license = Some(verify(sample::license(), &roots).expect("it is signed").license);
    Contexts { license, version, app_slug: sample::APP_SLUG.to_owned(), ..Contexts::default() }
}

fn resolved(version: &str, values: &ConfigValues) -> Resolution {
    let config = Config::parse(&file(version, "kots-config.yaml")).expect("a good config");
    resolve(&config, values, &contexts(version), &[], &mut Generated::default())
        .expect("a good config")
}

fn given() -> ConfigValues {
    ConfigValues::parse(sample::config_values()).expect("good values")
}

#[test]
fn the_committed_values_are_enough_for_both_releases() {
    for version in sample::VERSIONS {
        let config = resolved(version, &given()).config;
        assert_eq!(missing_required(&config), []);
        assert_eq!(validate(&config).expect("good rules"), []);
    }
}

#[test]
fn what_an_operator_gets_wrong_is_found() {
    let mut values = given();
    for name in ["hostname", "admin_password", "tls_cert", "database_host"] {
        values.values.remove(name);
    }
    let config = resolved("1.1.0", &values).config;
    assert_snapshot!(required_message(&missing_required(&config)), @"The following fields are required: Host name, Password of the administrator, Certificate, Host");

    let mut values = given();
    for (name, text) in
        [("hostname", "not a host"), ("admin_password", "short"), ("worker_count", "0")]
    {
        values.values.get_mut(name).expect("it is given").value = text.to_owned();
    }
    let config = resolved("1.1.0", &values).config;
    let wrong: Vec<_> = validate(&config)
        .expect("good rules")
        .into_iter()
        .flat_map(|group| group.item_errors)
        .map(|item| format!("{}: {}", item.name, item.validation_errors[0].message))
        .collect();
    assert_snapshot!(wrong.join("\n"), @r"
    hostname: must be a DNS name such as app.example.com
    admin_password: must have at least 8 characters
    worker_count: must be a number from 1 to 99
    ");
}

#[test]
fn every_manifest_renders() {
    let items = resolved("1.1.0", &given()).items;
    let engine = Renderer::new(&Contexts { items, ..contexts("1.1.0") });
    let files = sample::release::sample_files("1.1.0").expect("it is committed");
    let mut shown = String::new();
    for file in files
        .iter()
        .filter(|it| it.path.rsplit('.').next() == Some("yaml") && it.path != "kots-config.yaml")
    {
        let text = str::from_utf8(&file.bytes).expect("it is text");
        let rendered = engine.render(&file.path, text).unwrap_or_else(|it| panic!("{it}"));
        assert!(
            !rendered.contains("repl{{") && !rendered.contains("{{repl"),
            "{} is not rendered:\n{rendered}",
            file.path
        );
        if ["web-configmap.yaml", "web-secret.yaml"].contains(&file.path.as_str()) {
            shown.push_str(&rendered);
        }
        if file.path == "kots-app.yaml" {
            shown.extend(rendered.lines().filter(|it| it.contains("worker")));
            shown.push('\n');
        }
    }
    assert_snapshot!(shown, @r#"
        - 'deployment/sample-worker'
    apiVersion: v1
    kind: ConfigMap
    metadata:
      name: sample-web
      labels:
        app: sample
    data:
      PUBLIC_URL: 'https://app.example.com'
      ADMIN_EMAIL: 'operator@example.com'
      MOTD: "Welcome.\nMaintenance is on Sundays, 03:00 UTC.\n"
      REQUEST_TIMEOUT: '30s'
      TLS: 'on'
      TLS_CERT_FILE: 'app.example.com.pem'
      TELEMETRY: 'disabled'
    ---
    apiVersion: v1
    kind: ConfigMap
    metadata:
      name: sample-license
      labels:
        app: sample
    data:
      CUSTOMER: 'Sample Customer'
      LICENSE_TYPE: 'prod'
      SEATS: '50'
      REPORTS: 'true'
      SEATS_PER_WORKER: '16'
    apiVersion: v1
    kind: Secret
    metadata:
      name: sample-web
      labels:
        app: sample
    type: Opaque
    data:
      ADMIN_PASSWORD: 'Y29ycmVjdCBob3JzZSBiYXR0ZXJ5IHN0YXBsZQ=='
      DATABASE_URL: 'cG9zdGdyZXM6Ly9zYW1wbGVAZGIuZXhhbXBsZS5jb206NTQzMi9zYW1wbGU='
      DATABASE_PASSWORD: 'czNjcmV0LWRhdGFiYXNl'
      TLS_CERT: 'LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tClRoaXMgaXMgYSB0ZXN0LCBub3QgYSBjZXJ0aWZpY2F0ZS4KLS0tLS1FTkQgQ0VSVElGSUNBVEUtLS0tLQo='
    "#);
}
