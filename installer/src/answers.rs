//! The answers of the operator: read, checked, kept (sealed) and handed on.

use kinds::config::{ConfigValues, Generated, Resolution, resolve};

use crate::config;
use crate::flow::State;
use crate::http::types::{AppConfig, AppConfigValues};
use crate::refusal::Refusal;
use crate::site::{Shared, Site};
use crate::store::StoreError;
use crate::{infra, preflights, runner};

/// The name of the sealed answers in the store.
const ANSWERS: &str = "answers";
/// The name of the sealed values that templates made up.
const GENERATED: &str = "generated";

/// The name of the sealed answers of the version that is deployed, where no cluster keeps them.
const DEPLOYED: &str = "deployed-answers";

/// The answers that are kept.
pub(crate) async fn stored(site: &Site) -> Result<ConfigValues, StoreError> {
    unsealed(site, ANSWERS).await.map(Option::unwrap_or_default)
}

/// Keeps answers.
pub(crate) async fn keep(site: &Site, values: &ConfigValues) -> Result<(), StoreError> {
    seal(site, ANSWERS, values).await
}

/// Keeps the answers as those of the version that is deployed now.
pub(crate) async fn keep_deployed(site: &Site) -> Result<(), StoreError> {
    seal(site, DEPLOYED, &stored(site).await?).await
}

/// The answers of the version that is deployed; `None` when this folder has led none.
pub(crate) async fn deployed(site: &Site) -> Result<Option<ConfigValues>, StoreError> {
    unsealed(site, DEPLOYED).await
}

/// Takes up answers of the cluster or a file once: they are filtered, and not checked.
pub(crate) async fn begin_with(site: &Site, values: ConfigValues) -> Result<(), Refusal> {
    if site.store.get::<String>(ANSWERS).await?.is_some() {
        return Ok(());
    }
    let values = config::opened(values);
    let resolution = resolution(site, &values).await?;
    keep(site, &config::kept(&values, &resolution.config)).await?;
    Ok(())
}

/// The questions with these answers over the kept ones. Nothing is kept.
pub(crate) async fn template(site: &Site, given: &AppConfigValues) -> Result<AppConfig, Refusal> {
    let values = config::merged(&stored(site).await?, given);
    Ok(config::view(&resolution(site, &values).await?.config))
}

/// The kept answers, passwords masked.
pub(crate) async fn given_out(site: &Site) -> Result<AppConfigValues, Refusal> {
    Ok(config::given_out(&stored(site).await?, &site.release.questions))
}

/// Takes answers: the state goes through `ApplicationConfiguring`, and what later steps said no longer
/// counts.
///
/// Once the run is past them, no answers change nothing: a browser that comes to a run at work sends
/// that, and finds by the statuses where the run is.
pub(crate) async fn patch(
    site: &Shared,
    given: &AppConfigValues,
) -> Result<AppConfigValues, Refusal> {
    if given.is_empty() {
        let state = site.store.state().await?;
        if state != State::ApplicationConfiguring && !site.flow.takes_answers(state) {
            return given_out(site).await;
        }
    }
    let held = runner::acquire(site).await?;
    if !site.flow.takes_answers(held.state) {
        return Err(Refusal::transition(held.state, State::ApplicationConfiguring));
    }
    if !site.flow.allows(held.state, State::ApplicationConfiguring, false) {
        infra::forget(site).await?;
        preflights::forget(site).await?;
    }
    site.store.go_back(State::ApplicationConfiguring).await?;
    let taken = take(site, given).await;
    let next = match &taken {
        Ok(_) => State::ApplicationConfigured,
        Err(_) => State::ApplicationConfigurationFailed,
    };
    site.store.enter(next, None).await?;
    drop(held);
    taken
}

async fn take(site: &Site, given: &AppConfigValues) -> Result<AppConfigValues, Refusal> {
    let values = config::merged(&stored(site).await?, given);
    let resolved = resolution(site, &values).await?.config;
    let problems = config::problems(&resolved);
    if !problems.is_empty() {
        return Err(Refusal::fields(problems));
    }
    let kept = config::kept(&values, &resolved);
    keep(site, &kept).await?;
    Ok(config::given_out(&kept, &site.release.questions))
}

/// The questions resolved with `values`. What templates make up is drawn once and kept.
pub(crate) async fn resolution(site: &Site, values: &ConfigValues) -> Result<Resolution, Refusal> {
    let before: Generated = unsealed(site, GENERATED).await?.unwrap_or_default();
    let (contexts, questions) = (site.contexts(), site.release.questions.clone());
    let (values, mut generated) = (values.clone(), before.clone());
    // Certificates and keys take long enough to hold others up.
    let resolved = tokio::task::spawn_blocking(move || {
        let resolved = resolve(&questions, &values, &contexts, &[], &mut generated);
        resolved.map(|it| (it, generated))
    })
    .await
    .map_err(|error| Refusal::internal(&error))?;
    let (resolution, generated) = resolved.map_err(|error| Refusal::internal(&error))?;
    if generated != before {
        seal(site, GENERATED, &generated).await?;
    }
    for password in config::passwords(&resolution.config) {
        site.add_secret(password);
    }
    Ok(resolution)
}

/// The document for `kots`, in its text form.
pub(crate) async fn document(site: &Site) -> Result<String, Refusal> {
    let values = stored(site).await?;
    let resolution = resolution(site, &values).await?;
    Ok(config::for_kots(&values, &resolution).to_yaml("kots-app-config"))
}

async fn unsealed<T: serde::de::DeserializeOwned>(
    site: &Site,
    name: &str,
) -> Result<Option<T>, StoreError> {
    let Some(sealed) = site.store.get::<String>(name).await? else { return Ok(None) };
    let unreadable = |why: String| StoreError::Unreadable { what: name.to_owned(), why };
    let plain = site
        .cipher
        .decrypt(&sealed)
        .ok_or_else(|| unreadable("it was sealed with another key".to_owned()))?;
    serde_json::from_str(&plain).map(Some).map_err(|error| unreadable(error.to_string()))
}

async fn seal<T: serde::Serialize>(
    site: &Site,
    name: &str,
    document: &T,
) -> Result<(), StoreError> {
    let plain = serde_json::to_string(document).map_err(|error| StoreError::Unreadable {
        what: name.to_owned(),
        why: error.to_string(),
    })?;
    site.store.put(name, &site.cipher.encrypt(&plain)).await
}
