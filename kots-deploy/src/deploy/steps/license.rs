//! Brings the licence on the server up to date. Sent twice it makes one version, so a lost answer is no worry.

use steps::{Check, Done, Failure, Scope, Step, async_trait};
use wire::license::LicenseReply;

use super::{facts, idempotency_key};
use crate::client::call::CallError;
use crate::deploy::quiet;
use crate::deploy::state::{Context, all_lost, not_shown, worded};
use crate::deploy::target::highest;

const WHAT: &str = "failed to sync license";

#[derive(Default)]
pub(super) struct License {
    key: String,
}

#[async_trait]
impl Step<Context> for License {
    fn name(&self) -> &'static str {
        "license"
    }

    fn title(&self) -> &'static str {
        "Sync the license"
    }

    async fn check(
        &mut self,
        context: &mut Context,
        scope: &mut Scope<'_>,
    ) -> Result<Check, Failure> {
        if let Some(sequence) = context.settled.as_ref().and(context.sequence) {
            return Ok(Check::done(format!("sequence {sequence} already has it")));
        }
        let app = context.app(scope).await?;
        self.key = idempotency_key(scope);
        Ok(Check::needed_with(facts(&self.key, highest(&app))))
    }

    async fn run(&mut self, context: &mut Context, scope: &mut Scope<'_>) -> Result<Done, Failure> {
        scope.reporter().note("Syncing license...");
        let plan = context.plan.clone();
        let text = plan.airgap.as_ref().map_or("", |it| it.license.raw.as_str());
        let reply = loop {
            let client = context.client();
            match client.sync_license(&plan.slug, text, &self.key, scope.reporter()).await {
                Ok(reply) => break reply,
                Err(CallError::Ambiguous { .. }) => {
                    quiet::wait(context, scope, |_| false).await?;
                }
                Err(error) => return Err(worded(WHAT, reason(&error), &error)),
            }
            if tokio::time::Instant::now() >= context.deadline {
                return Err(all_lost(WHAT));
            }
        };
        let line = match reply.synced {
            Some(true) => "License synced successfully",
            _ => "License already up to date",
        };
        is_this(context, &reply)?;
        scope.reporter().note(line);
        Ok(Done::Well)
    }
}

/// Compares the server's licence with the one that was sent.
fn is_this(context: &Context, reply: &LicenseReply) -> Result<(), Failure> {
    let (Some(input), Some(theirs)) = (&context.plan.airgap, &reply.license) else { return Ok(()) };
    let given = &input.license.license;
    if theirs.license_sequence == given.license_sequence {
        return Ok(());
    }
    Err(not_shown(
        WHAT,
        format!(
            "kotsadm has license sequence {} after sequence {} was sent",
            theirs.license_sequence, given.license_sequence
        ),
    ))
}

fn reason(error: &CallError) -> String {
    match error {
        CallError::Refused(refusal) => match &refusal.reason {
            Some(reason) => format!("license sync failed: {reason}"),
            None => format!("license sync failed with status code {}", refusal.status),
        },
        other => other.to_string(),
    }
}
