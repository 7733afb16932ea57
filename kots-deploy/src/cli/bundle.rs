//! `kots airgap …`: the commands of the group, their flags and arguments.

use std::path::PathBuf;

use airgap::make::Layout;

use super::args::registry_access;
use super::flags::{Flag, Typed, UsageError};
use super::settings::Settings;
use super::{CliError, table};
use crate::bundle::args::{BundleArgs, BundleCommand, ImagesFrom};
use crate::deploy::args::{ImageArgs, Output, ProgressStyle};

/// The first word.
pub(super) const GROUP: &str = "airgap";
/// The commands. The group alone shows its help.
pub(super) const COMMANDS: [&str; 5] =
    [GROUP, "airgap inspect", "airgap verify", "airgap create", "airgap diff"];

pub(super) fn arguments(name: &str) -> &'static [&'static str] {
    match name {
        "airgap inspect" | "airgap verify" => &["bundle"],
        "airgap diff" => &["old", "new"],
        _ => &[],
    }
}

pub(super) fn flags(name: &str) -> &'static [&'static [Flag]] {
    match name {
        "airgap inspect" => &[&table::AIRGAP, &table::AIRGAP_INSPECT],
        "airgap create" => &[&table::AIRGAP, &table::AIRGAP_CREATE, &table::REGISTRY_ACCESS],
        "airgap diff" => &[&table::AIRGAP, &table::AIRGAP_DIFF],
        _ => &[&table::AIRGAP],
    }
}

pub(super) fn read(
    name: &str,
    settings: &Settings<'_>,
    typed: &Typed,
) -> Result<BundleArgs, CliError> {
    let path = |at: usize| PathBuf::from(&typed.arguments[at]);
    let command = match name {
        "airgap inspect" => BundleCommand::Inspect {
            bundle: path(0),
            state_dir: settings.some_text("state-dir").map(PathBuf::from),
        },
        "airgap verify" => BundleCommand::Verify { bundle: path(0) },
        "airgap create" => {
            required(settings, &["airgap-yaml", "release", "out"])?;
            BundleCommand::Create {
                airgap_yaml: settings.text("airgap-yaml").into(),
                release: settings.text("release").into(),
                images: images(settings, typed)?,
                layout: settings
                    .word("format", &[("docker", Layout::Storage), ("oci", Layout::Oci)])?,
                out: settings.text("out").into(),
            }
        }
        "airgap diff" => {
            required(settings, &["out"])?;
            BundleCommand::Diff { old: path(0), new: path(1), out: settings.text("out").into() }
        }
        _ => return Err(UsageError::RequiredCommand(GROUP.to_owned()).into()),
    };
    Ok(BundleArgs {
        command,
        output: settings.word("output", &[("text", Output::Text), ("json", Output::Json)])?,
        progress: settings.word(
            "progress",
            &[
                ("auto", ProgressStyle::Auto),
                ("plain", ProgressStyle::Plain),
                ("none", ProgressStyle::None),
            ],
        )?,
    })
}

fn images(settings: &Settings<'_>, typed: &Typed) -> Result<ImagesFrom, CliError> {
    let given = |flags: &[&str]| flags.iter().any(|it| typed.given(it));
    let wrong = |text| Err(UsageError::Plain(text).into());
    let folder = settings.some_text("images").map(PathBuf::from);
    if !settings.switch("pull") {
        return match folder {
            _ if given(&["kotsadm-registry", "kotsadm-namespace"]) => {
                wrong("--kotsadm-registry is where images are read from with --pull")
            }
            Some(folder) => Ok(ImagesFrom::Folder(folder)),
            None => Ok(ImagesFrom::Nowhere),
        };
    }
    if folder.is_some() {
        return wrong("images come from --images or with --pull, not from both");
    }
    let access = registry_access(settings);
    let args = ImageArgs {
        registry: settings.text("kotsadm-registry"),
        namespace: settings.text("kotsadm-namespace"),
        ..access
    };
    if !args.registry.is_empty() {
        return Ok(ImagesFrom::Registry(Box::new(args)));
    }
    // A login is for one registry, and the images' names may have many.
    if given(&["kotsadm-namespace", "registry-username", "registry-password"]) {
        return wrong(
            "--kotsadm-namespace, --registry-username and --registry-password belong to --kotsadm-registry",
        );
    }
    let access = ImageArgs { username: String::new(), password: String::new().into(), ..args };
    Ok(ImagesFrom::Registry(Box::new(access)))
}

/// In cobra's words, all at once.
fn required(settings: &Settings<'_>, names: &[&str]) -> Result<(), CliError> {
    let missing: Vec<_> = names
        .iter()
        .filter(|it| settings.some_text(it).is_none())
        .map(|it| format!("\"{it}\""))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(UsageError::RequiredFlags(missing.join(", ")).into())
}
