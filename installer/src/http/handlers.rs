//! The handlers: each reads its body, asks one verb, and answers as the matching GET does.

use axum::body::Body;
use axum::extract::State;

use super::body;
use super::frame::{Answer, answer};
use super::query::Params;
use super::types::{
    AppConfig, AppPreflights, AppRequest, ConfigValuesBody, Health, Infra, InstallationConfig,
    InstallationConfigBody, NetworkInterfaces, Status, StatusState, StepWithLogs,
};
use crate::flow::Step;
use crate::refusal::Refusal;
use crate::site::{Shared, Site};
use crate::{answers, app, infra, installation, preflights, runner};

pub(super) async fn health() -> Answer<Health> {
    answer(Ok::<_, Refusal>(Health { status: "ok" }))
}

/// The machine's interfaces that have a way out, by the kernel's list.
pub(super) async fn network_interfaces() -> Answer<NetworkInterfaces> {
    let listed = tokio::fs::read_to_string("/proc/net/dev").await;
    let names = listed.map(|text| interfaces(&text)).map_err(|error| Refusal::internal(&error));
    answer(names.map(|network_interfaces| NetworkInterfaces { network_interfaces }))
}

fn interfaces(text: &str) -> Vec<String> {
    let names = text.lines().filter_map(|line| line.split_once(':')).map(|(name, _)| name.trim());
    let mut names: Vec<String> = names.filter(|it| *it != "lo").map(str::to_owned).collect();
    names.sort();
    names
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
    params: Params,
    body: Body,
) -> Answer<ConfigValuesBody> {
    let sent: ConfigValuesBody = body::read(body, &["values"]).await?;
    // A client that goes away must not leave the machine between two states.
    let task =
        tokio::spawn(async move { answers::patch(&site, &sent.values, params.is_retry()).await });
    let taken = task.await.map_err(|error| Refusal::internal(&error))?;
    answer(taken.map(|values| ConfigValuesBody { values }))
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
    installation::configure(&site, sent, params.is_retry()).await?;
    installation_status(State(site)).await
}

pub(super) async fn installation_status(State(site): State<Shared>) -> Answer<Status> {
    answer(site.store.status(Step::Installation).await)
}

pub(super) async fn infra_setup(State(site): State<Shared>, params: Params) -> Answer<Infra> {
    runner::begin(&site, Step::Infra, params.is_retry()).await?;
    infra_status(State(site)).await
}

pub(super) async fn infra_status(State(site): State<Shared>) -> Answer<Infra> {
    answer(infra::view(&site).await)
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
    runner::begin(&site, Step::Airgap, params.is_retry()).await?;
    airgap_status(State(site)).await
}

pub(super) async fn airgap_status(State(site): State<Shared>) -> Answer<StepWithLogs> {
    answer(with_logs(&site, Step::Airgap).await)
}

pub(super) async fn app_preflights_run(
    State(site): State<Shared>,
    params: Params,
) -> Answer<AppPreflights> {
    runner::begin(&site, Step::AppPreflights, params.is_retry()).await?;
    app_preflights_status(State(site)).await
}

pub(super) async fn app_preflights_status(State(site): State<Shared>) -> Answer<AppPreflights> {
    answer(preflights::view(&site).await)
}

pub(super) async fn app_start(
    State(site): State<Shared>,
    params: Params,
    body: Body,
) -> Answer<StepWithLogs> {
    let sent: AppRequest = body::read(body, &["ignoreAppPreflights"]).await?;
    app::start(&site, sent.ignore_app_preflights, params.is_retry()).await?;
    app_status(State(site)).await
}

pub(super) async fn app_status(State(site): State<Shared>) -> Answer<StepWithLogs> {
    let body = with_logs(&site, Step::App).await?;
    if body.status.state == StatusState::Succeeded {
        site.shown.cancel();
    }
    answer(Ok::<_, Refusal>(body))
}

pub(super) async fn app_cancel(State(site): State<Shared>) -> Answer<StepWithLogs> {
    app::cancel(&site).await?;
    app_status(State(site)).await
}

async fn with_logs(site: &Site, step: Step) -> Result<StepWithLogs, Refusal> {
    let status = site.store.status(step).await?;
    Ok(StepWithLogs { status, logs: site.store.log_text(step).await? })
}

#[cfg(test)]
mod tests {
    #[test]
    fn interfaces_are_listed_but_for_the_loopback() {
        let text = "Inter-| Receive\n face |bytes\n    lo: 1 2\n  eth1: 3 4\n  eth0: 5 6\n";
        assert_eq!(super::interfaces(text), ["eth0", "eth1"]);
    }
}
