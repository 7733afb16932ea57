//! Makes the version with the config values and has it deployed, or deploys one that was made before.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::RngCore as _;
use steps::{Check, Done, Facts, Failure, Scope, Step, async_trait};
use tokio::time::Instant;
use wire::config::ConfigValuesRequest;

use super::check::{next_move, permitted};
use super::{facts, idempotency_key};
use crate::client::call::CallError;
use crate::deploy::state::{Context, all_lost, failure, not_shown, worded};
use crate::deploy::target::highest;
use crate::deploy::values::Memory;
use crate::deploy::verdict::{Move, made_after};
use crate::deploy::{preflights, quiet};

const WHAT: &str = "failed to set config and deploy";

#[derive(Default)]
pub(super) struct Config {
    key: String,
    baseline: i64,
    next: Option<Move>,
}

#[async_trait]
impl Step<Context> for Config {
    fn name(&self) -> &'static str {
        "config"
    }

    fn title(&self) -> &'static str {
        "Set the config and deploy"
    }

    async fn check(
        &mut self,
        context: &mut Context,
        scope: &mut Scope<'_>,
    ) -> Result<Check, Failure> {
        let app = context.app(scope).await?;
        permitted(context, &app)?;
        // Found by `check`, or a step has put a licence or a registry there that waits for a version.
        let settings_are_new = context.settled.is_none()
            && context.plan.airgap.is_some()
            && crate::deploy::verdict::settings_wait(&app);
        let next = next_move(context, scope, &app, settings_are_new).await?;
        if let Move::Watch { sequence, .. } = next {
            context.sequence = Some(sequence);
            return Ok(Check::done(format!(
                "sequence {sequence} already has these values and is being deployed or deployed"
            )));
        }
        self.key = idempotency_key(scope);
        self.baseline = highest(&app);
        let mut facts = facts(&self.key, self.baseline);
        if let Move::Redeploy { sequence } | Move::Deploy { sequence } = next {
            facts.insert("sequence".to_owned(), sequence.into());
        }
        self.next = Some(next);
        Ok(Check::needed_with(facts))
    }

    async fn run(&mut self, context: &mut Context, scope: &mut Scope<'_>) -> Result<Done, Failure> {
        let sequence = match self.next.take().unwrap_or(Move::Make) {
            Move::Watch { sequence, .. } => sequence,
            Move::Redeploy { sequence } => {
                scope.reporter().note(format!("Deploying sequence {sequence} again..."));
                self.deploy(context, scope, sequence, true).await?
            }
            Move::Deploy { sequence } => {
                scope.reporter().note(format!(
                    "Deploying sequence {sequence}, which already has these values..."
                ));
                check_again(context, scope, sequence).await?;
                self.deploy(context, scope, sequence, false).await?
            }
            Move::Make => {
                scope.reporter().note("Setting configuration and deploying...");
                self.make(context, scope).await?
            }
        };
        context.sequence = Some(sequence);
        let mut fact = Facts::new();
        fact.insert("sequence".to_owned(), sequence.into());
        scope.record(fact)?;
        remember(context, scope, sequence);
        scope.reporter().note("Configuration set and deployment initiated successfully");
        Ok(Done::Well)
    }

    async fn verify(
        &mut self,
        context: &mut Context,
        scope: &mut Scope<'_>,
    ) -> Result<Done, Failure> {
        let app = context.app(scope).await?;
        let sequence = context.sequence.unwrap_or(-1);
        let versions = crate::deploy::target::versions(&app);
        match versions.iter().find(|it| it.sequence == sequence) {
            Some(version) if context.plan.target.is(version) => Ok(Done::Well),
            Some(version) => Err(not_shown(
                WHAT,
                format!(
                    "sequence {sequence} carries {}, not {}",
                    crate::deploy::target::name(version),
                    context.target_name()
                ),
            )),
            None => {
                Err(not_shown(WHAT, format!("kotsadm has no version with sequence {sequence}")))
            }
        }
    }
}

impl Config {
    /// Sends the values; returns the version that they made.
    async fn make(&self, context: &Context, scope: &Scope<'_>) -> Result<i64, Failure> {
        let plan = Arc::clone(&context.plan);
        let body = ConfigValuesRequest {
            config_values: STANDARD.encode(&plan.values.bytes),
            deploy: true,
            sequence: -1,
            skip_preflights: plan.skip_preflights,
            ..ConfigValuesRequest::default()
        };
        let baseline = self.baseline;
        loop {
            let client = context.client();
            match client.set_values(&plan.slug, &body, &self.key, scope.reporter()).await {
                Ok(reply) => {
                    if let Some(sequence) = reply.sequence {
                        return Ok(sequence);
                    }
                    let app = context.app(scope).await?;
                    return made_after(&plan.target, &app, baseline).ok_or_else(|| {
                        not_shown(WHAT, "kotsadm says that it is done, but there is no new version with the config change".to_owned())
                    });
                }
                Err(CallError::Ambiguous { .. }) => {
                    // Made first, then told to be deployed: both must be seen before it is over.
                    let is_current = |it: &wire::app::App| {
                        let made = made_after(&plan.target, it, baseline);
                        made.is_some()
                            && it.downstream.current_version.as_ref().map(|it| it.sequence) == made
                    };
                    let app = quiet::wait(context, scope, is_current).await?;
                    if let Some(sequence) = made_after(&plan.target, &app, baseline) {
                        if is_current(&app) {
                            return Ok(sequence);
                        }
                        return self.deploy(context, scope, sequence, false).await;
                    }
                }
                Err(error) => return Err(refused(context, scope, &error, baseline).await),
            }
            if Instant::now() >= context.deadline {
                return Err(all_lost(WHAT));
            }
        }
    }

    /// Deploys a version that is there. Repeating it makes no version, so a lost answer is asked for again.
    async fn deploy(
        &self,
        context: &Context,
        scope: &Scope<'_>,
        sequence: i64,
        again: bool,
    ) -> Result<i64, Failure> {
        let (slug, skip) = (&context.plan.slug, context.plan.skip_preflights);
        loop {
            let client = context.client();
            let answer = if again {
                client.redeploy(slug, sequence, &self.key, scope.reporter()).await
            } else {
                client.deploy(slug, sequence, skip, &self.key, scope.reporter()).await
            };
            match answer {
                Ok(()) => return Ok(sequence),
                Err(CallError::Ambiguous { .. }) => {
                    let taken = |it: &wire::app::App| {
                        it.downstream.current_version.as_ref().is_some_and(|it| {
                            it.sequence == sequence
                                && it.status != "failed"
                                && it.status != "pending"
                        })
                    };
                    if taken(&quiet::wait(context, scope, taken).await?) {
                        return Ok(sequence);
                    }
                }
                Err(error) => return Err(refused(context, scope, &error, sequence - 1).await),
            }
            if Instant::now() >= context.deadline {
                return Err(all_lost(WHAT));
            }
        }
    }
}

/// Has strict checks that keep a version back run once more: whoever asks again has done something about them.
async fn check_again(context: &Context, scope: &Scope<'_>, sequence: i64) -> Result<(), Failure> {
    let app = context.app(scope).await?;
    let versions = crate::deploy::target::versions(&app);
    let version = versions.into_iter().find(|it| it.sequence == sequence);
    if !version.is_some_and(preflights::is_held) {
        return Ok(());
    }
    scope.reporter().note("Running the preflight checks again...");
    let slug = &context.plan.slug;
    let answer = context.client().run_preflights(slug, sequence, scope.reporter()).await;
    answer.map_err(|it| failure("failed to run the preflight checks", &it))
}

/// Words a refusal. The original keeps the reason a version may not be deployed to itself, but shows it with the
/// version (`nonDeployableCause`).
async fn refused(
    context: &Context,
    scope: &Scope<'_>,
    error: &CallError,
    baseline: i64,
) -> Failure {
    let CallError::Refused(refusal) = error else {
        return worded(WHAT, error.to_string(), error);
    };
    let reason = match (&refusal.reason, refusal.status) {
        (_, 404) => format!("app with slug {} not found", context.plan.slug),
        (Some(reason), _) => reason.clone(),
        (None, status) => format!("config and deploy failed with status code {status}"),
    };
    let mut failure = worded(WHAT, reason, error);
    if let Ok(app) = context.app(scope).await {
        let made =
            crate::deploy::target::versions(&app).into_iter().find(|it| it.sequence > baseline);
        let cause = made.and_then(|it| it.non_deployable_cause.clone());
        let checks = made.filter(|it| it.has_failing_strict_preflights).map(preflights::failures);
        for why in cause.into_iter().chain(checks.unwrap_or_default()) {
            if !failure.why.contains(&why) {
                failure.why.push(why);
            }
        }
    }
    failure
}

/// Keeps salted digests of what was sent, so that a later run can tell whether a password changed.
fn remember(context: &Context, scope: &Scope<'_>, sequence: i64) {
    let Some(dir) = &context.state_dir else { return };
    let mut salt = [0; 16];
    rand::rng().fill_bytes(&mut salt);
    let memory = Memory::of(&context.plan.values, sequence, salt);
    if let Err(error) = memory.store(dir, &context.plan.memory_id()) {
        scope.reporter().warn(format!("what was sent could not be remembered: {error}"));
    }
}
