//! `kots airgap-update`.

use super::CliError;
use super::args::{images_to, kotsadm_tag, reach, report_args};
use super::flags::{Typed, UsageError};
use super::settings::Settings;
use crate::airgap_update::{UpdateArgs, report_to_api};
use crate::deploy::args::ImageArgs;

/// The command.
pub(super) const UPDATE: &str = "airgap-update";

pub(super) fn update(settings: &Settings<'_>, typed: &Typed) -> Result<UpdateArgs, CliError> {
    let bundle = settings
        .some_text("airgap-bundle")
        .ok_or(UsageError::Plain("--airgap-bundle is required"))?;
    let (from_api, run) = (settings.switch("from-api"), report_args(settings)?);
    let args = UpdateArgs {
        slug: typed.arguments[0].clone(),
        bundle: bundle.into(),
        from_api,
        images: ImageArgs { kotsadm_tag: kotsadm_tag(settings)?, ..images_to(settings)? },
        reach: reach(settings)?,
        run: if from_api { report_to_api(run) } else { run },
    };
    args.check()?;
    Ok(args)
}
