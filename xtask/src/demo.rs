//! The main job, run as a person would run it: installations of the sample application are carried
//! from 1.0.0 to 1.1.0, online, by air-gap bundle and by the installer. Everything that is said to be
//! proved was read back from the server or the disk, never from the command's own words.

mod installer;
pub(crate) mod site;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use sample::real;

use crate::daemon::Daemon;
use crate::sh;
use site::{Programs, Site};

#[derive(clap::Args, Default)]
pub(crate) struct Args {
    /// Keep the folder of the demo and print where it is.
    #[arg(long)]
    keep: bool,
    /// Use the release build.
    #[arg(long)]
    release: bool,
}

/// Builds the programs and runs every scene.
pub(crate) fn run(args: &Args) -> Result<()> {
    let programs =
        Programs::build(args.release, &["kots-deploy", "upstream-handler", "installer"])?;
    let mut folder = tempfile::Builder::new().prefix("kots-demo-").tempdir()?;
    if args.keep {
        folder.disable_cleanup(true);
        sh::say(&format!("everything of this demo stays in {}", folder.path().display()));
    }
    let mut proofs = Vec::new();

    sh::heading("a mirror serves the sample application by the vendor's protocol");
    let mirror_folder = folder.path().join("mirror");
    sample::mirror::write_sample(&mirror_folder, sample::license())?;
    let data = real::folder();
    if let Some(data) = &data {
        real::write_mirror(data, &mirror_folder)?;
    }
    let mirror = mirror(&programs, &mirror_folder, folder.path())?;

    online(&programs, folder.path(), &mirror, &mut proofs)?;
    airgap(&programs, folder.path(), &mut proofs)?;
    embedded(&programs, folder.path(), &mut proofs)?;
    installer::run(&programs, folder.path(), &mirror, &mut proofs)?;
    if let Some(data) = &data {
        real_online(&programs, folder.path(), &mirror, &mut proofs)?;
        real_airgap(&programs, folder.path(), data, &mut proofs)?;
    } else {
        sh::say(
            "skipped: real releases, because neither KOTS_REAL_DATA nor ../shared/data is a folder",
        );
    }

    sh::heading("proved");
    for proof in &proofs {
        sh::say(&format!("  ✓ {proof}"));
    }
    Ok(())
}

/// Starts `kotsadm mirror` on `folder`.
pub(crate) fn mirror(programs: &Programs, folder: &Path, logs: &Path) -> Result<Daemon> {
    let dir = folder.to_string_lossy();
    let args = ["mirror", "--dir", dir.as_ref(), "--listen", "127.0.0.1:0"];
    Daemon::start(&programs.kotsadm, args, &logs.join("mirror.log"))
}

/// 1.0.0 to 1.1.0 from the vendor's upstream, twice.
fn online(
    programs: &Programs,
    folder: &Path,
    mirror: &Daemon,
    proofs: &mut Vec<String>,
) -> Result<()> {
    sh::heading("online: 1.0.0 to 1.1.0");
    let files = Files::write(&folder.join("online-input"), sample::license())?;
    let site = Site::start(programs, &folder.join("online"), sample::APP_SLUG, Some(mirror))?;
    site.kots("install", &files.online_install("1.0.0"))?;
    site.shows("1.0.0")?;
    let before = site.versions()?;

    let deploy = files.online_deploy(sample::STABLE_ID, 2);
    site.kots("deploy", &deploy)?;
    site.shows("1.1.0")?;
    proofs.push("online: 1.1.0 is deployed and ready, and its manifests are in place".to_owned());
    again(&site, &deploy, proofs, "online")?;
    ensure!(before < site.versions()?, "the update made no version");
    Ok(())
}

/// 1.0.0 to 1.1.0 by bundle, twice.
fn airgap(programs: &Programs, folder: &Path, proofs: &mut Vec<String>) -> Result<()> {
    sh::heading("air gap: 1.0.0 to 1.1.0");
    let input = folder.join("airgap-input");
    let files = Files::write(&input, sample::license())?;
    sample::bundle::write_sample(&input)?;
    let bundle = |version: &str| input.join(format!("{}-{version}.airgap", sample::APP_SLUG));
    let site = Site::start(programs, &folder.join("airgap"), sample::APP_SLUG, None)?;
    site.kots("install", &files.airgap_install(&bundle("1.0.0")))?;
    site.shows("1.0.0")?;

    let deploy = files.airgap_deploy(&bundle("1.1.0"));
    site.kots("deploy", &deploy)?;
    site.shows("1.1.0")?;
    proofs.push("air gap: 1.1.0 is deployed and ready, from the bundle alone".to_owned());
    again(&site, &deploy, proofs, "air gap")?;

    // A bundle cut in the middle is refused before anything is sent.
    let whole = std::fs::read(bundle("1.1.0"))?;
    let cut = input.join("cut.airgap");
    std::fs::write(&cut, whole.get(..whole.len() / 2).unwrap_or_default())?;
    let versions = site.versions()?;
    site.kots_fails("deploy", &files.airgap_deploy(&cut))?;
    ensure!(versions == site.versions()?, "a cut bundle changed something");
    proofs.push(
        "air gap: a bundle cut short is refused with its reason; nothing was changed".to_owned(),
    );
    Ok(())
}

/// The same by one command, without a server beside it.
fn embedded(programs: &Programs, folder: &Path, proofs: &mut Vec<String>) -> Result<()> {
    sh::heading("embedded: no server, no cluster");
    let input = folder.join("airgap-input");
    let files = Files::write(&input, sample::license())?;
    let bundle = |version: &str| input.join(format!("{}-{version}.airgap", sample::APP_SLUG));
    let site = folder.join("embedded");
    let state = folder.join("embedded-journal");
    for (command, args) in [
        ("install", files.airgap_install(&bundle("1.0.0"))),
        ("deploy", files.airgap_deploy(&bundle("1.1.0"))),
    ] {
        let mut kots = programs.kots(command, sample::APP_SLUG, &state);
        sh::run(kots.arg("--embedded").arg(&site).args(args))?;
    }
    site::manifests_show(&site.join("deployed"), "1.1.0")?;
    proofs.push("embedded: the same by `kots deploy --embedded DIR` alone".to_owned());
    Ok(())
}

/// A release of KOTS' own golden cases, from the vendor's upstream.
fn real_online(
    programs: &Programs,
    folder: &Path,
    mirror: &Daemon,
    proofs: &mut Vec<String>,
) -> Result<()> {
    sh::heading("real input, online: KOTS' golden case `simple`");
    let files = Files::write(&folder.join("real-online-input"), &real::online_license().yaml())?;
    std::fs::write(
        &files.values,
        "apiVersion: kots.io/v1beta1\nkind: ConfigValues\nmetadata:\n  name: my-app\nspec:\n  values:\n    hostname:\n      value: my-app.somebigbank.com\n",
    )?;
    let site = Site::start(programs, &folder.join("real-online"), real::ONLINE_SLUG, Some(mirror))?;
    site.kots("install", &files.online_install("0.1.0"))?;
    let deploy = files.online_deploy(real::ONLINE_CHANNEL_ID, 2);
    site.kots("deploy", &deploy)?;
    site.deployed("0.2.0")?;
    proofs.push("real input: KOTS' golden case `simple` is upgraded online".to_owned());
    again(&site, &deploy, proofs, "real input, online")
}

/// embedded-cluster's small bundle.
fn real_airgap(
    programs: &Programs,
    folder: &Path,
    data: &Path,
    proofs: &mut Vec<String>,
) -> Result<()> {
    sh::heading("real input, air gap: embedded-cluster's `tiny-airgap-noimages`");
    let input = folder.join("real-airgap-input");
    let files = Files::write(&input, &real::airgap_license().yaml())?;
    std::fs::write(
        &files.values,
        "apiVersion: kots.io/v1beta1\nkind: ConfigValues\nmetadata:\n  name: tiny\nspec:\n  values:\n    show_text_inputs:\n      value: \"1\"\n    example_default_value:\n      value: set by the demo\n",
    )?;
    let [old, new] = real::write_bundles(data, &input)?;
    let site = Site::start(programs, &folder.join("real-airgap"), real::AIRGAP_SLUG, None)?;
    site.kots("install", &files.airgap_install(&old))?;
    let deploy = files.airgap_deploy(&new);
    site.kots("deploy", &deploy)?;
    site.deployed("0.1.0")?;
    proofs.push("real input: `tiny-airgap-noimages` is upgraded by bundle".to_owned());
    again(&site, &deploy, proofs, "real input, air gap")
}

/// The same command once more: it says so and changes nothing.
fn again(site: &Site<'_>, deploy: &[String], proofs: &mut Vec<String>, name: &str) -> Result<()> {
    let before = site.versions()?;
    site.kots("deploy", deploy)?;
    let after = site.versions()?;
    ensure!(before == after, "running again made {} more versions", after - before);
    proofs
        .push(format!("{name}: running the same command again changed nothing ({after} versions)"));
    Ok(())
}

/// The files one installation is given.
pub(crate) struct Files {
    license: PathBuf,
    values: PathBuf,
}

impl Files {
    pub(crate) fn write(folder: &Path, license: &str) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let files =
            Self { license: folder.join("license.yaml"), values: folder.join("values.yaml") };
        std::fs::write(&files.license, license).context("writing the licence")?;
        std::fs::write(&files.values, sample::config_values()).context("writing the values")?;
        Ok(files)
    }

    fn words(&self, license: Option<&str>, more: &[&str]) -> Vec<String> {
        let license = license.map(|flag| [flag.to_owned(), self.license.display().to_string()]);
        let values = ["--config-values".to_owned(), self.values.display().to_string()];
        let more = more.iter().map(|word| (*word).to_owned());
        license.into_iter().flatten().chain(values).chain(more).collect()
    }

    pub(crate) fn online_install(&self, label: &str) -> Vec<String> {
        self.words(Some("--license-file"), &["--app-version-label", label])
    }

    pub(crate) fn online_deploy(&self, channel: &str, sequence: i64) -> Vec<String> {
        let sequence = sequence.to_string();
        self.words(None, &["--channel-id", channel, "--channel-sequence", &sequence])
    }

    pub(crate) fn airgap_install(&self, bundle: &Path) -> Vec<String> {
        self.words(Some("--license-file"), &["--airgap-bundle", &bundle.to_string_lossy()])
    }

    pub(crate) fn airgap_deploy(&self, bundle: &Path) -> Vec<String> {
        let bundle = bundle.to_string_lossy();
        self.words(Some("--license"), &["--airgap-bundle", &bundle, "--disable-image-push"])
    }
}
