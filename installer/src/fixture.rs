//! Starts a run from a state that a test names. In test builds only.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow};
use kinds::config::ConfigValues;
use serde::Deserialize;
use serde_json::Value;

use crate::answers;
use crate::config;
use crate::flow::{State, Step};
use crate::http::types::{AppConfigValues, Status};
use crate::prepare::Request;
use crate::refusal::Refusal;
use crate::site::Site;
use crate::store::{SESSION_MS, Said};

/// `fixture.json`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Fixture {
    state: String,
    values: AppConfigValues,
    statuses: BTreeMap<String, Status>,
    documents: BTreeMap<String, Value>,
    logs: BTreeMap<String, Vec<String>>,
    /// Places that fail: see [`fault`].
    faults: Vec<String>,
    /// How long sessions last, instead of their usual time.
    session_ms: Option<i64>,
}

/// The name of the places that fail in the store.
const FAULTS: &str = "faults";

/// Fails at a place that the fixture names.
pub(crate) async fn fault(site: &Site, place: &str) -> Result<(), Refusal> {
    let faults: Vec<String> = site.store.get(FAULTS).await?.unwrap_or_default();
    if faults.iter().any(|it| it == place) {
        return Err(Refusal::new(500, format!("the fixture lets {place} fail")));
    }
    Ok(())
}

fn read(folder: &Path) -> Result<Fixture> {
    let path = folder.join("fixture.json");
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("could not read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is no fixture", path.display()))
}

/// How long sessions last.
pub(crate) fn session_ms(request: &Request) -> Result<i64> {
    let named = request.fixture.as_deref().map(read).transpose()?.and_then(|it| it.session_ms);
    Ok(named.unwrap_or(SESSION_MS))
}

/// Puts the fixture of `folder` into an empty store.
pub(crate) async fn seed(site: &Site, folder: &Path) -> Result<()> {
    let fixture = read(folder)?;
    let step = |name: &str| Step::from_name(name).with_context(|| format!("no step `{name}`"));
    answers::keep(site, &config::merged(&ConfigValues::default(), &fixture.values)).await?;
    for (name, document) in &fixture.documents {
        site.store.put(name, document).await?;
    }
    site.store.put(FAULTS, &fixture.faults).await?;
    for (name, lines) in &fixture.logs {
        site.store.log(step(name)?, lines).await?;
    }
    for (name, status) in &fixture.statuses {
        let said =
            Said { step: step(name)?, state: status.state, description: &status.description };
        site.store.say(said).await?;
    }
    if !fixture.state.is_empty() {
        let state: State = fixture.state.parse().map_err(|why: String| anyhow!(why))?;
        site.store.enter(state, None).await?;
    }
    Ok(())
}
