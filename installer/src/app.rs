//! The last step: whether the application may be installed or upgraded now.

use crate::flow::{Flow, Mode, State, Step};
use crate::preflights;
use crate::refusal::Refusal;
use crate::runner;
use crate::site::{Shared, Site};
use crate::telemetry;

/// Begins the step. Failed checks that are not strict may be passed over.
pub(crate) async fn start(site: &Shared, ignore: bool, retry: bool) -> Result<(), Refusal> {
    let held = runner::acquire(site).await?;
    let is_strict = preflights::is_blocked(site).await?;
    if admit(site.flow, held.state, ignore, is_strict, retry)? == Way::Bypass {
        site.store.enter(State::AppPreflightsFailedBypassed, None).await?;
        telemetry::entered(site, State::AppPreflightsFailedBypassed, "").await;
    }
    runner::launch(site, held, Step::App).await
}

/// Asks the step at work to end.
pub(crate) async fn cancel(site: &Site) -> Result<(), Refusal> {
    let state = site.store.state().await?;
    if Step::at_work(state, site.flow).is_none() {
        return Err(Refusal::conflict(format!("no step is at work in {state}")));
    }
    site.cancel();
    Ok(())
}

/// How the last step is come to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Straight.
    Direct,
    /// Past failed checks.
    Bypass,
}

/// Decides whether the last step may begin.
pub(crate) fn admit(
    flow: Flow,
    state: State,
    ignore: bool,
    is_strict: bool,
    retry: bool,
) -> Result<Way, Refusal> {
    let (acting, _) = flow.app_states();
    if state == State::AppPreflightsFailed {
        if is_strict {
            let what = match flow.mode {
                Mode::Install => "installation",
                Mode::Upgrade => "upgrade",
            };
            let words = format!("{what} blocked: strict app preflight checks failed");
            return Err(Refusal::bad(words));
        }
        return if ignore {
            Ok(Way::Bypass)
        } else {
            Err(Refusal::bad("app preflight checks failed"))
        };
    }
    if flow.allows(state, acting, retry) {
        Ok(Way::Direct)
    } else {
        Err(Refusal::transition(state, acting))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Target;

    fn check(mode: Mode, state: State, ignore: bool, is_strict: bool, retry: bool) -> String {
        let flow = Flow { target: Target::Kubernetes, mode, airgap: false };
        match admit(flow, state, ignore, is_strict, retry) {
            Ok(way) => format!("{way:?}"),
            Err(refusal) => format!("{} {}", refusal.status, refusal.message),
        }
    }

    #[test]
    fn failed_checks_are_passed_over_only_on_purpose() {
        let failed =
            |mode, ignore, strict| check(mode, State::AppPreflightsFailed, ignore, strict, false);
        assert_eq!(failed(Mode::Upgrade, true, false), "Bypass");
        assert_eq!(failed(Mode::Upgrade, false, false), "400 app preflight checks failed");
        assert_eq!(
            failed(Mode::Upgrade, true, true),
            "400 upgrade blocked: strict app preflight checks failed"
        );
        assert_eq!(
            failed(Mode::Install, true, true),
            "400 installation blocked: strict app preflight checks failed"
        );
        let bypassed = State::AppPreflightsFailedBypassed;
        assert_eq!(check(Mode::Install, bypassed, false, true, false), "Direct");
    }

    #[test]
    fn a_failed_end_is_left_by_a_retry_only() {
        let ended = |retry| check(Mode::Upgrade, State::AppUpgradeFailed, false, false, retry);
        assert_eq!(ended(false), "409 invalid transition from AppUpgradeFailed to AppUpgrading");
        assert_eq!(ended(true), "Direct");
        let done = check(Mode::Upgrade, State::Succeeded, false, false, true);
        assert_eq!(done, "409 invalid transition from Succeeded to AppUpgrading");
    }
}
