//! `kots admin-console push-images`: the images of a bundle into a registry, and nothing else.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use registry::push::Pusher;
use steps::{Check, Done, Failure, Run, RunKey, Scope, Step, Stop, async_trait};
use tokio::time::Instant;
use wire::report::{DeployReport, DeployTarget};

use crate::cluster::{Cluster, Surroundings};
use crate::deploy::args::{ArgsError, ClusterArgs, ImageArgs, RunArgs, check_bundle_path};
use crate::deploy::inputs;
use crate::deploy::plan::{PlanError, push_of, registry_is_one};
use crate::deploy::run::{interrupted, open_journal, rejected, state_dir, unjournalled};
use crate::output::Printer;
use crate::output::report::{Known, document};
use crate::registry::{Bullets, ImagePush, failure, look};
use crate::signals::Signals;

/// `kots admin-console push-images`, as typed.
#[derive(Debug, Clone)]
pub struct PushArgs {
    /// The bundle.
    pub bundle: PathBuf,
    /// Where to, and how.
    pub images: ImageArgs,
    /// A cluster that may know credentials.
    pub cluster: ClusterArgs,
    /// When and how to report.
    pub run: RunArgs,
}

impl PushArgs {
    /// Checks what needs no file to be read.
    ///
    /// # Errors
    ///
    /// The first thing that cannot be meant.
    pub fn check(&self) -> Result<(), ArgsError> {
        check_bundle_path(&self.bundle)?;
        self.run.check()
    }
}

/// Pushes, prints and returns the document.
pub async fn run(args: PushArgs, signals: Signals) -> DeployReport {
    let printer = Printer::new(&args.run);
    let document = push(args, signals, &printer).await;
    printer.finish(&document);
    document
}

async fn push(args: PushArgs, signals: Signals, printer: &Printer) -> DeployReport {
    let deadline = Instant::now() + args.run.timeout;
    let plan = match resolve(args.clone(), &signals, printer).await {
        Ok(plan) => plan,
        Err(error) if error.is_interrupt() => return interrupted(Known::default()),
        Err(error) => return rejected(Known::default(), &error, error.hint()),
    };
    let airgap = &plan.index.airgap;
    let known = Known {
        app: airgap.app_slug.clone(),
        target: DeployTarget {
            channel_id: airgap.channel_id.clone(),
            channel_sequence: airgap.update_cursor.clone(),
            version_label: airgap.version_label.clone(),
            ..DeployTarget::default()
        },
        ..Known::default()
    };
    let key = RunKey::new("push-images")
        .field("bundle", plan.index.sha256.hex())
        .field("registry", &args.images.registry);
    let journal = match open_journal(&args.run, &key) {
        Ok((_, journal)) => journal,
        Err(failure) => return unjournalled(known, failure),
    };
    // Only asked for credentials: without a cluster there are none in it.
    let flags = &args.cluster.flags;
    let namespace = Some(args.cluster.namespace.as_str()).filter(|it| !it.is_empty());
    let cluster = if args.images.username.is_empty() {
        Cluster::open(flags, namespace, &Surroundings::from_process()).await.ok()
    } else {
        None
    };
    let state_dir = state_dir(&args.run);
    let mut context = Context { plan, cluster, state_dir, deadline };
    let (lines, events) = printer.sinks();
    let mut run = Run::declare("push-images", vec![Box::new(Push::default())])
        .expect("one step has one name")
        .with_sink(lines);
    if let Some(events) = events {
        run = run.with_sink(events);
    }
    if let Some(journal) = journal {
        run = run.with_journal(journal);
    }
    let stop = Stop::never().after(args.run.timeout).on(signals.wait());
    document(&run.run(&mut context, stop).await, known)
}

async fn resolve(
    args: PushArgs,
    signals: &Signals,
    printer: &Printer,
) -> Result<ImagePush, PlanError> {
    let (signals, progress) = (signals.clone(), printer.progress());
    let task = tokio::task::spawn_blocking(move || {
        registry_is_one(&args.images)?;
        let folder = state_dir(&args.run).map(|it| it.join("bundles"));
        let index = inputs::index(&args.bundle, folder.as_deref(), &mut |it| {
            progress(it.read, it.total);
            if signals.raised() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        push_of(&args.bundle, index, &args.images)
    });
    match task.await {
        Ok(plan) => plan,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

struct Context {
    plan: ImagePush,
    cluster: Option<Cluster>,
    state_dir: Option<PathBuf>,
    deadline: Instant,
}

#[derive(Default)]
struct Push {
    pusher: Option<Pusher>,
}

#[async_trait]
impl Step<Context> for Push {
    fn name(&self) -> &'static str {
        "images"
    }

    fn title(&self) -> &'static str {
        "Push images"
    }

    async fn check(
        &mut self,
        context: &mut Context,
        scope: &mut Scope<'_>,
    ) -> Result<Check, Failure> {
        let plan = &context.plan;
        if !registry::holds_images(&plan.index) {
            return Ok(Check::done("the bundle holds no images"));
        }
        let slug = &plan.index.airgap.app_slug;
        let (reporter, cluster) = (scope.reporter().clone(), context.cluster.as_ref());
        let chosen = look::decide(&plan.args, slug, None, cluster, &reporter).await?;
        let state_dir = context.state_dir.as_deref();
        let pusher = plan.prepare(&chosen, state_dir, context.deadline, |plan| {
            Arc::new(Bullets::new(plan.clone(), reporter))
        })?;
        if pusher.missing().await.map_err(|it| failure(&it))? == 0 {
            return Ok(Check::done(format!("{} already in {}", plan.count(), chosen.endpoint)));
        }
        scope.reporter().note("Pushing airgap images...");
        scope.reporter().note(chosen.from);
        self.pusher = Some(pusher);
        Ok(Check::needed())
    }

    async fn run(&mut self, context: &mut Context, scope: &mut Scope<'_>) -> Result<Done, Failure> {
        let Some(pusher) = self.pusher.take() else { return Ok(Done::Well) };
        pusher.push(context.plan.source()).await.map_err(|it| failure(&it))?;
        scope.reporter().note("Images pushed successfully");
        Ok(Done::Well)
    }
}
