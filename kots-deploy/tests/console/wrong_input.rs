//! Wrong input a person will give, and the answer they see.

use sample::license::Builder;

use crate::harness::{AIRGAPPED, Console, INSTALL, ONLINE, Ran, airgapped, bundle};
use crate::proxy::Proxy;

/// A refusal: exit 1, nothing sent that changes anything, nothing on stdout but the first bullets.
fn refused(console: &Console, args: &[&str]) -> String {
    let proxy = Proxy::before(console, false);
    let before = console.versions();
    let ran = console.kots_at(&proxy.url(), args);
    ran.assert(1);
    assert_eq!(console.versions(), before);
    show(console, &ran, proxy.address.to_string().as_str())
}

fn show(console: &Console, ran: &Ran, address: &str) -> String {
    let text = ran.whole();
    let text = if address.is_empty() { text } else { text.replace(address, "[proxy]") };
    text.replace(&console.mirror.to_string(), "[mirror]")
        .replace(&console.address.to_string(), "[console]")
        .replace(console.path("").to_str().unwrap_or_default(), "[folder]/")
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table and its answers")]
fn files_that_are_not_what_they_should_be() {
    let console = Console::with_first_version_airgapped();
    let write = |name: &str, text: &str| std::fs::write(console.path(name), text).unwrap();
    let license = |name: &str, builder: Builder| write(name, &builder.yaml());
    license("other-app.yaml", Builder::new().app("other-app"));
    license("expired.yaml", Builder::new().expires_at("2020-01-01T00:00:00Z"));
    license("other-channel.yaml", Builder::new().single_channel("elsewhere", "Elsewhere"));
    license("no-airgap.yaml", Builder::new().airgap(false));
    license("broken.yaml", Builder::new().break_signature());
    license("edited.yaml", Builder::new().tamper(|it| it.customer_name = "Somebody".to_owned()));
    write("not-a-license.yaml", "kind: Nothing\n");
    write("not-a-bundle.airgap", "this is text\n");
    write("not-values.yaml", "apiVersion: v1\nkind: ConfigMap\n");
    write(
        "numbers.yaml",
        "apiVersion: kots.io/v1beta1\nkind: ConfigValues\nspec:\n  values:\n    port:\n      value: 80\n",
    );
    let whole = std::fs::read(console.path("1.1.0.airgap")).unwrap();
    std::fs::write(console.path("cut.airgap"), &whole[..whole.len() / 2]).unwrap();
    let spec = || bundle("1.1.0");
    spec()
        .edit(|it| it.app_slug = "other-app".to_owned())
        .write(&console.path("other-app.airgap"))
        .unwrap();
    let mut unquoted = spec();
    unquoted.airgap_yaml =
        Some("apiVersion: kots.io/v1beta1\nkind: Airgap\nspec:\n  updateCursor: 2\n".to_owned());
    unquoted.write(&console.path("unquoted.airgap")).unwrap();

    let with = |at: usize, value: &'static str| {
        let mut args = AIRGAPPED;
        args[at] = value;
        refused(&console, &args)
    };
    let all = [
        with(3, "missing.airgap"),
        with(3, "state"),
        with(3, "not-a-bundle.airgap"),
        with(3, "cut.airgap"),
        with(3, "other-app.airgap"),
        with(3, "unquoted.airgap"),
        with(5, "missing.yaml"),
        with(5, "not-a-license.yaml"),
        with(5, "other-app.yaml"),
        with(5, "expired.yaml"),
        with(5, "other-channel.yaml"),
        with(5, "no-airgap.yaml"),
        with(5, "broken.yaml"),
        with(5, "edited.yaml"),
        with(7, "missing.yaml"),
        with(7, "not-values.yaml"),
        with(7, "numbers.yaml"),
    ];
    insta::assert_snapshot!(all.join("\n\n"), @r#"
    Error: failed to stat airgap bundle: stat missing.airgap: no such file or directory
    hint: pass the path of an air-gap bundle
    -> 1

    Error: airgap bundle `state` is a directory, but a bundle is a file that ends in `.airgap`
    hint: pass the path of an air-gap bundle
    -> 1

    Error: failed to read airgap bundle: not a gzip stream: it starts with 0x74 0x68, gzip with 0x1f 0x8b
    hint: pass the path of an air-gap bundle: it is a gzip-compressed tar file
    -> 1

    Error: failed to read airgap bundle at or after entry `app.tar.gz`: cut short: the gzip stream ends after 2050 bytes, before its end
    hint: the file is not complete: download or copy the bundle again, and compare its size with the vendor's
    -> 1

    Error: airgap bundle is for app "other-app", not for "sample-app"
    hint: pass the bundle of this application
    -> 1

    Error: failed to decode airgap data: the Airgap document cannot be read: `spec.updateCursor`: invalid type: integer `2`, expected a string
    hint: download the air-gap bundle again; if it is the same, it was packed like that: ask the vendor for another
    -> 1

    Error: failed to read license file: open missing.yaml: no such file or directory
    hint: pass the path of the license the vendor gave you
    -> 1

    Error: license not-a-license.yaml is not valid: the text is not a license: found a document without apiVersion and kind, allowed is `kots.io/v1beta1, Kind=License` or `kots.io/v1beta2, Kind=License`
    hint: download the license from the vendor again and pass it unchanged
    -> 1

    Error: license is for app "other-app", not for "sample-app"
    hint: pass the license of this application, or name the application it is for
    -> 1

    Error: License is expired (since 2020-01-01T00:00:00Z)
    hint: ask the vendor to renew the license
    -> 1

    Error: Requested channel (Stable) not found in license.
    hint: pass a bundle of a channel the license has, or the license that has the channel
    -> 1

    Error: license no-airgap.yaml does not allow air-gapped installations
    hint: ask the vendor for a license that allows air-gapped installations
    -> 1

    Error: license broken.yaml is not valid: the license signature is not valid: the signed data was changed after it was signed
    hint: download the license from the vendor again and pass it unchanged
    -> 1

    Error: license edited.yaml was changed after it was signed: customerName
    hint: download the license from the vendor again and pass it unchanged
    -> 1

    Error: failed to read config values file: open missing.yaml: no such file or directory
    hint: pass the path of a ConfigValues manifest to --config-values
    -> 1

    Error: failed to decode config values file not-values.yaml: found `v1, Kind=ConfigMap`, allowed is `kots.io/v1beta1, Kind=ConfigValues`
    hint: it must be `apiVersion: kots.io/v1beta1`, `kind: ConfigValues` with text values under `spec.values`; `kots get config` prints one
    -> 1

    Error: failed to decode config values file numbers.yaml: the ConfigValues document cannot be read: `spec.values.port.value`: invalid type: integer `80`, expected a string
    hint: it must be `apiVersion: kots.io/v1beta1`, `kind: ConfigValues` with text values under `spec.values`; `kots get config` prints one
    -> 1
    "#);
}

#[test]
fn values_that_the_release_does_not_take() {
    let console = Console::with_first_version();
    let all = [with_values(&console, &ONLINE, NO_NAME), with_values(&console, &ONLINE, NO_HOST)];
    insta::assert_snapshot!(all.join("\n\n"), @"
      • Starting deployment process for sample-app...
      • Syncing license...
      • License already up to date
      • Processing upstream update...
    Error: failed to process upstream update: upstream update failed: failed to validate config values
      config item `hostname` of group `access`: must be a DNS name such as app.example.com
    hint: correct the items in the --config-values file
    -> 1

      • Starting deployment process for sample-app...
      • Syncing license...
      • License already up to date
      • Processing upstream update...
    Error: failed to process upstream update: upstream update failed: The following fields are required: Host name
      config item `hostname` is required and has no value
    hint: give every item it names a value in the --config-values file
    -> 1
    ");
}

/// Replacements in the sample's values: a rule that is broken, a required item that is gone.
const NO_NAME: (&str, &str) = ("value: app.example.com", "value: NOT A NAME");
const NO_HOST: (&str, &str) = ("    hostname:\n      value: app.example.com\n", "");

fn with_values(console: &Console, args: &[&str], (old, new): (&str, &str)) -> String {
    let text = sample::config_values().replace(old, new);
    std::fs::write(console.path("config-values.yaml"), text).unwrap();
    refused(console, args)
}

#[test]
fn values_that_the_release_in_the_bundle_does_not_take() {
    let console = Console::with_first_version_airgapped();
    let both = (
        "    hostname:\n      value: app.example.com\n    admin_email:\n      value: operator@example.com\n",
        "    hostname:\n      value: NOT A NAME\n    worker_enabled: {value: perhaps}\n",
    );
    let all = [
        with_values(&console, &AIRGAPPED, NO_NAME),
        with_values(&console, &AIRGAPPED, NO_HOST),
        with_values(&console, &AIRGAPPED, (both.0, "    hostname:\n      value: NOT A NAME\n")),
        with_values(&console, &AIRGAPPED, ("value: \"1\"", "value: perhaps")),
    ];
    insta::assert_snapshot!(all.join("\n\n"), @"
    Error: config values file config-values.yaml does not fit 1.1.0: config item `hostname` of group `access`: must be a DNS name such as app.example.com
    hint: correct the items in the --config-values file
    -> 1

    Error: config values file config-values.yaml does not fit 1.1.0: config item `hostname` is required and has no value
    hint: correct the items in the --config-values file
    -> 1

    Error: config values file config-values.yaml does not fit 1.1.0:
      config item `hostname` of group `access`: must be a DNS name such as app.example.com
      config item `admin_email` is required and has no value
    hint: correct the items in the --config-values file
    -> 1

    Error: config values file config-values.yaml does not fit 1.1.0: the value of the config item `worker_enabled` is `perhaps`, `0`, `1`, `true` and `false` are allowed
    hint: correct the items in the --config-values file
    -> 1
    ");
}

/// What only the cluster tells is judged by the server, and still before there is a version.
#[test]
fn values_that_only_the_server_can_judge() {
    let console = Console::with_first_version_airgapped();
    let mut spec = bundle("1.1.0");
    for file in &mut spec.files {
        if file.path.ends_with("kots-config.yaml") {
            let text = String::from_utf8(std::mem::take(&mut file.bytes)).unwrap();
            let item = "        - {name: zone, type: text, required: true, when: '{{repl eq Namespace \"default\" }}'}\n";
            let at = "        - name: admin_email\n";
            assert!(text.contains(at));
            file.bytes = text.replace(at, &format!("{item}{at}")).into_bytes();
        }
    }
    spec.write(&console.path("1.1.0.airgap")).unwrap();
    insta::assert_snapshot!(refused(&console, &AIRGAPPED), @"
      • Starting deployment process for sample-app...
      • Syncing license...
      • License already up to date
      • Push images: skipped, the bundle holds no images
      • Processing upstream update...
    Error: failed to process upstream update: upstream update failed: The following fields are required: zone
    hint: give every item it names a value in the --config-values file
    -> 1
    ");
}

#[test]
fn installations_with_values_that_do_not_fit() {
    let console = Console::start();
    console.write_bundles();
    let refused = |args: &[&str]| {
        let ran = console.kots(args);
        ran.assert(1);
        assert_eq!(console.get("/api/v1/apps")["apps"], serde_json::json!([]));
        show(&console, &ran, "")
    };
    let text = sample::config_values().replace(NO_NAME.0, NO_NAME.1);
    std::fs::write(console.path("config-values.yaml"), text).unwrap();
    let airgapped = [&INSTALL[..], &["--airgap-bundle", "1.0.0.airgap"]].concat();
    let all = [refused(&airgapped), refused(&INSTALL)];
    insta::assert_snapshot!(all.join("\n\n"), @"
    Error: config values file config-values.yaml does not fit 1.0.0: config item `hostname` of group `access`: must be a DNS name such as app.example.com
    hint: correct the items in the --config-values file
    -> 1

      • Installing sample-app...
      • Sending the license; kotsadm fetches the release...
    Error: failed to install: failed to validate config values
      config item `hostname` of group `access`: must be a DNS name such as app.example.com
    hint: correct the items in the --config-values file
    -> 1
    ");
}

#[test]
fn a_server_that_says_no() {
    let console = Console::with_first_version();
    let mut unknown = ONLINE;
    unknown[1] = "nobody";
    let mut channel = ONLINE;
    channel[3] = "elsewhere";
    let mut sequence = ONLINE;
    sequence[5] = "99";
    let url = console.url();
    let mut wrong = console.command(&url, &ONLINE);
    wrong.env("KOTSADM_AUTHSTRING", "Kots nonsense");
    let wrong = crate::harness::run(wrong);
    wrong.assert(1);
    let all = [
        refused(&console, &unknown),
        show(&console, &console.kots(&channel), ""),
        show(&console, &console.kots(&sequence), ""),
        show(&console, &wrong, ""),
    ];
    insta::assert_snapshot!(all.join("\n\n"), @r"
      • Starting deployment process for nobody...
    Error: app with slug nobody not found: http://[proxy] has sample-app
    hint: name an installed application, or install it with `kots install`
    -> 1

      • Starting deployment process for sample-app...
      • Syncing license...
      • License already up to date
      • Processing upstream update...
    Error: failed to process upstream update: upstream update failed: Requested channel (elsewhere) not found in license.
    hint: pass a release of a channel the license has
    -> 1

      • Starting deployment process for sample-app...
      • Syncing license...
      • License already up to date
      • Processing upstream update...
    Error: failed to process upstream update: upstream update failed: failed to download upstream update: downloading the release: `[mirror]` has no `/release/sample-app/stable` (404): channel `stable` of `sample-app` has no release 99; it has 1, 2
    hint: correct what it names, then run the same command again
    -> 1

      • Starting deployment process for sample-app...
    Error: failed to read the application: http://[console] did not take the auth string: failed to parse authorization header
      the auth string is not this server's
    hint: check the auth string: it is the whole value of the secret `kotsadm-authstring`, `Kots …`
    -> 1
    ");
}

#[test]
fn an_address_that_is_none_is_refused_before_anything_is_said() {
    let console = Console::start();
    let ran = console.kots_at("ftp://k.example", &ONLINE);
    ran.assert(1);
    insta::assert_snapshot!(ran.whole(), @r"
    Error: kotsadm URL `ftp://k.example` has another scheme than http or https; allowed: http://HOST[:PORT][/PREFIX] or https://…
    hint: pass a URL such as https://kotsadm.example:8800 to --kotsadm-url
    -> 1
    ");
}

#[test]
fn images_are_never_forgotten_silently() {
    let console = Console::with_first_version_airgapped();
    let mut spec = bundle("1.1.0").edit(|it| it.saved_images = vec!["alpine:3.19.1".to_owned()]);
    spec.extra.push(airgap::ReleaseFile {
        path: "images/docker-archive/docker.io/library/alpine/3.19.1".into(),
        bytes: b"an image".to_vec(),
    });
    spec.write(&console.path("images.airgap")).unwrap();
    let mut args = airgapped("images.airgap").to_vec();
    args.extend(["--kotsadm-registry", "registry.example:5000/apps"]);
    insta::assert_snapshot!(refused(&console, &args), @r"
    Error: failed to read image `images/docker-archive/docker.io/library/alpine/3.19.1` in airgap bundle: cut short: the tar ends after 8 bytes, inside a header
    hint: download the air-gap bundle again; if it is the same, it was packed like that: ask the vendor for another
    -> 1
    ");
    args.truncate(AIRGAPPED.len());
    args.push("--disable-image-push");
    console.kots(&args).assert(0);
}
