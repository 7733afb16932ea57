//! The steps of one upgrade, in their order: connect, check, license, images, update, registry, config, watch.
//!
//! Each compares what the server has with *this* target, by channel and cursor, never with what is newest.

pub(crate) mod bring;
pub(crate) mod check;
mod config;
pub(crate) mod connect;
pub(crate) mod images;
mod license;
mod registry;
mod update;
pub(crate) mod watch;

use steps::{Facts, Scope, Step};

use super::plan::{DeployPlan, Images};
use super::state::Context;

/// Every step, in order. That of the registry is there when the images are in one.
pub(crate) fn all(plan: &DeployPlan) -> Vec<Box<dyn Step<Context>>> {
    let note = format!("Starting deployment process for {}...", plan.slug);
    let mut steps: Vec<Box<dyn Step<Context>>> = vec![
        Box::new(connect::Connect { note }),
        Box::new(check::CheckState),
        Box::new(license::License::default()),
        Box::new(images::Images::default()),
        Box::new(update::Update::default()),
    ];
    if !matches!(plan.images, Images::None(_)) {
        steps.push(Box::new(registry::Registry::default()));
    }
    steps.push(Box::new(config::Config::default()));
    steps.push(Box::new(watch::Watch));
    steps
}

/// The idempotency key of a step: that of an earlier run whose request may still have its effect, else a new one.
pub(crate) fn idempotency_key(scope: &Scope<'_>) -> String {
    scope
        .previous()
        .filter(|it| it.open())
        .and_then(|it| it.facts.get("key")?.as_str().map(str::to_owned))
        .unwrap_or_else(|| uuid::Uuid::new_v4().to_string())
}

fn facts(key: &str, baseline: i64) -> Facts {
    let mut facts = Facts::new();
    facts.insert("key".to_owned(), key.into());
    facts.insert("baseline".to_owned(), baseline.into());
    facts
}
