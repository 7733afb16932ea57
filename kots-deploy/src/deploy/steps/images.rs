//! Pushes the images of the bundle into the registry from which the cluster pulls them.

use std::sync::Arc;

use registry::push::{Observer, Pusher};
use steps::{Check, Done, Failure, Scope, Step, async_trait};

use crate::deploy::args::ImageArgs;
use crate::deploy::plan::{self, DeployPlan};
use crate::deploy::state::Context;
use crate::registry::settings::Chosen;
use crate::registry::{Browser, Bullets, failure, look};

/// Pushes images.
#[derive(Default)]
pub(crate) struct Images {
    /// Tells a browser how far it is, with lines of JSON on stdout.
    to_browser: bool,
    pusher: Option<Pusher>,
}

impl Images {
    /// Pushes images and tells a browser how far it is.
    pub(crate) fn to_browser() -> Self {
        Self { to_browser: true, pusher: None }
    }
}

#[async_trait]
impl Step<Context> for Images {
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
        let plan = Arc::clone(&context.plan);
        let push = match &plan.images {
            plan::Images::None(reason) => return Ok(Check::done(reason.clone())),
            plan::Images::InPlace { args, reason } => {
                let chosen = chosen(&plan, args, context, scope).await?;
                context.new_registry = chosen.new_registry(args.disable_push);
                return Ok(Check::done(*reason));
            }
            plan::Images::Push(push) => push,
        };
        let chosen = chosen(&plan, &push.args, context, scope).await?;
        context.new_registry = chosen.new_registry(false);
        let (reporter, to_browser) = (scope.reporter().clone(), self.to_browser);
        let pusher =
            push.prepare(&chosen, context.state_dir.as_deref(), context.deadline, |plan| {
                let observer: Arc<dyn Observer> = if to_browser {
                    Arc::new(Browser::new(plan.clone(), std::io::stdout(), reporter))
                } else {
                    Arc::new(Bullets::new(plan.clone(), reporter))
                };
                observer
            })?;
        let missing = pusher.missing().await.map_err(|it| failure(&it))?;
        if missing == 0 {
            return Ok(Check::done(format!("{} already in {}", push.count(), chosen.endpoint)));
        }
        context.last.set(format!("{missing} images were missing in {}", chosen.endpoint));
        scope.reporter().note("Pushing airgap images...");
        scope.reporter().note(chosen.from);
        self.pusher = Some(pusher);
        Ok(Check::needed())
    }

    async fn run(&mut self, context: &mut Context, scope: &mut Scope<'_>) -> Result<Done, Failure> {
        let plan = Arc::clone(&context.plan);
        let (plan::Images::Push(push), Some(pusher)) = (&plan.images, self.pusher.take()) else {
            return Ok(Done::Well);
        };
        let done = pusher.push(push.source()).await.map_err(|it| failure(&it))?;
        scope.reporter().note("Images pushed successfully");
        context.last.set(format!("{} images were pushed", done.pushed));
        Ok(Done::Well)
    }
}

async fn chosen(
    plan: &DeployPlan,
    args: &ImageArgs,
    context: &Context,
    scope: &Scope<'_>,
) -> Result<Chosen, Failure> {
    let client = context.client();
    let cluster = look::cluster_of(&plan.way);
    look::decide(args, &plan.slug, Some(&client), cluster, scope.reporter()).await
}
