//! Has the server fetch the release, or sends it the bundle's.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use steps::{Check, Done, Failure, Progress, Reporter, Scope, Step, async_trait};
use tokio::time::sleep;
use wire::update::UpstreamUpdateRequest;

use super::bring::{Bring, bring, field, metadata, release};
use super::check::permitted;
use super::{facts, idempotency_key};
use crate::client::Client;
use crate::client::api::UpdateBody;
use crate::client::call::CallError;
use crate::client::upload::Upload;
use crate::deploy::quiet;
use crate::deploy::state::{Context, not_shown, worded};
use crate::deploy::target::{base, highest, name, versions};

const WHAT: &str = "failed to process upstream update";
/// How often the server is asked what it is doing while it works.
const TASK_EVERY: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(super) struct Update {
    key: String,
}

#[async_trait]
impl Step<Context> for Update {
    fn name(&self) -> &'static str {
        "update"
    }

    fn title(&self) -> &'static str {
        "Fetch the release"
    }

    async fn check(
        &mut self,
        context: &mut Context,
        scope: &mut Scope<'_>,
    ) -> Result<Check, Failure> {
        if let Some(sequence) = context.settled.as_ref().and(context.sequence) {
            return Ok(Check::done(format!(
                "sequence {sequence} already carries {}",
                context.target_name()
            )));
        }
        let app = context.app(scope).await?;
        permitted(context, &app)?;
        if let Some(version) = base(&context.plan.target, &app) {
            let sequence = version.sequence;
            return Ok(Check::done(format!(
                "sequence {sequence} already carries {}",
                context.target_name()
            )));
        }
        self.key = idempotency_key(scope);
        Ok(Check::needed_with(facts(&self.key, highest(&app))))
    }

    async fn run(&mut self, context: &mut Context, scope: &mut Scope<'_>) -> Result<Done, Failure> {
        scope.reporter().note("Processing upstream update...");
        bring(self, context, scope).await?;
        scope.reporter().note("Upstream update processed successfully");
        Ok(Done::Well)
    }

    async fn verify(
        &mut self,
        context: &mut Context,
        scope: &mut Scope<'_>,
    ) -> Result<Done, Failure> {
        let app = context.app(scope).await?;
        context.learn_label(&app);
        permitted(context, &app)?;
        let target = &context.plan.target;
        if base(target, &app).is_some() {
            return Ok(Done::Well);
        }
        let newest = versions(&app).first().map_or_else(
            || "there is no version at all".to_owned(),
            |it| format!("the newest is sequence {} with {}", it.sequence, name(it)),
        );
        Err(not_shown(
            WHAT,
            format!(
                "kotsadm says that it is done, but no version that is there carries {}: {newest}",
                context.target_name()
            ),
        ))
    }
}

#[async_trait]
impl Bring for Update {
    const WHAT: &'static str = WHAT;

    async fn send(&self, context: &Context, scope: &Scope<'_>) -> Result<(), CallError> {
        let (plan, client, reporter) = (&context.plan, context.client(), scope.reporter());
        let pairs: Vec<(&str, &str)> =
            plan.query.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let values = &plan.values.bytes;
        // A version that the values do not fit is of no use, and the original cannot be told.
        let values = client.compares_values().then_some(values.as_slice());
        if let Some(input) = &plan.airgap {
            let mut parts = vec![metadata(input)];
            parts.extend(values.map(|it| field("configValues", it.to_vec())));
            parts.push(release(airgap::APP_ARCHIVE, input));
            let upload = Upload::new(&self.key, parts, reporter.clone());
            let body = UpdateBody::Bundle(&upload);
            return client.update(&plan.slug, &pairs, body, &self.key, reporter).await;
        }
        let request = UpstreamUpdateRequest {
            config_values: values.map(|it| STANDARD.encode(it)).unwrap_or_default(),
        };
        let body = UpdateBody::Online(&request);
        // Tells meanwhile what the server says it is doing.
        tokio::select! {
            answer = client.update(&plan.slug, &pairs, body, &self.key, reporter) => answer,
            () = tell_task(&client, &plan.slug, reporter) => unreachable_end(),
        }
    }

    async fn is_there(&self, context: &Context, scope: &Scope<'_>) -> Result<bool, Failure> {
        let target = &context.plan.target;
        let app = quiet::wait(context, scope, |it| base(target, it).is_some()).await?;
        Ok(base(target, &app).is_some())
    }

    fn refused(&self, error: &CallError) -> Failure {
        worded(WHAT, reason(error), error)
    }
}

/// The telling never ends by itself.
fn unreachable_end() -> Result<(), CallError> {
    Err(CallError::Ambiguous { why: "the task ended".to_owned() })
}

async fn tell_task(client: &Client, slug: &str, reporter: &Reporter) {
    loop {
        sleep(TASK_EVERY).await;
        if let Some(task) = client.glance_task(slug).await
            && !task.current_message.is_empty()
        {
            reporter.progress(&Progress::Text(task.current_message));
        }
    }
}

fn reason(error: &CallError) -> String {
    match error {
        CallError::Refused(refusal) => match &refusal.reason {
            Some(reason) => format!("upstream update failed: {reason}"),
            None => format!("upstream update failed with status code {}", refusal.status),
        },
        other => other.to_string(),
    }
}
