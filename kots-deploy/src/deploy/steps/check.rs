//! Looks at what the server has before anything is sent, and refuses what cannot be meant.

use std::collections::BTreeMap;

use steps::{Done, Failure, Scope, Step, StepKind, async_trait};
use wire::app::App;

use crate::deploy::quiet;
use crate::deploy::state::{Context, failure};
use crate::deploy::target::{self, Conflict};
use crate::deploy::values::{Evidence, Match, Memory, compare};
use crate::deploy::verdict::{self, Move, candidates, settings_wait};

pub(super) struct CheckState;

#[async_trait]
impl Step<Context> for CheckState {
    fn name(&self) -> &'static str {
        "check"
    }

    fn title(&self) -> &'static str {
        "Look at what is installed"
    }

    fn kind(&self) -> StepKind {
        StepKind::ReadOnly
    }

    async fn run(&mut self, context: &mut Context, scope: &mut Scope<'_>) -> Result<Done, Failure> {
        let unsettled = ["license", "update", "config"]
            .iter()
            .any(|it| scope.intent(it).is_some_and(steps::Intent::open));
        let app = if unsettled && !context.client().keeps_keys() {
            quiet::wait(context, scope, |_| false).await?
        } else {
            context.app(scope).await?
        };
        context.learn_label(&app);
        permitted(context, &app)?;
        let settings_are_new = settings_are_new(context, scope, &app).await?;
        let next = next_move(context, scope, &app, settings_are_new).await?;
        if let Move::Watch { not_compared, .. } = &next
            && !not_compared.is_empty()
        {
            scope.reporter().warn(format!(
                "not compared, because kotsadm returns them encrypted: {}",
                not_compared.join(", ")
            ));
        }
        context.settled = match &next {
            Move::Make => None,
            Move::Watch { sequence, .. }
            | Move::Redeploy { sequence }
            | Move::Deploy { sequence } => {
                context.sequence = Some(*sequence);
                Some(next)
            }
        };
        Ok(Done::Well)
    }
}

/// Refuses what may not be deployed over what is there.
pub(crate) fn permitted(context: &Context, app: &App) -> Result<(), Failure> {
    target::permitted(&context.target(), app).map_err(|it: Conflict| {
        let hint = it.hint();
        Failure::from_error("rejected", &it).next(hint).nothing_changed()
    })
}

/// Whether the licence that is to be deployed, or the registry, is not the one the deployed version has.
async fn settings_are_new(
    context: &Context,
    scope: &Scope<'_>,
    app: &App,
) -> Result<bool, Failure> {
    let Some(input) = &context.plan.airgap else { return Ok(false) };
    if settings_wait(app) {
        return Ok(true);
    }
    let reply = context
        .client()
        .license(&context.plan.slug, scope.reporter())
        .await
        .map_err(|it| failure("failed to read the license", &it))?;
    let given = &input.license.license;
    let theirs = reply.license.unwrap_or_default();
    Ok(theirs.id != given.license_id || theirs.license_sequence != given.license_sequence)
}

/// Finds out what is left to do about config and deploy.
pub(super) async fn next_move(
    context: &Context,
    scope: &Scope<'_>,
    app: &App,
    settings_are_new: bool,
) -> Result<Move, Failure> {
    let plan = &context.plan;
    let memory = context.state_dir.as_ref().and_then(|it| Memory::load(it, &plan.memory_id()));
    let mut matches = BTreeMap::new();
    for version in candidates(&plan.target, app) {
        let evidence = Evidence {
            sent: sent(context, scope, app, version.sequence),
            memory: memory.as_ref().filter(|it| it.sequence == version.sequence),
            digest: version.config_values_sha256.as_deref(),
        };
        let known = compare(&plan.values, evidence, &[]);
        let conclusive = evidence.sent || evidence.digest == Some(&plan.values.sha256);
        let found = if conclusive {
            known
        } else {
            let groups = context
                .client()
                .config(&plan.slug, version.sequence, scope.reporter())
                .await
                .map_err(|it| failure("failed to read the deployed config", &it))?;
            compare(&plan.values, evidence, &groups)
        };
        matches.insert(version.sequence, found);
    }
    let next = verdict::decide(&plan.target, app, settings_are_new, |sequence| {
        matches.get(&sequence).cloned().unwrap_or(Match::Differs { items: Vec::new() })
    });
    match next {
        Move::Watch { sequence, .. } if is_lost(context, scope, app, sequence).await? => {
            Ok(Move::Redeploy { sequence })
        }
        next => Ok(next),
    }
}

/// Whether a deployed version is not in place any more. Only ours looks at the target when it is asked; the original's
/// states also pass through `missing` while an application starts.
async fn is_lost(
    context: &Context,
    scope: &Scope<'_>,
    app: &App,
    sequence: i64,
) -> Result<bool, Failure> {
    let current = app.downstream.current_version.as_ref();
    let is_deployed = current.is_some_and(|it| it.sequence == sequence && it.status == "deployed");
    if !is_deployed || !context.client().keeps_keys() {
        return Ok(false);
    }
    let reply = context
        .client()
        .status(&context.plan.slug, scope.reporter())
        .await
        .map_err(|it| failure("failed to read the application's status", &it))?;
    Ok(reply.appstatus.is_some_and(|it| {
        it.sequence == sequence && ["missing", "degraded"].contains(&it.state.as_str())
    }))
}

/// Whether the journal of this very run shows that these values made that version.
fn sent(context: &Context, scope: &Scope<'_>, app: &App, sequence: i64) -> bool {
    let Some(intent) = scope.intent("config") else { return false };
    let fact = |name: &str| intent.facts.get(name).and_then(serde_json::Value::as_i64);
    if fact("sequence") == Some(sequence) {
        return true;
    }
    let made = fact("baseline").and_then(|it| verdict::made_after(&context.plan.target, app, it));
    intent.open() && made == Some(sequence)
}
