//! `kots airgap-update`: the images of a bundle into a registry, then what an embedded cluster needs of the bundle to the
//! admin console, which offers it as an update.
//!
//! Unlike the original, the part of the bundle that is sent is made while it is sent: it is never in memory or on disk.

mod part;
mod step;

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use kinds::config::ConfigValues;
use steps::RunKey;
use thiserror::Error;
use tokio::time::Instant;
use wire::report::{DeployOutcome, DeployReport};

use crate::deploy::args::{
    ArgsError, ImageArgs, Output, Reach, RunArgs, check_bundle_path, check_slug,
};
use crate::deploy::inputs;
use crate::deploy::plan::{self, DeployPlan, PlanError};
use crate::deploy::run::{Job, carry_out, interrupted, rejected, state_dir};
use crate::deploy::target::Target;
use crate::deploy::values::Values;
use crate::output::Printer;
use crate::output::report::Known;
use crate::reach::{Way, WayError};
use crate::signals::Signals;
use part::Part;

/// `kots airgap-update`, as typed.
#[derive(Debug, Clone)]
pub struct UpdateArgs {
    /// The application.
    pub slug: String,
    /// The bundle.
    pub bundle: PathBuf,
    /// Progress is one line of JSON for a browser each.
    pub from_api: bool,
    /// Where images go.
    pub images: ImageArgs,
    /// How to reach the admin console.
    pub reach: Reach,
    /// When and how to report.
    pub run: RunArgs,
}

impl UpdateArgs {
    /// Checks what needs no file to be read.
    ///
    /// # Errors
    ///
    /// The first thing that cannot be meant.
    pub fn check(&self) -> Result<(), ArgsError> {
        check_slug(&self.slug)?;
        check_bundle_path(&self.bundle)?;
        self.run.check()
    }
}

#[derive(Debug, Error)]
enum Refused {
    #[error(transparent)]
    Way(#[from] WayError),
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The original's words.
    #[error("{0} not found in airgap bundle")]
    Lacks(&'static str),
}

impl Refused {
    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Way(error) => error.hint(),
            Self::Plan(error) => error.hint(),
            Self::Lacks(_) => Some(
                "`kots airgap-update` is for bundles of embedded clusters; others are deployed with `kots deploy`",
            ),
        }
    }
}

/// Updates, prints and returns the document.
pub async fn run(args: UpdateArgs, signals: Signals) -> DeployReport {
    let printer = Printer::new(&args.run);
    let document = update(args, signals, &printer).await;
    if document.outcome == DeployOutcome::Ready {
        printer.bullet("Update has been uploaded");
    }
    printer.finish(&document);
    document
}

async fn update(args: UpdateArgs, signals: Signals, printer: &Printer) -> DeployReport {
    let deadline = Instant::now() + args.run.timeout;
    let known = Known { app: args.slug.clone(), ..Known::default() };
    let (plan, part) = match resolve(args.clone(), &signals, printer).await {
        Ok(resolved) => resolved,
        Err(Refused::Plan(error)) if error.is_interrupt() => return interrupted(known),
        Err(error) => return rejected(known, &error, error.hint()),
    };
    let key = RunKey::new("airgap-update")
        .field("console", plan.way.identity())
        .field("app", &plan.slug)
        .field("bundle", plan.target.bundle_sha256.clone().unwrap_or_default());
    let steps = step::all(&args, Arc::new(part));
    let plan = Arc::new(plan);
    let job = Job { name: "airgap-update", steps, key, plan, args: args.run, deadline };
    carry_out(job, known, signals, printer).await
}

async fn resolve(
    args: UpdateArgs,
    signals: &Signals,
    printer: &Printer,
) -> Result<(DeployPlan, Part), Refused> {
    let way = Way::prepare(&args.reach, &[], &args.images).await?;
    let (signals, progress) = (signals.clone(), printer.progress());
    let task = tokio::task::spawn_blocking(move || {
        plan::registry_is_one(&args.images)?;
        let folder = state_dir(&args.run).map(|it| it.join("bundles"));
        let index = inputs::index(&args.bundle, folder.as_deref(), &mut |it| {
            progress(it.read, it.total);
            if signals.raised() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .map_err(PlanError::from)?;
        let part = Part::of(&args.bundle, Arc::clone(&index)).map_err(Refused::Lacks)?;
        let images = plan::images(&args.bundle, Some(Arc::clone(&index)), &args.images)?;
        let target = Target {
            channel_id: index.airgap.channel_id.clone(),
            cursor: index.airgap.update_cursor.clone(),
            label: index.airgap.version_label.clone(),
            bundle_sha256: Some(index.sha256.hex()),
            archive_sha256: None,
        };
        let values =
            Values { bytes: Vec::new(), parsed: ConfigValues::default(), sha256: String::new() };
        let plan = DeployPlan {
            slug: args.slug,
            target,
            airgap: None,
            query: Vec::new(),
            values,
            skip_preflights: false,
            images,
            way,
        };
        Ok((plan, part))
    });
    match task.await {
        Ok(resolved) => resolved,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// How progress is told when the admin console itself is the caller.
pub(crate) fn report_to_api(run: RunArgs) -> RunArgs {
    RunArgs { output: Output::Jsonl, ..run }
}
