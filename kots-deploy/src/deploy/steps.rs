//! The steps of one upgrade, in their order: connect, check, license, images, update, config, watch.
//!
//! Each compares what the server has with *this* target, by channel and cursor, never with what is newest.

pub(crate) mod bring;
pub(crate) mod check;
mod config;
pub(crate) mod connect;
pub(crate) mod images;
mod license;
mod update;
pub(crate) mod watch;

use steps::{Facts, Scope, Step};

use super::state::Context;

/// Every step, in order.
pub(crate) fn all(slug: &str) -> Vec<Box<dyn Step<Context>>> {
    vec![
        Box::new(connect::Connect { note: format!("Starting deployment process for {slug}...") }),
        Box::new(check::CheckState),
        Box::new(license::License::default()),
        Box::new(images::Images::default()),
        Box::new(update::Update::default()),
        Box::new(config::Config::default()),
        Box::new(watch::Watch),
    ]
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
