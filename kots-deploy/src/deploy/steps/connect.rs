//! Reaches the admin console.

use std::sync::Arc;

use steps::{Done, Failure, Scope, Step, StepKind, async_trait};

use crate::client::Client;
use crate::client::call::CallError;
use crate::deploy::state::{Context, failure};
use crate::reach;

/// Reaches the admin console.
pub(crate) struct Connect {
    /// What is said first.
    pub(crate) note: String,
}

#[async_trait]
impl Step<Context> for Connect {
    fn name(&self) -> &'static str {
        "connect"
    }

    fn title(&self) -> &'static str {
        "Reach the admin console"
    }

    fn kind(&self) -> StepKind {
        StepKind::ReadOnly
    }

    async fn run(&mut self, context: &mut Context, scope: &mut Scope<'_>) -> Result<Done, Failure> {
        scope.reporter().note(self.note.clone());
        let opened = reach::open(&context.plan.way, context.deadline, scope.reporter()).await?;
        context.embedded = opened.embedded;
        let client = Client::new(opened.transport, context.deadline, context.limit);
        context.last.set(format!("{} was not reached", client.address()));
        client.health(scope.reporter()).await.map_err(|it| unhealthy(&it))?;
        context.last.set(format!("{} answered", client.address()));
        context.client = Some(Arc::new(client));
        Ok(Done::Well)
    }
}

/// An admin console always has this route: where it is not found, something else answers.
fn unhealthy(error: &CallError) -> Failure {
    let failure = failure("failed to reach the admin console", error);
    match error {
        CallError::Refused(refusal) if refusal.status == 404 => {
            failure.next("check that the address is an admin console's")
        }
        _ => failure,
    }
}
