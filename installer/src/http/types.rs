//! The bodies on the wire (`api/types`), as the OpenAPI document describes them.

mod config;

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub(crate) use config::{
    AppConfig, AppConfigValue, AppConfigValues, ConfigChildItem, ConfigGroup, ConfigItem,
    ConfigRegex, ConfigRepeatTemplate, ConfigText, ConfigValidation, ConfigValuesBody,
};

/// How a step stands. The empty word is what a cleared preflight says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) enum StatusState {
    /// It was not begun.
    Pending,
    /// It is at work.
    Running,
    /// It went well.
    Succeeded,
    /// It did not.
    Failed,
}

impl StatusState {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Running => "Running",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
        }
    }
}

impl FromStr for StatusState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = [Self::Pending, Self::Running, Self::Succeeded, Self::Failed];
        all.into_iter()
            .find(|it| it.as_str() == text)
            .ok_or_else(|| format!("`{text}` is no status"))
    }
}

/// The status of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Status {
    /// How it stands.
    pub(crate) state: StatusState,
    /// What to tell a person.
    pub(crate) description: String,
    /// RFC 3339; year 1 when nothing was ever said.
    #[schema(format = "date-time")]
    pub(crate) last_updated: String,
}

impl Status {
    /// The status of a step that was not begun.
    pub(crate) fn pending() -> Self {
        Self {
            state: StatusState::Pending,
            description: String::new(),
            last_updated: "0001-01-01T00:00:00Z".to_owned(),
        }
    }
}

/// What every refusal says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ApiError {
    /// The HTTP status; absent in children.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status_code: Option<u16>,
    /// What is wrong.
    pub(crate) message: String,
    /// The field it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) field: Option<String>,
    /// What is wrong with each field.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(no_recursion)]
    pub(crate) errors: Vec<ApiError>,
}

/// `GET /api/health`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// Always `ok`.
    pub(crate) status: &'static str,
}

/// `POST /api/auth/login`.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub(crate) struct LoginRequest {
    /// The admin console's password.
    pub(crate) password: String,
}

/// A token.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LoginResponse {
    /// For the header `Authorization: Bearer …`.
    pub(crate) token: String,
}

/// `GET /api/console/available-network-interfaces`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NetworkInterfaces {
    /// Their names.
    pub(crate) network_interfaces: Vec<String>,
}

/// One result of a check.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub(crate) struct PreflightsRecord {
    /// What was checked.
    pub(crate) title: String,
    /// What was found.
    pub(crate) message: String,
    /// Whether a failure cannot be passed over.
    pub(crate) strict: bool,
}

/// The results of a run of checks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub(crate) struct PreflightsOutput {
    /// Good ones.
    pub(crate) pass: Option<Vec<PreflightsRecord>>,
    /// Ones to know of.
    pub(crate) warn: Option<Vec<PreflightsRecord>>,
    /// Bad ones.
    pub(crate) fail: Option<Vec<PreflightsRecord>>,
}

/// The application's preflights.
#[expect(clippy::struct_field_names, reason = "they are the names on the wire")]
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AppPreflights {
    /// The titles of the checks; null before a run.
    pub(crate) titles: Option<Vec<String>>,
    /// The results, once there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) output: Option<PreflightsOutput>,
    /// How the run stands.
    pub(crate) status: Status,
    /// Whether a failure cannot be passed over.
    pub(crate) has_strict_app_preflight_failures: bool,
    /// Always true: failures that are not strict may be passed over.
    pub(crate) allow_ignore_app_preflights: bool,
}

/// A step with a log.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StepWithLogs {
    /// How it stands.
    pub(crate) status: Status,
    /// The newest lines of its log.
    pub(crate) logs: String,
}

/// `POST …/app/upgrade` and `POST …/app/install`.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct AppRequest {
    /// Go on although checks failed that are not strict.
    pub(crate) ignore_app_preflights: bool,
}

/// A part of the infrastructure.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct InfraComponent {
    /// The name.
    pub(crate) name: String,
    /// How it stands.
    pub(crate) status: Status,
}

/// The infrastructure.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Infra {
    /// Its parts; null before a run.
    pub(crate) components: Option<Vec<InfraComponent>>,
    /// The newest lines of its log.
    pub(crate) logs: String,
    /// How it stands.
    pub(crate) status: Status,
}

/// How an application is installed into a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct InstallationConfig {
    /// The port of the admin console.
    pub(crate) admin_console_port: i64,
    /// The proxy for HTTP.
    pub(crate) http_proxy: String,
    /// The proxy for HTTPS.
    pub(crate) https_proxy: String,
    /// The hosts that need no proxy.
    pub(crate) no_proxy: String,
}

/// What was said, what applies otherwise, and what follows.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InstallationConfigBody {
    /// What was said.
    pub(crate) values: InstallationConfig,
    /// What applies where nothing was said.
    pub(crate) defaults: InstallationConfig,
    /// What follows.
    pub(crate) resolved: InstallationConfig,
}

/// `GET /api/state`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StateBody {
    /// `linux` or `kubernetes`.
    pub(crate) target: String,
    /// `install` or `upgrade`.
    pub(crate) mode: String,
    /// Whether the release comes in a bundle.
    pub(crate) is_airgap: bool,
    /// Always false: infrastructure is not upgraded here.
    pub(crate) requires_infra_upgrade: bool,
    /// The application.
    pub(crate) app: AppFacts,
    /// The state's name.
    pub(crate) state: String,
    /// Since when, RFC 3339.
    #[schema(format = "date-time")]
    pub(crate) since: String,
    /// Whether the run is over, unless it is retried.
    pub(crate) is_final: bool,
    /// The step at work.
    pub(crate) running: Option<String>,
    /// What may be asked for, and why not.
    pub(crate) actions: Vec<Action>,
    /// The id of the newest event, to follow from.
    pub(crate) cursor: i64,
}

/// The application and its release.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AppFacts {
    /// The slug.
    pub(crate) slug: String,
    /// The title.
    pub(crate) title: String,
    /// An address or data URL; empty without one.
    pub(crate) icon: String,
    /// The release's label.
    pub(crate) version_label: String,
}

/// Something that may be asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Action {
    /// Its name.
    pub(crate) name: String,
    /// The method of the request.
    pub(crate) method: String,
    /// The path of the request.
    pub(crate) path: String,
    /// Whether it would be taken now.
    pub(crate) allowed: bool,
    /// Whether it must be asked for with `retry=true`.
    pub(crate) retry: bool,
    /// Why it would be refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
}

/// A line of a log.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LogLine {
    /// Its place, ascending.
    pub(crate) id: i64,
    /// RFC 3339.
    #[schema(format = "date-time")]
    pub(crate) at: String,
    /// The text.
    pub(crate) line: String,
}

/// `GET …/logs`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LogPage {
    /// Lines after the cursor, oldest first.
    pub(crate) lines: Vec<LogLine>,
    /// The cursor to go on from.
    pub(crate) next: i64,
}
