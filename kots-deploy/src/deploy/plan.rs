//! Turns what was asked for into a plan: every file read, every check that needs no server made.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use airgap::{BundleCheck, Index};
use jiff::Timestamp;
use kinds::airgap::Airgap;
use kinds::license::VerifiedLicense;
use registry::{Endpoint, EndpointError};
use sha2::{Digest as _, Sha256};
use steps::RunKey;
use thiserror::Error;

use super::answers;
use super::args::{DeployArgs, ImageArgs, RunArgs};
use super::inputs::{self, InputError, Reading};
use super::run::state_dir;
use super::target::Target;
use super::values::Values;
use crate::reach::Way;
use crate::registry::ImagePush;

/// Why an online run pushes no images.
pub const ONLINE_IMAGES: &str = "an online release's images are pulled from where they are";

/// Why a run with `--disable-image-push` pushes none.
const NO_PUSH: &str = "--disable-image-push was given";
/// Why a run with a bundle of a release alone pushes none.
const NO_IMAGES: &str = "the bundle holds no images";

/// One upgrade, ready to be carried out.
#[derive(Debug)]
pub struct DeployPlan {
    /// The application.
    pub slug: String,
    /// What is to be deployed.
    pub target: Target,
    /// The bundle and its licence; none online.
    pub airgap: Option<AirgapInput>,
    /// The channel and sequence as typed, for the query; both may be empty with a bundle.
    pub query: Vec<(&'static str, String)>,
    /// The config values.
    pub values: Values,
    /// Skip preflights that are not strict.
    pub skip_preflights: bool,
    /// What of a bundle's images is pushed.
    pub images: Images,
    /// How to reach the admin console.
    pub way: Way,
}

/// What becomes of images.
#[derive(Debug, Clone)]
pub enum Images {
    /// None are pushed, for this reason.
    None(String),
    /// They are pushed.
    Push(Box<ImagePush>),
    /// None are pushed: they are said to be in a registry already.
    InPlace {
        /// The registry.
        args: Box<ImageArgs>,
        /// Why none are pushed.
        reason: &'static str,
    },
}

/// What an air-gapped upgrade sends.
#[derive(Debug)]
pub struct AirgapInput {
    /// The bundle.
    pub path: PathBuf,
    /// What was found in it.
    pub check: BundleCheck,
    /// The licence.
    pub license: VerifiedLicense,
}

/// Why a plan cannot be made.
#[derive(Debug, Error)]
pub enum PlanError {
    /// A file cannot be used.
    #[error(transparent)]
    Input(#[from] InputError),
    /// What was typed names no registry.
    #[error("the registry cannot be used")]
    Registry(#[from] EndpointError),
    /// The images of the bundle cannot be pushed together, or not at all.
    #[error("the images of the airgap bundle cannot be pushed:\n{}", .0.join("\n"))]
    Images(Vec<String>),
}

impl PlanError {
    /// Whether it was a signal that ended the reading.
    pub fn is_interrupt(&self) -> bool {
        matches!(self, Self::Input(InputError::Interrupted))
    }

    /// Says what the person can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Input(error) => error.hint(),
            Self::Registry(error) => Some(error.hint()),
            Self::Images(_) => Some(
                "ask the vendor for a bundle that holds every image it lists, each under a name of its own",
            ),
        }
    }
}

/// Makes the plan. Reads the bundle through, which may take a while: `on_progress` can end it.
///
/// # Errors
///
/// The first thing that would make the upgrade fail, cheapest checks first.
pub fn resolve(
    args: &DeployArgs,
    way: Way,
    now: Timestamp,
    on_progress: &mut dyn FnMut(airgap::Progress) -> ControlFlow<()>,
) -> Result<DeployPlan, PlanError> {
    let values = inputs::values(&args.config_values)?;
    let mut query = Vec::new();
    if !args.channel_id.is_empty() {
        query.push(("channelId", args.channel_id.clone()));
    }
    if args.channel_sequence != 0 {
        query.push(("channelSequence", args.channel_sequence.to_string()));
    }
    if args.skip_preflights {
        query.push(("skipPreflights", "true".to_owned()));
    }
    let plan = |values, target, airgap, images| DeployPlan {
        slug: args.slug.clone(),
        target,
        airgap,
        query,
        values,
        skip_preflights: args.skip_preflights,
        images,
        way,
    };
    let (Some(bundle), Some(license_path)) = (&args.airgap_bundle, &args.license) else {
        let target = Target {
            channel_id: args.channel_id.clone(),
            cursor: args.channel_sequence.to_string(),
            ..Target::default()
        };
        return Ok(plan(values, target, None, Images::None(ONLINE_IMAGES.to_owned())));
    };
    let keys = inputs::root_keys(&args.license_root_keys)?;
    let license = inputs::license(license_path, &keys, &args.slug, now)?;
    registry_is_one(&args.images)?;
    let reading = reading(&args.images, &args.run);
    let fits = |it: &Airgap| {
        inputs::fits(it, &license, &args.slug)?;
        fits_flags(args, it)
    };
    let inputs::Read { check, index } =
        inputs::bundle(bundle, &reading, (&license, license_path), &fits, on_progress)?;
    answers::check(&args.config_values, &values, &check, &license, &args.slug, now)
        .map_err(InputError::from)?;
    let images = images(bundle, index, &args.images)?;
    let target = Target {
        channel_id: check.airgap.channel_id.clone(),
        cursor: check.airgap.update_cursor.clone(),
        label: check.airgap.version_label.clone(),
        bundle_sha256: Some(check.sha256.clone()),
        archive_sha256: Some(check.app_sha256.clone()),
    };
    let input = AirgapInput { path: bundle.clone(), check, license };
    Ok(plan(values, target, Some(input), images))
}

/// A bundle says itself which release it is; flags that say otherwise are a mistake somewhere.
fn fits_flags(args: &DeployArgs, airgap: &Airgap) -> Result<(), InputError> {
    let other = |what, flag, found: &str, given: String| {
        Err(InputError::OtherTarget { what, flag, found: found.to_owned(), given })
    };
    if !args.channel_id.is_empty() && args.channel_id != airgap.channel_id {
        return other("channel", "channel-id", &airgap.channel_id, args.channel_id.clone());
    }
    let sequence = args.channel_sequence.to_string();
    if args.channel_sequence != 0 && sequence != airgap.update_cursor {
        return other("sequence", "channel-sequence", &airgap.update_cursor, sequence);
    }
    Ok(())
}

/// How far a bundle has to be read. Indexes of bundles are kept beside the journals.
pub fn reading(images: &ImageArgs, run: &RunArgs) -> Reading {
    if images.disable_push {
        return Reading::Release;
    }
    Reading::Images(state_dir(run).map(|it| it.join("bundles")))
}

/// What becomes of the images of a bundle. What can be seen to be impossible without asking anyone is refused.
///
/// # Errors
///
/// When the registry that was typed cannot be one, or the images cannot be pushed.
pub fn images(
    bundle: &Path,
    index: Option<Arc<Index>>,
    args: &ImageArgs,
) -> Result<Images, PlanError> {
    let Some(index) = index else {
        return in_place(args, NO_PUSH);
    };
    if !registry::holds_images(&index) {
        return in_place(args, NO_IMAGES);
    }
    push_of(bundle, index, args).map(|it| Images::Push(Box::new(it)))
}

/// A registry that is named although nothing is pushed to it has the images.
fn in_place(args: &ImageArgs, reason: &'static str) -> Result<Images, PlanError> {
    if args.registry.is_empty() {
        return Ok(Images::None(reason.to_owned()));
    }
    Endpoint::parse(&args.registry, &args.namespace, args.scheme())?;
    Ok(Images::InPlace { args: Box::new(args.clone()), reason })
}

/// Looks at what was typed of a registry, before a bundle is read for minutes.
///
/// # Errors
///
/// When it cannot be one, or the certificates of its authority cannot be read.
pub fn registry_is_one(args: &ImageArgs) -> Result<(), PlanError> {
    if !args.registry.is_empty() {
        Endpoint::parse(&args.registry, &args.namespace, args.scheme())?;
    }
    args.ca.as_deref().map(inputs::registry_ca).transpose()?;
    Ok(())
}

/// What is pushed of a bundle that holds images.
///
/// # Errors
///
/// As [`images`].
pub fn push_of(bundle: &Path, index: Arc<Index>, args: &ImageArgs) -> Result<ImagePush, PlanError> {
    // Whether the images fit together does not depend on where they go.
    let endpoint = if args.registry.is_empty() {
        Endpoint::parse("registry.invalid", &args.namespace, args.scheme())?
    } else {
        Endpoint::parse(&args.registry, &args.namespace, args.scheme())?
    };
    registry::plan_with_tag(&index, &endpoint, args.kotsadm_tag.as_deref())
        .map_err(PlanError::Images)?;
    let authorities =
        args.ca.as_deref().map(inputs::registry_ca).transpose()?.into_iter().collect();
    Ok(ImagePush { bundle: bundle.to_owned(), index, args: args.clone(), authorities })
}

impl DeployPlan {
    /// What makes two runs the same run.
    pub fn key(&self) -> RunKey {
        let license = self
            .airgap
            .as_ref()
            .map_or_else(String::new, |it| hex::encode(Sha256::digest(it.license.raw.as_bytes())));
        RunKey::new("deploy")
            .field("console", self.way.identity())
            .field("app", &self.slug)
            .field("channel", &self.target.channel_id)
            .field("sequence", &self.target.cursor)
            .field("bundle", self.target.bundle_sha256.clone().unwrap_or_default())
            .field("config", &self.values.sha256)
            .field("license", license)
    }

    /// The name of what is remembered of this application on this console.
    pub fn memory_id(&self) -> String {
        RunKey::new("values").field("console", self.way.identity()).field("app", &self.slug).id()
    }
}
