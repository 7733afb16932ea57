use super::*;
use crate::release::Identity;

fn release() -> Release {
    let identity = Identity {
        app_slug: "fake-app-slug".to_owned(),
        channel_id: "fake-channel-id".to_owned(),
        channel_slug: "beta".to_owned(),
        channel_sequence: 2,
        version_label: "1.1.0".to_owned(),
        ..Identity::default()
    };
    Release::new(identity, &[]).expect("a release")
}

fn settings(bundle: Option<&str>) -> Settings {
    Settings {
        data_dir: "/data".into(),
        kots: "kots".into(),
        preflight: None,
        embedded: None,
        kubeconfig: None,
        license_root_key: None,
        airgap_bundle: bundle.map(Into::into),
        namespace: "fake-app-slug".to_owned(),
        cluster_id: "id".to_owned(),
        app_endpoint: Some("https://replicated.app".to_owned()),
        timeout: Duration::from_mins(15),
        session_ms: crate::store::SESSION_MS,
        manager_port: 30_080,
    }
}

fn words(args: &[OsString]) -> String {
    args.iter().map(|it| it.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

fn files() -> Files {
    Files { config_values: "values.yaml".into(), license: "license.yaml".into() }
}

#[test]
fn the_arguments_are_the_originals() {
    let deploy = |bundle| deploy_args(&settings(bundle), &release(), &files()).map(|it| words(&it));
    insta::assert_snapshot!(deploy(None).expect("arguments"), @"deploy fake-app-slug --config-values values.yaml --channel-id fake-channel-id --channel-sequence 2 --namespace fake-app-slug --skip-preflights");
    insta::assert_snapshot!(deploy(Some("a.airgap")).expect("arguments"), @"deploy fake-app-slug --config-values values.yaml --license license.yaml --airgap-bundle a.airgap --disable-image-push --namespace fake-app-slug --skip-preflights");
    let install = words(&install_args(&settings(Some("a.airgap")), &release(), &files()));
    insta::assert_snapshot!(install, @"install fake-app-slug/beta --license-file license.yaml --namespace fake-app-slug --app-version-label 1.1.0 --exclude-admin-console --disable-image-push --airgap-bundle a.airgap --config-values values.yaml --skip-preflights");
    let unknown = Release { channel_sequence: 0, ..release() };
    let refused = deploy_args(&settings(None), &unknown, &files()).expect_err("no sequence");
    assert_eq!(refused, "channel sequence is required for online deployments");
}

#[test]
fn only_what_is_proven_is_success() {
    let report = |text: &str| serde_json::from_str::<DeployReport>(text).ok();
    let told = |ended: child::Ended| match verdict(&ended, "deploy") {
        Ok(()) => "success".to_owned(),
        Err(why) => why,
    };
    assert_eq!(told(child::Ended::of(Some(0), "", None)), "success");
    insta::assert_snapshot!(told(child::Ended::of(Some(1), "Error: no\n", None)), @"kots cli deploy: run deploy command: exit status 1: Error: no");
    assert_eq!(
        told(child::Ended::of(Some(0), "", report(r#"{"schema":1,"outcome":"unchanged"}"#))),
        "success"
    );
    let not_ready = r#"{"schema":1,"outcome":"not_ready","error":{"what":"1.1.0 is deployed and not ready","why":["deployment/web is unavailable"],"next":"look at it"}}"#;
    insta::assert_snapshot!(told(child::Ended::of(Some(0), "", report(not_ready))), @"kots cli deploy: deployed, but not ready: 1.1.0 is deployed and not ready: deployment/web is unavailable; next: look at it");
    insta::assert_snapshot!(told(child::Ended::of(None, "", report(r#"{"schema":1,"outcome":"unknown"}"#))), @"kots cli deploy: the end was not seen");
}
