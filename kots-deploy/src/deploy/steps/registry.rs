//! Makes the registry of the images the application's, so that its manifests name the images that are there.
//!
//! The original pushes to what was typed and leaves the settings alone: the manifests go on naming other images. It is
//! not told; only our kotsadm is.

use std::sync::Arc;

use steps::{Check, Done, Failure, Scope, Step, async_trait};

use super::{facts, idempotency_key};
use crate::deploy::state::{Context, failure, not_shown};
use crate::deploy::target::highest;

const WHAT: &str = "failed to set the registry of the application";

#[derive(Default)]
pub(super) struct Registry {
    key: String,
}

#[async_trait]
impl Step<Context> for Registry {
    fn name(&self) -> &'static str {
        "registry"
    }

    fn title(&self) -> &'static str {
        "Set the registry of the application"
    }

    async fn check(
        &mut self,
        context: &mut Context,
        scope: &mut Scope<'_>,
    ) -> Result<Check, Failure> {
        let Some(wanted) = &context.new_registry else {
            return Ok(Check::done("the application uses it already"));
        };
        if !context.client().takes_registry() {
            scope.reporter().warn(format!(
                "this admin console is not told of {}: set it there as the registry of the application, or its manifests name other images",
                wanted.place()
            ));
            return Ok(Check::done("only our kotsadm takes it"));
        }
        let app = context.app(scope).await?;
        self.key = idempotency_key(scope);
        Ok(Check::needed_with(facts(&self.key, highest(&app))))
    }

    async fn run(&mut self, context: &mut Context, scope: &mut Scope<'_>) -> Result<Done, Failure> {
        let Some(wanted) = &context.new_registry else { return Ok(Done::Well) };
        let note = format!("Setting {} as the registry of the application...", wanted.place());
        scope.reporter().note(note);
        let (client, slug) = (context.client(), &context.plan.slug);
        let answer = client.set_registry(slug, wanted, &self.key, scope.reporter()).await;
        answer.map_err(|it| failure(WHAT, &it))?;
        // A version that was there before names other images: what is deployed now is to be seen anew.
        context.settled = None;
        context.sequence = None;
        Ok(Done::Well)
    }

    async fn verify(
        &mut self,
        context: &mut Context,
        scope: &mut Scope<'_>,
    ) -> Result<Done, Failure> {
        let Some(wanted) = &context.new_registry else { return Ok(Done::Well) };
        let plan = Arc::clone(&context.plan);
        let client = context.client();
        let stored = client.registry(&plan.slug, scope.reporter()).await;
        let stored = stored.map_err(|it| failure(WHAT, &it))?;
        if stored.hostname == wanted.hostname && stored.namespace == wanted.namespace {
            scope.reporter().note("Registry set successfully");
            return Ok(Done::Well);
        }
        let why = format!("kotsadm has the registry `{}`, not {}", stored.hostname, wanted.place());
        Err(not_shown(WHAT, why))
    }
}
