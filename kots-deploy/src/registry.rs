//! Where the images of a bundle go, and getting them there.
//!
//! Which registry it is, is decided in [`settings`] from what was typed and from what [`look`] finds in the admin
//! console, in the cluster and on this machine. The push itself is the crate `registry`'s.

pub mod logins;
pub mod look;
pub mod settings;
mod tell;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use airgap::Index;
use registry::push::{Kind, Options, Plan, PushError, Pusher};
use registry::{BundleSource, Client, Scheme, Tls};
use steps::Failure;
use tokio::time::Instant;

use crate::deploy::args::ImageArgs;
use crate::output::counted;
use settings::Chosen;
pub use tell::{Browser, Bullets};

/// What is to be pushed, as far as it is known before anything is asked.
#[derive(Debug, Clone)]
pub struct ImagePush {
    /// The bundle.
    pub bundle: PathBuf,
    /// What is in it.
    pub index: Arc<Index>,
    /// What was typed.
    pub args: ImageArgs,
    /// The certificates of `--registry-ca`.
    pub authorities: Vec<Vec<u8>>,
}

impl ImagePush {
    /// How the registry is spoken to.
    pub fn scheme(&self) -> Scheme {
        self.args.scheme()
    }

    /// Prepares the push into what was chosen.
    ///
    /// # Errors
    ///
    /// A failure that says what of the bundle cannot be pushed, or why there is no client.
    pub fn prepare(
        &self,
        chosen: &Chosen,
        state_dir: Option<&Path>,
        deadline: Instant,
        observer: impl FnOnce(&Plan) -> Arc<dyn registry::push::Observer>,
    ) -> Result<Pusher, Failure> {
        let tag = self.args.kotsadm_tag.as_deref();
        let plan = registry::plan_with_tag(&self.index, &chosen.endpoint, tag)
            .map_err(|it| impossible(&it))?;
        let tls = Tls {
            authorities: self.authorities.clone(),
            accept_any: self.args.insecure_skip_tls_verify,
        };
        let credentials = chosen.credentials.clone();
        let client =
            Client::new(&chosen.endpoint, self.scheme(), &tls, credentials).map_err(|it| {
                Failure::from_error("rejected", &it)
                    .next("pass the path of a PEM file with certificates to --registry-ca")
                    .nothing_changed()
            })?;
        let mut options = Options {
            parallelism: self.args.parallelism,
            deadline: Some(deadline),
            ..Options::default()
        };
        if let Some(folder) = state_dir.map(|it| it.join("uploads")) {
            options = options.remembering(&folder, self.index.sha256, &chosen.endpoint);
        }
        let observer = observer(&plan);
        Pusher::new(client, plan, options, observer).map_err(|it| failure(&it))
    }

    /// The bytes of the bundle.
    pub fn source(&self) -> Arc<BundleSource> {
        Arc::new(BundleSource::new(self.bundle.clone(), Arc::clone(&self.index)))
    }

    /// How many images and artifacts there are, in words.
    pub fn count(&self) -> String {
        let images = counted(self.index.images.len(), "image");
        match self.index.artifacts.len() {
            0 => images,
            artifacts => format!("{images} and {}", counted(artifacts, "artifact")),
        }
    }
}

/// Images that cannot be pushed, all of them.
pub fn impossible(wrong: &[String]) -> Failure {
    let mut failure = Failure::new("rejected", "the images of the airgap bundle cannot be pushed");
    failure.why = wrong.to_vec();
    failure.next("ask the vendor for a bundle that holds every image it lists, each under a name of its own").nothing_changed()
}

/// A push that did not bring everything there, as a step's failure. Every image that is missing is named.
pub fn failure(error: &PushError) -> Failure {
    let kind = match error {
        PushError::Access(fault) if !fault.passes() => "rejected",
        PushError::Running { .. } | PushError::Memory { .. } => "rejected",
        _ => "failed",
    };
    let mut failure = Failure::new(kind, "failed to push airgap images");
    failure.why.push(error.to_string());
    match error {
        PushError::Images { failed, .. } => {
            failure
                .why
                .extend(failed.iter().map(|it| format!("{}: {}", it.destination, it.reason)));
        }
        other => {
            let causes = std::iter::successors(std::error::Error::source(other), |it| it.source());
            failure.why.extend(causes.map(ToString::to_string));
        }
    }
    let failure = failure.next(error.hint());
    if matches!(error, PushError::Images { .. } | PushError::Source(_)) {
        failure
    } else {
        failure.nothing_changed()
    }
}

/// How many of the plan's images are of a kind.
fn count(plan: &Plan, application: bool) -> usize {
    plan.images().iter().filter(|it| (it.kind == Kind::Application) == application).count()
}
