//! What the vendor is told of a run (`pkg/metrics`): never with a bundle or `DISABLE_TELEMETRY`, never
//! in the way of a step, and nothing fails for it.

use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio_util::task::TaskTracker;

use crate::flow::{Mode, State};
use crate::preflights;
use crate::site::Site;

/// How long one event may take.
const LIMIT: Duration = Duration::from_secs(5);

/// Where events go, and what all of them say.
#[derive(Debug, Default)]
pub(crate) struct Telemetry {
    /// `None` when nobody is told.
    pub(crate) to: Option<Recipient>,
}

/// Somebody who is told.
#[derive(Debug, Clone)]
pub(crate) struct Recipient {
    pub(crate) client: reqwest::Client,
    /// The vendor's address, without a slash at the end.
    pub(crate) endpoint: String,
    /// Fields of every event.
    pub(crate) common: Map<String, Value>,
    /// The version of the embedded cluster that is there; empty without one.
    pub(crate) cluster_from: String,
    /// The version that the release is made for, else this program's.
    pub(crate) cluster_to: String,
    /// What is on its way.
    pub(crate) tasks: TaskTracker,
}

impl Recipient {
    /// Sends an event without waiting for it.
    fn send(&self, title: &str, kind: &str, fields: Value, is_exit: bool) {
        let mut event = self.common.clone();
        event.insert("eventType".to_owned(), json!(kind));
        event.insert("isExitEvent".to_owned(), json!(is_exit));
        if let Value::Object(fields) = fields {
            event.extend(fields);
        }
        let body = json!({
            "event": event,
            "versions": { "EmbeddedCluster": self.cluster_to, "Kubernetes": "" },
        });
        let url = format!("{}/embedded_cluster_metrics/{title}", self.endpoint);
        let request = self.client.post(url).timeout(LIMIT).json(&body);
        self.tasks.spawn(async move {
            match request.send().await {
                Ok(answer) if answer.status().is_success() => {}
                Ok(answer) => tracing::debug!("telemetry: {}", answer.status()),
                Err(error) => tracing::debug!("telemetry: {error}"),
            }
        });
    }
}

/// Waits, at the end of the program, for what is on its way: no longer than one event may take.
pub(crate) async fn flush(site: &Site) {
    if let Some(to) = &site.telemetry.to {
        to.tasks.close();
        let _ = tokio::time::timeout(LIMIT, to.tasks.wait()).await;
    }
}

/// Tells that a person or the system stopped the program.
pub(crate) fn aborted(site: &Site) {
    if let Some(to) = &site.telemetry.to {
        to.send("GenericEvent", "SignalAborted", json!({ "reason": "signal" }), true);
    }
}

/// Tells that a run began. Without an embedded cluster the version it starts from is the application's.
pub(crate) fn started(site: &Site, current: &str) {
    let Some(to) = &site.telemetry.to else { return };
    let title = match site.flow.mode {
        Mode::Install => "InstallationStarted",
        Mode::Upgrade => "UpgradeStarted",
    };
    let license = &site.license.license;
    let fields = json!({
        "binaryName": site.release.app_slug,
        "type": "centralized",
        "licenseID": license.license_id,
        "appChannelID": site.release.channel_id,
        "appVersion": site.release.version_label,
        "targetVersion": to.cluster_to,
        "initialVersion": if to.cluster_from.is_empty() { current } else { &to.cluster_from },
    });
    to.send(title, title, fields, false);
}

/// Tells that the machine entered a state, where that is worth telling.
pub(crate) async fn entered(site: &Site, state: State, reason: &str) {
    let Some(to) = &site.telemetry.to else { return };
    let node = to.common.get("hostname").cloned().unwrap_or_default();
    let kind = match state {
        State::AppUpgradeFailed => "UpgradeFailed",
        State::AppInstallFailed
        | State::InfrastructureInstallFailed
        | State::InstallationConfigurationFailed => "InstallationFailed",
        State::Succeeded if site.flow.mode == Mode::Upgrade => "UpgradeSucceeded",
        State::Succeeded => "InstallationSucceeded",
        State::AppPreflightsFailed => "AppPreflightsFailed",
        State::AppPreflightsFailedBypassed => "AppPreflightsBypassed",
        State::AppPreflightsSucceeded => "AppPreflightsSucceeded",
        _ => return,
    };
    let is_exit = kind.starts_with("Upgrade") || kind.starts_with("Installation");
    let fields = if is_exit {
        let from = if to.cluster_from.is_empty() { &to.cluster_to } else { &to.cluster_from };
        let mut fields = json!({ "targetVersion": to.cluster_to, "initialVersion": from });
        if kind.ends_with("Failed") {
            fields["reason"] = json!(reason);
        }
        fields
    } else {
        let mut fields = json!({ "nodeName": node });
        if state != State::AppPreflightsSucceeded
            && let Ok(view) = preflights::view(site).await
        {
            let output = serde_json::to_string(&view.output).unwrap_or_default();
            fields["preflightOutput"] = json!(output);
        }
        fields
    };
    to.send("GenericEvent", kind, fields, is_exit);
}
