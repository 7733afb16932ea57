//! Pushes images from the bundle. There is nothing to push when a run comes here: a bundle that holds images is
//! refused before anything is sent, unless they are to stay where they are.

use steps::{Check, Done, Failure, Scope, Step, StepKind, async_trait};

use crate::deploy::state::Context;

/// Pushes images.
pub(crate) struct Images;

#[async_trait]
impl Step<Context> for Images {
    fn name(&self) -> &'static str {
        "images"
    }

    fn title(&self) -> &'static str {
        "Push images"
    }

    fn kind(&self) -> StepKind {
        StepKind::ReadOnly
    }

    async fn check(&mut self, context: &mut Context, _: &mut Scope<'_>) -> Result<Check, Failure> {
        Ok(Check::done(context.plan.no_images.clone()))
    }

    async fn run(&mut self, _: &mut Context, _: &mut Scope<'_>) -> Result<Done, Failure> {
        Ok(Done::Well)
    }
}
