//! Carries an installation from its arguments to its report.

use std::ops::ControlFlow;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::time::Instant;
use wire::report::DeployReport;

use super::args::InstallArgs;
use super::plan::{self, InstallPlan};
use super::steps;
use crate::deploy::plan::{DeployPlan, PlanError};
use crate::deploy::run::{Job, carry_out, interrupted, rejected};
use crate::deploy::target::Target;
use crate::output::Printer;
use crate::output::report::Known;
use crate::reach::Way;
use crate::signals::Signals;

/// Installs, prints and returns the document.
pub async fn run(args: InstallArgs, signals: Signals) -> DeployReport {
    let printer = Printer::new(&args.run);
    let document = install(args, signals, &printer).await;
    printer.conclude(&document, "Installation completed successfully");
    document
}

async fn install(args: InstallArgs, signals: Signals, printer: &Printer) -> DeployReport {
    let deadline = Instant::now() + args.run.timeout;
    let known = Known { app: args.slug.clone(), ..Known::default() };
    let run_args = args.run.clone();
    let plan = match resolve(args, &signals, printer).await {
        Ok(plan) => Arc::new(plan),
        Err(Refused::Way(error)) => return rejected(known, &error, error.hint()),
        Err(Refused::Plan(error)) if error.is_interrupt() => return interrupted(known),
        Err(Refused::Plan(error)) => return rejected(known, &error, error.hint()),
    };
    let job = Job {
        name: "install",
        steps: steps::all(&plan),
        key: plan.key(),
        plan: Arc::new(common(&plan)),
        args: run_args,
        deadline,
    };
    carry_out(job, known, signals, printer).await
}

enum Refused {
    Way(crate::reach::WayError),
    Plan(PlanError),
}

async fn resolve(
    args: InstallArgs,
    signals: &Signals,
    printer: &Printer,
) -> Result<InstallPlan, Refused> {
    let way = Way::prepare(&args.reach, &args.license_root_keys, &args.images).await;
    let way = way.map_err(Refused::Way)?;
    let (signals, progress) = (signals.clone(), printer.progress());
    let task = tokio::task::spawn_blocking(move || {
        plan::resolve(&args, way, Timestamp::now(), &mut |it| {
            progress(it.read, it.total);
            if signals.raised() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
    });
    match task.await {
        Ok(plan) => plan.map_err(Refused::Plan),
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// What the steps of a deploy need to know of an installation.
fn common(plan: &InstallPlan) -> DeployPlan {
    let it = &plan.common;
    DeployPlan {
        slug: it.slug.clone(),
        target: Target { ..it.target.clone() },
        airgap: None,
        query: Vec::new(),
        values: it.values.clone(),
        skip_preflights: it.skip_preflights,
        images: it.images.clone(),
        way: it.way.clone(),
    }
}
