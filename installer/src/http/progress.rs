//! `GET /api/state`: where the run is and what may be asked for, so that no client has to remember it.

use axum::extract::State;
use axum::response::Response;

use super::types::{Action, AppFacts, StateBody};
use super::{ROUTES, Verb, views};
use crate::app;
use crate::flow::{Flow, State as At, Step};
use crate::preflights;
use crate::refusal::Refusal;
use crate::site::{Shared, Site};

/// `GET /api/state`.
pub(super) async fn get(State(site): State<Shared>) -> Response {
    views::cached(&site, "state", async || body(&site).await).await
}

/// The state of a run.
pub(crate) async fn body(site: &Site) -> Result<StateBody, Refusal> {
    let cursor = *site.store.watch_events().borrow();
    let is_locked = site.lock.is_held();
    let (state, since) = match site.store.run().await? {
        Some((_, state, since)) => (state, since),
        None => (At::New, String::new()),
    };
    let is_strict = preflights::is_blocked(site).await?;
    let release = &site.release;
    Ok(StateBody {
        target: site.flow.target.as_str().to_owned(),
        mode: site.flow.mode.as_str().to_owned(),
        is_airgap: site.flow.airgap,
        requires_infra_upgrade: false,
        app: AppFacts {
            slug: release.app_slug.clone(),
            title: release.title.clone(),
            icon: release.icon.clone(),
            version_label: release.version_label.clone(),
        },
        state: state.as_str().to_owned(),
        since,
        is_final: site.flow.is_final(state),
        running: Step::at_work(state, site.flow).map(|it| it.as_str().to_owned()),
        actions: actions(site.flow, state, is_locked, is_strict),
        cursor,
    })
}

/// What may be asked for, with the reason where it may not.
fn actions(flow: Flow, state: At, is_locked: bool, is_strict: bool) -> Vec<Action> {
    let of_flow = ROUTES.iter().filter(|it| it.is_of(flow.target, flow.mode));
    let action = |route: &super::Route| {
        let step = match route.verb {
            Verb::ConfigPatch => None,
            Verb::InstallationConfigure => Some(Step::Installation),
            Verb::InfraSetup => Some(Step::Infra),
            Verb::AirgapProcess => Some(Step::Airgap),
            Verb::AppPreflightsRun => Some(Step::AppPreflights),
            Verb::AppStart => Some(Step::App),
            _ => return None,
        };
        let to = step.map_or(At::ApplicationConfiguring, |it| it.running(flow));
        let refusal = |retry: bool| {
            if step == Some(Step::App) {
                app::admit(flow, state, true, is_strict, retry).err()
            } else {
                let retry = retry || route.verb == Verb::ConfigPatch;
                (!flow.allows(state, to, retry)).then(|| Refusal::transition(state, to))
            }
        };
        let straight = refusal(false);
        let retry = straight.is_some() && refusal(true).is_none();
        let refusal = if is_locked { Some(Refusal::locked()) } else { straight.filter(|_| !retry) };
        Some(Action {
            name: step.map_or("config", |it| it.as_str()).to_owned(),
            method: route.method.to_uppercase(),
            path: format!("{}{}", flow.prefix(), route.path),
            allowed: refusal.is_none(),
            retry: retry && !is_locked,
            reason: refusal.map(|it| it.message),
        })
    };
    of_flow.filter_map(action).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{Mode, Target};

    fn check(state: At, is_locked: bool, is_strict: bool) -> String {
        let flow = Flow { target: Target::Linux, mode: Mode::Upgrade, airgap: true };
        let line = |it: Action| {
            let word = match (it.allowed, it.retry) {
                (true, true) => "retry",
                (true, false) => "yes",
                (false, _) => "no",
            };
            format!("{} {} {word} {}", it.method, it.path, it.reason.unwrap_or_default())
                .trim()
                .to_owned()
        };
        actions(flow, state, is_locked, is_strict)
            .into_iter()
            .map(line)
            .collect::<Vec<_>>()
            .join("\n")
    }

    #[test]
    fn every_action_is_allowed_or_has_a_reason() {
        insta::assert_snapshot!(check(At::ApplicationConfigured, false, false));
        insta::assert_snapshot!(check(At::AppPreflightsFailed, false, true));
        insta::assert_snapshot!(check(At::AppUpgradeFailed, false, false));
        insta::assert_snapshot!(check(At::AppUpgrading, true, false));
    }
}
