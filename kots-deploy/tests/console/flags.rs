//! The command line: exact messages, exit codes, and where they are printed.

use crate::harness::{bare, run};

/// Runs `kots` with these words in an empty folder and shows what came.
fn check(line: &str, environment: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("values.yaml"), sample::config_values()).unwrap();
    std::fs::write(folder.path().join("app.airgap"), "").unwrap();
    let words: Vec<&str> = line.split_whitespace().collect();
    let mut command = bare(folder.path(), &words);
    command.envs(environment.iter().copied());
    let ran = run(command);
    format!("$ kots {line}\n{}", ran.whole())
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table and its answers")]
fn mistakes() {
    let all = [
        "foo",
        "deploy",
        "deploy a b --config-values values.yaml",
        "deploy app",
        "deploy app --nope",
        "deploy app -x",
        "deploy app --config-values",
        "deploy app --config-values values.yaml --channel-sequence ten",
        "deploy app --config-values values.yaml --skip-preflights=maybe",
        "deploy app --config-values values.yaml",
        "deploy app --config-values values.yaml --channel-id c",
        "deploy app --config-values values.yaml --channel-id c --channel-sequence 0",
        "deploy app --config-values values.yaml --channel-id c --channel-sequence -1",
        "deploy app --config-values values.yaml --airgap-bundle missing.airgap",
        "deploy app --config-values values.yaml --license l.yaml --channel-id c --channel-sequence 1",
        "deploy app --config-values values.yaml --license l.yaml --airgap-bundle missing.airgap",
        "deploy app --config-values values.yaml --license l.yaml --airgap-bundle .",
        "deploy app --config-values values.yaml --channel-id c --channel-sequence 1 --wait never",
        "deploy app --config-values values.yaml --channel-id c --channel-sequence 1 --timeout 15",
        "deploy app --config-values values.yaml --channel-id c --channel-sequence 1 --kotsadm-url http://x --embedded d",
        "deploy app --config-values values.yaml --channel-id c --channel-sequence 1 --kotsadm-url http://x",
        "deploy app --config-values values.yaml --channel-id c --channel-sequence 1 -n a_b",
        "deploy app --config-values values.yaml --channel-id c --channel-sequence 1 --kubeconfig missing",
        "install app",
    ]
    .map(|it| check(it, &[]));
    insta::assert_snapshot!(all.join("\n\n"), @r#"
    $ kots foo
    Error: unknown command "foo" for "kots"
    hint: run `kots --help` for usage
    -> 1

    $ kots deploy
    Error: accepts 1 arg(s), received 0
    hint: run `kots deploy --help` for its flags
    -> 1

    $ kots deploy a b --config-values values.yaml
    Error: accepts 1 arg(s), received 2
    hint: run `kots deploy --help` for its flags
    -> 1

    $ kots deploy app
    Error: required flag(s) "config-values" not set
    hint: run `kots deploy --help` for its flags
    -> 1

    $ kots deploy app --nope
    Error: unknown flag: --nope
    hint: run `kots deploy --help` for its flags
    -> 1

    $ kots deploy app -x
    Error: unknown shorthand flag: 'x' in -x
    hint: run `kots deploy --help` for its flags
    -> 1

    $ kots deploy app --config-values
    Error: flag needs an argument: --config-values
    hint: run `kots deploy --help` for its flags
    -> 1

    $ kots deploy app --config-values values.yaml --channel-sequence ten
    Error: invalid argument "ten" for "--channel-sequence" flag: strconv.ParseInt: parsing "ten": invalid syntax
    hint: run `kots deploy --help` for its flags
    -> 1

    $ kots deploy app --config-values values.yaml --skip-preflights=maybe
    Error: invalid argument "maybe" for "--skip-preflights" flag: strconv.ParseBool: parsing "maybe": invalid syntax
    hint: run `kots deploy --help` for its flags
    -> 1

    $ kots deploy app --config-values values.yaml
    Error: either --airgap-bundle OR (--channel-id AND --channel-sequence) must be provided
    hint: online: --channel-id ID --channel-sequence N; air-gapped: --airgap-bundle FILE --license FILE
    -> 1

    $ kots deploy app --config-values values.yaml --channel-id c
    Error: either --airgap-bundle OR (--channel-id AND --channel-sequence) must be provided
    hint: online: --channel-id ID --channel-sequence N; air-gapped: --airgap-bundle FILE --license FILE
    -> 1

    $ kots deploy app --config-values values.yaml --channel-id c --channel-sequence 0
    Error: either --airgap-bundle OR (--channel-id AND --channel-sequence) must be provided
    hint: online: --channel-id ID --channel-sequence N; air-gapped: --airgap-bundle FILE --license FILE
    -> 1

    $ kots deploy app --config-values values.yaml --channel-id c --channel-sequence -1
    Error: --channel-sequence is -1, but sequences of a channel are positive
    hint: run `kots deploy --help` for its flags
    -> 1

    $ kots deploy app --config-values values.yaml --airgap-bundle missing.airgap
    Error: license is required in airgap mode
    hint: pass --license FILE
    -> 1

    $ kots deploy app --config-values values.yaml --license l.yaml --channel-id c --channel-sequence 1
    Error: license can only be provided in airgap mode
    hint: leave out --license: online, the admin console fetches the license itself
    -> 1

    $ kots deploy app --config-values values.yaml --license l.yaml --airgap-bundle missing.airgap
    Error: failed to stat airgap bundle: stat missing.airgap: no such file or directory
    hint: pass the path of an air-gap bundle
    -> 1

    $ kots deploy app --config-values values.yaml --license l.yaml --airgap-bundle .
    Error: airgap bundle `.` is a directory, but a bundle is a file that ends in `.airgap`
    hint: pass the path of an air-gap bundle
    -> 1

    $ kots deploy app --config-values values.yaml --channel-id c --channel-sequence 1 --wait never
    Error: invalid argument "never" for "--wait" flag: must be one of accepted, deployed, ready
    hint: run `kots deploy --help` for its flags
    -> 1

    $ kots deploy app --config-values values.yaml --channel-id c --channel-sequence 1 --timeout 15
    Error: invalid argument "15" for "--timeout" flag: time: missing unit in duration "15"
    hint: run `kots deploy --help` for its flags
    -> 1

    $ kots deploy app --config-values values.yaml --channel-id c --channel-sequence 1 --kotsadm-url http://x --embedded d
    Error: --kotsadm-url and --embedded exclude each other
    hint: pass one of the two
    -> 1

    $ kots deploy app --config-values values.yaml --channel-id c --channel-sequence 1 --kotsadm-url http://x
    Error: the admin console at a URL needs an auth string
    hint: pass --auth-string-file FILE with the whole `Kots …` value, or set KOTSADM_AUTHSTRING
    -> 1

    $ kots deploy app --config-values values.yaml --channel-id c --channel-sequence 1 -n a_b
    Error: failed to get namespace: invalid namespace a_b: a namespace should not contain the _ character
    hint: pass the namespace kotsadm runs in with --namespace
    -> 1

    $ kots deploy app --config-values values.yaml --channel-id c --channel-sequence 1 --kubeconfig missing
    Error: failed to get namespace: failed to load kubeconfig: stat missing: no such file or directory
    hint: pass the namespace kotsadm runs in with --namespace
    -> 1

    $ kots install app
    Error: required flag(s) "license-file" not set
    hint: run `kots install --help` for its flags
    -> 1
    "#);
}

#[test]
fn the_environment() {
    let line = "deploy app --config-values values.yaml";
    let all = [
        check(line, &[("KOTS_CHANNEL_ID", "c"), ("KOTS_CHANNEL_SEQUENCE", "ten")]),
        check("deploy app", &[("KOTS_CONFIG_VALUES", "values.yaml")]),
        check(line, &[("KOTS_AIRGAP_BUNDLE", "app.airgap")]),
        check(
            line,
            &[("KOTS_CHANNEL_ID", "c"), ("KOTS_CHANNEL_SEQUENCE", "1"), ("KOTS_NAMESPACE", "a_b")],
        ),
        check(
            line,
            &[("KOTS_CHANNEL_ID", "c"), ("KOTS_CHANNEL_SEQUENCE", ""), ("KOTS_OUTPUT", "json")],
        ),
    ];
    insta::assert_snapshot!(all.join("\n\n"), @r#"
    $ kots deploy app --config-values values.yaml
    Error: invalid value "ten" of environment variable KOTS_CHANNEL_SEQUENCE: strconv.ParseInt: parsing "ten": invalid syntax
    hint: correct or unset the variable
    -> 1

    $ kots deploy app
    Error: required flag(s) "config-values" not set
    hint: run `kots deploy --help` for its flags
    -> 1

    $ kots deploy app --config-values values.yaml
    Error: license is required in airgap mode
    hint: pass --license FILE
    -> 1

    $ kots deploy app --config-values values.yaml
    Error: failed to get namespace: invalid namespace a_b: a namespace should not contain the _ character
    hint: pass the namespace kotsadm runs in with --namespace
    -> 1

    $ kots deploy app --config-values values.yaml
    {
      "schema": 1,
      "outcome": "rejected",
      "app": "app",
      "target": {
        "channelId": "",
        "channelSequence": "",
        "versionLabel": ""
      },
      "steps": [],
      "error": {
        "what": "either --airgap-bundle OR (--channel-id AND --channel-sequence) must be provided",
        "why": [],
        "next": "online: --channel-id ID --channel-sequence N; air-gapped: --airgap-bundle FILE --license FILE"
      }
    }
    Error: either --airgap-bundle OR (--channel-id AND --channel-sequence) must be provided
    hint: online: --channel-id ID --channel-sequence N; air-gapped: --airgap-bundle FILE --license FILE
    -> 1
    "#);
}

#[test]
fn help_hides_deploy_and_fits_the_name_it_is_called_by() {
    let help = check("--help", &[]);
    assert!(!help.contains("deploy") && help.contains("install"), "{help}");
    let deploy = check("deploy --help", &[]);
    assert!(
        deploy.contains("kots deploy [appSlug] [flags]")
            && deploy.contains("--airgap-bundle string"),
        "{deploy}"
    );
    assert!(!deploy.contains("--kotsadm-tag"), "hidden flags stay hidden: {deploy}");
    let folder = tempfile::tempdir().unwrap();
    let plugin = folder.path().join("kubectl-kots");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_kots"), &plugin).unwrap();
    let output = std::process::Command::new(plugin).args(["deploy", "--help"]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("kubectl kots deploy [appSlug]"));
}
