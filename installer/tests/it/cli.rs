//! What the command line refuses: one sentence, and the exit code.

use std::process::Command;

use sample::license::Builder;
use sqlx::{ConnectOptions as _, Connection as _};

use crate::harness::Site;

/// stderr and the exit code of a command.
fn told(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    format!("{}{}", text, output.status.code().unwrap_or(-1))
}

fn installer(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_installer"));
    command.args(args).env_remove("ENABLE_V3").env_remove("KUBECONFIG");
    command
}

#[test]
fn version_three_is_asked_for_by_its_variable() {
    insta::assert_snapshot!(told(&mut installer(&["upgrade", "--target", "linux"])), @r#"
    Error: unknown command "upgrade" for "installer"
    Run 'installer --help' for usage.
    1
    "#);
    let mut command = installer(&["upgrade"]);
    insta::assert_snapshot!(told(command.env("ENABLE_V3", "1")), @r#"
    Error: required flag(s) "license", "target" not set
    1
    "#);
    let mut command = installer(&["upgrade", "--target", "windows", "--license", "l"]);
    insta::assert_snapshot!(told(command.env("ENABLE_V3", "1")), @r#"
    Error: invalid --target (must be one of: "linux", "kubernetes")
    1
    "#);
}

#[test]
fn what_needs_no_run_is_printed() {
    let version = installer(&["version"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&version.stdout).trim(), env!("CARGO_PKG_VERSION"));
    let states = installer(&["states", "--format", "mermaid", "--airgap"]).output().unwrap();
    let text = String::from_utf8_lossy(&states.stdout).into_owned();
    assert!(text.contains("    AirgapProcessing --> AirgapProcessed\n"), "{text}");
    let document = installer(&["openapi"]).output().unwrap();
    let document: serde_json::Value = serde_json::from_slice(&document.stdout).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
}

/// The last line of stderr of an upgrade, paths left out, and the exit code.
fn upgrade(site: &Site, args: &[&str]) -> String {
    let output = site.command("upgrade", "linux").arg("--headless").args(args).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let text = text.replace(&site.folder.path().display().to_string(), "FOLDER");
    format!("{text}{}", output.status.code().unwrap_or(-1))
}

#[test]
fn a_licence_that_does_not_fit_is_refused() {
    let enabled = || Builder::new().edit(|it| it.is_embedded_cluster_download_enabled = true);
    let with = |license: &Builder| upgrade(&Site::with_license(license), &[]);
    insta::assert_snapshot!(with(&enabled().expires_at("2020-01-01T00:00:00Z")), @r"
    Error: license expired on 2020-01-01T00:00:00Z, please provide a valid license
    1
    ");
    insta::assert_snapshot!(with(&enabled().break_signature()), @r#"
    Error: failed to parse the license file at "FOLDER/license.yaml", please ensure it is not corrupt: the license signature is not valid: the signed data was changed after it was signed
    1
    "#);
    let without = Builder::new().edit(|it| it.is_embedded_cluster_download_enabled = false);
    insta::assert_snapshot!(with(&without), @r"
    Error: license does not have embedded cluster enabled, please provide a valid license
    1
    ");
}

#[test]
fn another_applications_licence_and_another_releases_bundle_are_refused() {
    let site = Site::installed_airgapped();
    let bundle = site.path("1.1.0.airgap").display().to_string();
    let folder = site.path("newer");
    std::fs::create_dir_all(&folder).unwrap();
    let told = format!(
        "channelID: {}\nchannelSlug: stable\nchannelSequence: 2\nappSlug: {}\nversionLabel: 1.2.0\n",
        sample::STABLE_ID,
        sample::APP_SLUG
    );
    std::fs::write(folder.join("release.yaml"), told).unwrap();
    let newer = folder.display().to_string();
    insta::assert_snapshot!(upgrade(&site, &["--release", &newer, "--airgap-bundle", &bundle]), @r"
    Error: airgap bundle version 1.1.0 does not match binary version 1.2.0, please provide the correct bundle
    1
    ");
    let other = Builder::new().app("other-app").yaml();
    std::fs::write(site.path("license.yaml"), other).unwrap();
    insta::assert_snapshot!(upgrade(&site, &["--airgap-bundle", &bundle]), @r"
    Error: license app other-app does not match binary app sample-app, please provide the correct license
    1
    ");
}

#[test]
fn a_bundle_that_does_not_fit_is_refused() {
    let site = Site::installed_airgapped();
    let bundle = |version: &str| site.path(&format!("{version}.airgap")).display().to_string();
    let other = sample::bundle::BundleSpec::sample("1.1.0").unwrap();
    other
        .edit(|it| "elsewhere".clone_into(&mut it.channel_id))
        .write(&site.path("other.airgap"))
        .unwrap();
    insta::assert_snapshot!(upgrade(&site, &["--airgap-bundle", &bundle("other")]), @r"
    Error: binary channel elsewhere (Stable) not present in license, channels allowed by license are: 2fVbTqW8hL0dYkXcRzM4uJpS1aN (stable), 2fVbTuE5gC7nQwHxLmB9oKiZ3rD (beta)
    1
    ");
    let required = kinds::airgap::RequiredRelease {
        version_label: "1.0.5".to_owned(),
        update_cursor: "2".to_owned(),
        ..Default::default()
    };
    let skipping = sample::bundle::BundleSpec::sample("1.1.0").unwrap();
    skipping
        .edit(|it| {
            "3".clone_into(&mut it.update_cursor);
            it.required_releases = vec![required];
        })
        .write(&site.path("skipping.airgap"))
        .unwrap();
    insta::assert_snapshot!(upgrade(&site, &["--airgap-bundle", &bundle("skipping")]), @r"
    Error: this upgrade requires installing intermediate version(s) first: 1.0.5. Please go through this upgrade path before upgrading to 1.1.0
    1
    ");
    let whole = std::fs::read(site.path("1.1.0.airgap")).unwrap();
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 0xff;
    let others: [(&str, &[u8], &str); 4] = [
        ("torn", b"no bundle", "; name the .airgap file of the release by --airgap-bundle\n1"),
        ("empty", b"", "; it did not arrive: copy or download it again\n1"),
        ("cut", &whole[..1500], "; it did not arrive whole: copy or download it again\n1"),
        ("damaged", &damaged, "; it is damaged: copy or download it again\n1"),
    ];
    for (name, bytes, next) in others {
        std::fs::write(site.path(&format!("{name}.airgap")), bytes).unwrap();
        let told = upgrade(&site, &["--airgap-bundle", &bundle(name)]);
        let begins = format!("Error: the airgap bundle FOLDER/{name}.airgap cannot be used: ");
        assert!(told.starts_with(&begins) && told.ends_with(next), "{told}");
    }
}

#[test]
fn an_older_version_and_one_that_is_not_there_are_refused() {
    let site = Site::installed();
    let output = site.headless("upgrade", "linux", &[]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    insta::assert_snapshot!(upgrade(&site, &["--channel-sequence", "1"]), @r"
    Error: downgrade detected: cannot upgrade from app version 1.1.0 to older version 1.0.0
    1
    ");
    insta::assert_snapshot!(upgrade(&Site::empty(), &[]), @r"
    Error: failed to get the current app version: exit status: 1: Error: app with slug sample-app not found
    1
    ");
}

#[test]
fn what_cannot_be_opened_is_named() {
    let site = Site::installed();
    std::fs::write(site.path("file"), "").unwrap();
    let data = site.path("file").display().to_string();
    let text = upgrade(&site, &["--data-dir", &data]);
    assert!(
        text.contains("could not open the data directory FOLDER/file: it is not a folder"),
        "{text}"
    );
    let text = upgrade(&site, &["--kots-binary", "/nowhere/kots"]);
    assert!(text.ends_with("Error: the kots program /nowhere/kots is not there\n1"), "{text}");

    let taken = std::net::TcpListener::bind("[::]:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = site.command("upgrade", "linux").args(["--manager-port", &port]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text.starts_with(&format!(
            "Error: could not listen on port {port} (another one: --manager-port): "
        )),
        "{text}"
    );
}

#[test]
fn one_installer_works_on_a_data_directory() {
    let site = Site::installed();
    let mut manager = site.start("upgrade", "linux").login();
    let text = upgrade(&site, &[]);
    assert_eq!(text, "Error: the data directory FOLDER/data is in use by another installer\n1");
    manager.terminate();
    assert_eq!(manager.wait_end(), Some(4));
    let mut status = installer(&["status", "--data-dir"]);
    let output = status.arg(site.path("data")).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("upgrade sample-app") && text.contains("state: New"), "{text}");
}

#[test]
fn a_look_at_a_run_changes_nothing() {
    let site = Site::installed();
    let data = site.path("data");
    let status = || {
        let text = told(installer(&["status", "--data-dir"]).arg(&data));
        text.replace(&site.folder.path().display().to_string(), "FOLDER")
    };
    let absent = "Error: there is no run in FOLDER/data: name the data directory that the run was given, else /var/lib/SLUG/installer\n1";
    assert_eq!(status(), absent);
    assert!(!data.exists(), "a look made the folder");
    std::fs::create_dir(&data).unwrap();
    assert_eq!(status(), absent);
    assert_eq!(std::fs::read_dir(&data).unwrap().count(), 0, "a look made a file");

    let mut manager = site.start("upgrade", "linux").login();
    let before = std::fs::read(data.join("installer.db-wal")).unwrap();
    assert_eq!(status(), "0");
    manager.kill();
    assert_eq!(status(), "0");
    assert_eq!(std::fs::read(data.join("installer.db-wal")).unwrap(), before);

    let mut manager = site.start("upgrade", "linux").login();
    manager.terminate();
    manager.wait_end();
    // As `--embedded` has it.
    std::fs::create_dir(site.path("embedded")).unwrap();
    std::os::unix::fs::symlink(&data, site.path("embedded/installer")).unwrap();
    let told_of = told(installer(&["status", "--embedded"]).arg(site.path("embedded")));
    assert_eq!(told_of, "0");
    let path = data.join("installer.db");
    let schema = |statement: &str| {
        let folder = path.clone();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let mut connection =
                sqlx::sqlite::SqliteConnectOptions::new().filename(folder).connect().await.unwrap();
            sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        });
    };
    let whole = std::fs::read(&path).unwrap();
    assert_eq!(status(), "0");
    schema(
        "INSERT INTO _sqlx_migrations SELECT 7, 'later', installed_on, success, checksum, execution_time FROM _sqlx_migrations",
    );
    let newer = std::fs::read(&path).unwrap();
    assert_eq!(
        status(),
        "Error: the database FOLDER/data/installer.db was written by another version of this program: its schema is 7, this one's is 1; ask that version\n1"
    );
    assert_eq!(std::fs::read(&path).unwrap(), newer);
    std::fs::write(&path, &whole).unwrap();
    schema("DELETE FROM _sqlx_migrations");
    assert_eq!(
        status(),
        "Error: the database FOLDER/data/installer.db was written by another version of this program: its schema is 0, this one's is 1; ask that version, or run its command again with this one, which takes it over\n1"
    );
    std::fs::write(&path, "no database").unwrap();
    let torn = status();
    assert!(
        torn.starts_with("Error: could not read the database FOLDER/data/installer.db: "),
        "{torn}"
    );
}
