//! Turns what was asked for into a plan: every file read, every check that needs no server made.

use std::ops::ControlFlow;

use jiff::Timestamp;
use kinds::airgap::Airgap;
use kinds::config::ConfigValues;
use kinds::license::VerifiedLicense;
use steps::RunKey;

use super::args::InstallArgs;
use crate::deploy::answers;
use crate::deploy::inputs::{self, InputError};
use crate::deploy::plan::{self, AirgapInput, DeployPlan, Images, ONLINE_IMAGES, PlanError};
use crate::deploy::target::Target;
use crate::deploy::values::Values;
use crate::reach::Way;

/// One installation, ready to be carried out.
#[derive(Debug)]
pub struct InstallPlan {
    /// The licence.
    pub license: VerifiedLicense,
    /// Id or slug of a channel; empty for the licence's default one.
    pub channel: String,
    /// Label of a release; empty for the newest.
    pub version_label: String,
    /// The config values; none when the release's defaults are to do.
    pub values: Option<Values>,
    /// What the steps of a deploy need of it.
    pub common: DeployPlan,
}

/// Makes the plan.
///
/// # Errors
///
/// The first thing that would make the installation fail.
pub fn resolve(
    args: &InstallArgs,
    way: Way,
    now: Timestamp,
    on_progress: &mut dyn FnMut(airgap::Progress) -> ControlFlow<()>,
) -> Result<InstallPlan, PlanError> {
    let values = args.config_values.as_deref().map(inputs::values).transpose()?;
    let keys = inputs::root_keys(&args.license_root_keys)?;
    let license = inputs::license(&args.license, &keys, &args.slug, now)?;
    let mut target = Target { label: args.version_label.clone(), ..Target::default() };
    let mut input = None;
    let mut images = Images::None(ONLINE_IMAGES.to_owned());
    if let Some(path) = &args.airgap_bundle {
        plan::registry_is_one(&args.images)?;
        let reading = plan::reading(&args.images, &args.run);
        let fits = |it: &Airgap| inputs::fits(it, &license, &args.slug);
        let inputs::Read { check, index } =
            inputs::bundle(path, &reading, (&license, &args.license), &fits, on_progress)?;
        if let (Some(path), Some(values)) = (&args.config_values, &values) {
            answers::check(path, values, &check, &license, &args.slug, now)
                .map_err(InputError::from)?;
        }
        images = plan::images(path, index, &args.images)?;
        target = Target {
            channel_id: check.airgap.channel_id.clone(),
            cursor: check.airgap.update_cursor.clone(),
            label: check.airgap.version_label.clone(),
            bundle_sha256: Some(check.sha256.clone()),
            archive_sha256: Some(check.app_sha256.clone()),
        };
        input = Some(AirgapInput { path: path.clone(), check, license: license.clone() });
    }
    let none =
        || Values { bytes: Vec::new(), parsed: ConfigValues::default(), sha256: String::new() };
    let common = DeployPlan {
        slug: args.slug.clone(),
        target,
        airgap: input,
        query: Vec::new(),
        values: values.clone().unwrap_or_else(none),
        skip_preflights: args.skip_preflights,
        images,
        way,
    };
    let (channel, version_label) = (args.channel.clone(), args.version_label.clone());
    Ok(InstallPlan { license, channel, version_label, values, common })
}

impl InstallPlan {
    /// What makes two runs the same run.
    pub fn key(&self) -> RunKey {
        let fields = self.common.key();
        let mut key = RunKey::new("install");
        for (name, value) in &fields.fields()[1..] {
            key = key.field(name, value);
        }
        key.field("channel-name", &self.channel).field("label", &self.version_label)
    }
}
