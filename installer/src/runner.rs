//! Runs the long steps, all in one way: lock, check the change of state, change it, work, say how it
//! ended.
//!
//! One request at a time may change anything; the lock is held until the work has ended. The state
//! and the status that goes with it change together. What a step does is in its own module; what
//! the program does when it finds a step at work after a restart is in [`resume`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::flow::{State, Step};
use crate::http::types::StatusState;
use crate::refusal::Refusal;
use crate::site::Shared;
use crate::store::{Said, StoreError};
use crate::{airgap_step, infra, installation, kots, preflights, telemetry};

/// How work ended that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It went well.
    Succeeded,
    /// Checks ran and found problems.
    ChecksFailed,
}

/// How long to wait before the end of a step is recorded again, when that failed.
const AGAIN: Duration = Duration::from_secs(1);

/// Says who may change the machine: one at a time.
#[derive(Debug, Default)]
pub(crate) struct Lock(AtomicBool);

impl Lock {
    /// Whether somebody holds it.
    pub(crate) fn is_held(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// The right to change the machine.
pub(crate) struct Held {
    site: Shared,
    /// The state when it was taken.
    pub(crate) state: State,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.site.lock.0.store(false, Ordering::Release);
        // What may be asked for has changed.
        self.site.store.touch();
    }
}

/// Takes the right to change the machine.
pub(crate) async fn acquire(site: &Shared) -> Result<Held, Refusal> {
    if site.lock.0.swap(true, Ordering::AcqRel) {
        return Err(Refusal::locked());
    }
    let mut held = Held { site: Arc::clone(site), state: State::New };
    site.store.touch();
    held.state = site.store.state().await?;
    if held.state == State::ApplicationConfiguring {
        // Answers are taken in one request. That one ended without saying how: the program or the
        // disk failed it.
        held.state = State::ApplicationConfigurationFailed;
        site.store.enter(held.state, None).await?;
    }
    Ok(held)
}

/// Begins a step, when the state allows it; it goes on after this returns.
pub(crate) async fn begin(site: &Shared, step: Step, retry: bool) -> Result<(), Refusal> {
    let held = acquire(site).await?;
    let running = step.running(site.flow);
    if !site.flow.allows(held.state, running, retry) {
        return Err(Refusal::transition(held.state, running));
    }
    launch(site, held, step).await
}

/// Changes the state and begins the work. The caller has checked that the state allows it.
pub(crate) async fn launch(site: &Shared, held: Held, step: Step) -> Result<(), Refusal> {
    let said =
        Said { step, state: StatusState::Running, description: step.running_text(site.flow.mode) };
    site.store.enter(step.running(site.flow), Some(said)).await?;
    spawn(site, held, step);
    Ok(())
}

/// Goes on with what was at work when the program ended.
pub(crate) async fn resume(site: &Shared) -> Result<(), Refusal> {
    let held = acquire(site).await?;
    if let Some(step) = Step::at_work(held.state, site.flow) {
        let line = "the installer was started again and goes on with this step".to_owned();
        site.store.log(step, &[line]).await?;
        spawn(site, held, step);
    }
    Ok(())
}

fn spawn(site: &Shared, held: Held, step: Step) {
    let cancel = site.new_cancel();
    let site = Arc::clone(site);
    tokio::spawn(async move {
        // A task of its own, so that a panic ends the step and not the program.
        let inner = Arc::clone(&site);
        let result = match tokio::spawn(work(inner, step, cancel)).await {
            Ok(result) => result,
            Err(error) if error.is_panic() => Err(panic_text(error)),
            // The program is stopping; the step is taken up at the next start.
            Err(_) => return,
        };
        // Nothing else may begin before the end is on the disk, however long that is full.
        while let Err(error) = conclude(&site, step, &result).await {
            let why = crate::refusal::chain(&error);
            tracing::error!("could not record how {} ended: {why}", step.as_str());
            tokio::select! {
                () = tokio::time::sleep(AGAIN) => {}
                () = site.stop.cancelled() => break,
            }
        }
        drop(held);
    });
}

async fn work(
    site: Shared,
    step: Step,
    cancel: tokio_util::sync::CancellationToken,
) -> Result<End, String> {
    match step {
        Step::Installation => Ok(installation::work()),
        Step::Infra => infra::work(&site).await,
        Step::Airgap => airgap_step::work(&site, &cancel).await,
        Step::AppPreflights => preflights::work(&site, &cancel).await,
        Step::App => kots::work(&site, &cancel).await,
    }
}

async fn conclude(
    site: &Shared,
    step: Step,
    result: &Result<End, String>,
) -> Result<(), StoreError> {
    let mode = site.flow.mode;
    let (state, status, description) = match result {
        Ok(End::Succeeded) => {
            (step.succeeded(), StatusState::Succeeded, step.success_text(mode).to_owned())
        }
        Ok(End::ChecksFailed) => {
            (State::AppPreflightsFailed, StatusState::Failed, "App preflights failed".to_owned())
        }
        Err(why) => {
            let why = site.mask(&format!("{}: {why}", step.failed_prefix(mode)));
            tracing::error!("{why}");
            (step.failed(site.flow), StatusState::Failed, why)
        }
    };
    site.store.enter(state, Some(Said { step, state: status, description: &description })).await?;
    telemetry::entered(site, state, &description).await;
    Ok(())
}

fn panic_text(error: tokio::task::JoinError) -> String {
    let value = error.into_panic();
    let text = value
        .downcast_ref::<&str>()
        .map(|it| (*it).to_owned())
        .or_else(|| value.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "unknown".to_owned());
    format!("panic: {text}")
}
