//! `kots admin-console push-images`.

use super::CliError;
use super::args::{cluster, kotsadm_tag, registry_push, report_args};
use super::flags::Typed;
use super::settings::Settings;
use crate::deploy::args::ImageArgs;
use crate::push_images::PushArgs;
use crate::tunnel::Road;

/// The group.
pub(super) const GROUP: &str = "admin-console";
/// The command.
pub(super) const PUSH: &str = "admin-console push-images";

pub(super) fn push(settings: &Settings<'_>, typed: &Typed) -> Result<PushArgs, CliError> {
    let registry = typed.arguments[1].clone();
    let args = PushArgs {
        bundle: typed.arguments[0].clone().into(),
        images: ImageArgs {
            registry,
            kotsadm_tag: kotsadm_tag(settings)?,
            ..registry_push(settings)?
        },
        cluster: cluster(settings, Road::Auto),
        run: report_args(settings)?,
    };
    args.check()?;
    Ok(args)
}
