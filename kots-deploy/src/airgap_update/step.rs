//! The steps of an air-gapped update of an embedded cluster: connect, find the application, images, upload.

use std::sync::Arc;

use steps::{Check, Done, Facts, Failure, Scope, Step, StepKind, async_trait};

use super::UpdateArgs;
use super::part::Part;
use crate::client::call::CallError;
use crate::client::upload::{self, Content, Upload};
use crate::deploy::state::{Context, all_lost, failure};
use crate::deploy::steps::{check::permitted, connect::Connect, idempotency_key, images::Images};
use crate::transport::BoxError;

const WHAT: &str = "failed to upload airgap update";
/// Name of the part and of the file in it.
const NAME: &str = "application.airgap";

/// Every step, in order.
pub(super) fn all(args: &UpdateArgs, part: Arc<Part>) -> Vec<Box<dyn Step<Context>>> {
    let images = if args.from_api { Images::to_browser() } else { Images::default() };
    vec![
        Box::new(Connect { note: format!("Updating {}...", args.slug) }),
        Box::new(FindApp),
        Box::new(images),
        Box::new(SendPart { part, key: String::new() }),
    ]
}

/// Makes sure, before gigabytes are sent, that the admin console will take the update.
struct FindApp;

#[async_trait]
impl Step<Context> for FindApp {
    fn name(&self) -> &'static str {
        "application"
    }

    fn title(&self) -> &'static str {
        "Find the application"
    }

    fn kind(&self) -> StepKind {
        StepKind::ReadOnly
    }

    async fn run(&mut self, context: &mut Context, scope: &mut Scope<'_>) -> Result<Done, Failure> {
        permitted(context, &context.app(scope).await?)?;
        Ok(Done::Well)
    }
}

/// Sends the part of the bundle.
struct SendPart {
    part: Arc<Part>,
    key: String,
}

#[async_trait]
impl Step<Context> for SendPart {
    fn name(&self) -> &'static str {
        "upload"
    }

    fn title(&self) -> &'static str {
        "Upload the update"
    }

    async fn check(&mut self, _: &mut Context, scope: &mut Scope<'_>) -> Result<Check, Failure> {
        self.key = idempotency_key(scope);
        let mut facts = Facts::new();
        facts.insert("key".to_owned(), self.key.clone().into());
        Ok(Check::needed_with(facts))
    }

    async fn run(&mut self, context: &mut Context, scope: &mut Scope<'_>) -> Result<Done, Failure> {
        scope.reporter().note("Uploading airgap update");
        let part = Arc::clone(&self.part);
        let length = tokio::task::spawn_blocking(move || part.length()).await;
        let length = length.unwrap_or_else(|it| std::panic::resume_unwind(it.into_panic()));
        let length = length.map_err(|it: BoxError| {
            Failure::new("rejected", WHAT).because(it.to_string()).nothing_changed()
        })?;
        let part = Arc::clone(&self.part);
        let stream = Content::Stream(length, Arc::new(move || part.open()));
        let parts = vec![upload::Part { name: NAME, filename: Some(NAME), content: stream }];
        let upload = Upload::new(&self.key, parts, scope.reporter().clone());
        let (client, slug) = (context.client(), context.plan.slug.clone());
        // The server puts the same file in the same place, however often it is told to.
        while tokio::time::Instant::now() < context.deadline {
            match client.airgap_update(&slug, &upload, &self.key, scope.reporter()).await {
                Ok(()) => return Ok(Done::Well),
                Err(CallError::Ambiguous { why }) => {
                    scope.reporter().warn(format!("the answer was lost ({why}); sending it again"));
                }
                Err(CallError::Refused(refusal)) if refusal.status == 404 => {
                    return Err(Failure::new("rejected", WHAT)
                        .because("App not found")
                        .next("name an installed application")
                        .nothing_changed());
                }
                Err(error) => return Err(failure(WHAT, &error)),
            }
        }
        Err(all_lost(WHAT))
    }
}
