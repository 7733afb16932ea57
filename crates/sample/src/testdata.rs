//! `cargo xtask testdata`: the generated part of `testdata`.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use kinds::license::{RootKeys, verify};

use crate::{APP_SLUG, VERSIONS, bundle, keys, license::Builder, mirror, real, release};

/// Arguments of `cargo xtask testdata`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Args {
    /// Write nothing; fail when a committed file is not what would be generated.
    #[arg(long)]
    pub check: bool,
    /// Where bundles and mirror folders go, instead of testdata/build.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// Checks or writes the committed licence; then, unless only checking, writes the bundles and mirror folders.
///
/// # Errors
///
/// Returns an error when a fixture is stale (with `check`), cannot be read, or cannot be written.
pub fn run(args: &Args) -> Result<()> {
    let license = Builder::new().yaml();
    let path = crate::app_folder().join("license.yaml");
    if args.check {
        return check(&path, &license);
    }
    mirror::write(&path, license.as_bytes())?;
    say(&path)?;
    let out = args.out.clone().unwrap_or_else(|| crate::testdata().join("build"));
    write(&out, &license)
}

/// Everything that is generated but not committed.
fn write(out: &Path, license: &str) -> Result<()> {
    bundle::write_sample(out)?;
    for version in VERSIONS {
        say(&out.join(format!("{APP_SLUG}-{version}.airgap")))?;
    }
    let mirrors = out.join("mirror");
    mirror::write_sample(&mirrors, license)?;
    say(&mirrors.join(APP_SLUG))?;
    let Some(data) = real::folder() else {
        return line("skipped the real inputs: no ../shared/data, and KOTS_REAL_DATA is not set");
    };
    for path in real::write_bundles(&data, out)? {
        say(&path)?;
    }
    let path = out.join(format!("{}-license.yaml", real::AIRGAP_SLUG));
    mirror::write(&path, real::airgap_license().yaml().as_bytes())?;
    say(&path)?;
    real::write_mirror(&data, &mirrors)?;
    say(&mirrors.join(real::ONLINE_SLUG))
}

/// Whether the committed fixtures are what would be generated, and hold together.
fn check(path: &Path, license: &str) -> Result<()> {
    let shown = path.display();
    let committed = fs::read_to_string(path).with_context(|| format!("failed to read {shown}"))?;
    if committed != license {
        bail!("{shown} is stale: run `cargo xtask testdata` and commit it");
    }
    let mut roots = RootKeys::none();
    roots.add_pem(keys::root_public_pem())?;
    verify(&committed, &roots).with_context(|| format!("{shown} does not verify"))?;
    for version in VERSIONS {
        release::sample_archive(version)?;
    }
    line("testdata is up to date")
}

fn say(path: &Path) -> Result<()> {
    line(&format!("wrote {}", path.display()))
}

fn line(text: &str) -> Result<()> {
    Ok(writeln!(std::io::stdout(), "{text}")?)
}
