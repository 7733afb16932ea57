//! The handlers: each reads its body, asks one verb, and answers as the matching GET does.

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;

use super::body;
use super::frame::{Answer, answer};
use super::query::Params;
use super::types::{
    AppConfig, AppPreflights, AppRequest, ConfigValuesBody, Health, Infra, InstallationConfig,
    InstallationConfigBody, NetworkInterfaces, Status, StatusState, StepWithLogs,
};
use super::views;
use crate::flow::Step;
use crate::refusal::Refusal;
use crate::site::{Shared, Site};
use crate::{answers, app, infra, installation, network, preflights, runner};

pub(super) async fn health() -> Answer<Health> {
    answer(Ok::<_, Refusal>(Health { status: "ok" }))
}

/// The machine's interfaces that are up and have an IPv4 address, but for those of pods.
#[cfg_attr(not(feature = "fixture"), expect(unused_variables, reason = "tests let it fail"))]
pub(super) async fn network_interfaces(State(site): State<Shared>) -> Answer<NetworkInterfaces> {
    #[cfg(feature = "fixture")]
    crate::fixture::fault(&site, "console").await?;
    let names = network::interfaces().map_err(|error| Refusal::internal(&error));
    answer(names.map(|network_interfaces| NetworkInterfaces { network_interfaces }))
}

pub(super) async fn config_template(State(site): State<Shared>, body: Body) -> Answer<AppConfig> {
    let sent: ConfigValuesBody = body::read(body, &["values"]).await?;
    answer(answers::template(&site, &sent.values).await)
}

pub(super) async fn config_values(State(site): State<Shared>) -> Answer<ConfigValuesBody> {
    answer(answers::given_out(&site).await.map(|values| ConfigValuesBody { values }))
}

pub(super) async fn config_patch(
    State(site): State<Shared>,
    body: Body,
) -> Answer<ConfigValuesBody> {
    let sent: ConfigValuesBody = body::read(body, &["values"]).await?;
    let taken = whole(async move { answers::patch(&site, &sent.values).await });
    answer(taken.await.map(|values| ConfigValuesBody { values }))
}

/// Carries a change to its end, even when the client goes away meanwhile: the machine must not be left
/// between two states.
async fn whole<T: Send + 'static>(
    change: impl Future<Output = Result<T, Refusal>> + Send + 'static,
) -> Result<T, Refusal> {
    tokio::spawn(change).await.map_err(|error| Refusal::internal(&error))?
}

async fn begin(site: &Shared, step: Step, params: &Params) -> Result<(), Refusal> {
    let (site, is_retry) = (Shared::clone(site), params.is_retry());
    whole(async move { runner::begin(&site, step, is_retry).await }).await
}

pub(super) async fn installation_config(
    State(site): State<Shared>,
) -> Answer<InstallationConfigBody> {
    answer(installation::view(&site).await)
}

pub(super) async fn installation_configure(
    State(site): State<Shared>,
    params: Params,
    body: Body,
) -> Answer<Status> {
    let fields = ["adminConsolePort", "httpProxy", "httpsProxy", "noProxy"];
    let sent: InstallationConfig = body::read(body, &fields).await?;
    let of = Shared::clone(&site);
    whole(async move { installation::configure(&of, sent, params.is_retry()).await }).await?;
    answer(site.store.status(Step::Installation).await)
}

pub(super) async fn installation_status(State(site): State<Shared>) -> Response {
    let step = Step::Installation;
    views::cached(&site, step.as_str(), async || site.store.status(step).await).await
}

/// Once the run is past it there is nothing to prepare: a browser that comes to a run at work asks for it.
pub(super) async fn infra_setup(State(site): State<Shared>, params: Params) -> Answer<Infra> {
    let state = site.store.state().await.map_err(Refusal::from)?;
    if !site.flow.is_past(state, Step::Infra) {
        begin(&site, Step::Infra, &params).await?;
    }
    answer(infra::view(&site).await)
}

pub(super) async fn infra_status(State(site): State<Shared>) -> Response {
    views::cached(&site, Step::Infra.as_str(), async || infra::view(&site).await).await
}

pub(super) async fn infra_refused() -> Answer<Infra> {
    let sentence = "the infrastructure is not upgraded by this installer, only the application";
    Err(Refusal::conflict(sentence).into())
}

pub(super) async fn host_preflights_refused() -> Answer<Infra> {
    let sentence = "hosts are not checked by this installer: the infrastructure is not upgraded";
    Err(Refusal::conflict(sentence).into())
}

pub(super) async fn airgap_process(
    State(site): State<Shared>,
    params: Params,
) -> Answer<StepWithLogs> {
    begin(&site, Step::Airgap, &params).await?;
    answer(with_logs(&site, Step::Airgap).await)
}

pub(super) async fn airgap_status(State(site): State<Shared>) -> Response {
    let step = Step::Airgap;
    views::cached(&site, step.as_str(), async || with_logs(&site, step).await).await
}

pub(super) async fn app_preflights_run(
    State(site): State<Shared>,
    params: Params,
) -> Answer<AppPreflights> {
    begin(&site, Step::AppPreflights, &params).await?;
    answer(preflights::view(&site).await)
}

pub(super) async fn app_preflights_status(State(site): State<Shared>) -> Response {
    let name = Step::AppPreflights.as_str();
    views::cached(&site, name, async || preflights::view(&site).await).await
}

pub(super) async fn app_start(
    State(site): State<Shared>,
    params: Params,
    body: Body,
) -> Answer<StepWithLogs> {
    let sent: AppRequest = body::read(body, &["ignoreAppPreflights"]).await?;
    let of = Shared::clone(&site);
    let start = async move { app::start(&of, sent.ignore_app_preflights, params.is_retry()).await };
    whole(start).await?;
    answer(with_logs(&site, Step::App).await)
}

pub(super) async fn app_status(State(site): State<Shared>) -> Response {
    let step = Step::App;
    views::cached(&site, step.as_str(), async || {
        let body = with_logs(&site, step).await?;
        if body.status.state == StatusState::Succeeded {
            site.shown.cancel();
        }
        Ok::<_, Refusal>(body)
    })
    .await
}

pub(super) async fn app_cancel(State(site): State<Shared>) -> Answer<StepWithLogs> {
    app::cancel(&site).await?;
    answer(with_logs(&site, Step::App).await)
}

async fn with_logs(site: &Site, step: Step) -> Result<StepWithLogs, Refusal> {
    let status = site.store.status(step).await?;
    Ok(StepWithLogs { status, logs: site.store.log_text(step).await? })
}
