//! The bodies on the wire (`api/types`), as the OpenAPI document describes them.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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

/// One answer to a question of the application.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct AppConfigValue {
    /// The value; of a password eight bullets, which mean "unchanged" when they are sent back.
    pub(crate) value: String,
    /// The default at the time of the answer.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) default: String,
    /// Passed through.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) data: String,
    /// Passed through.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) data_plaintext: String,
    /// The name of the uploaded file.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) filename: String,
    /// The repeatable item that this answers.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) repeatable_item: String,
}

/// Answers by the names of their items.
pub(crate) type AppConfigValues = BTreeMap<String, AppConfigValue>;

/// Answers, sent and given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct ConfigValuesBody {
    /// By the names of their items.
    #[serde(default)]
    pub(crate) values: AppConfigValues,
}

/// The questions of the application, rendered.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub(crate) struct AppConfig {
    /// Groups with at least one item that is shown.
    pub(crate) groups: Vec<ConfigGroup>,
}

/// A group of questions.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ConfigGroup {
    /// The name.
    pub(crate) name: String,
    /// The title.
    pub(crate) title: String,
    /// Markdown under the title.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) description: String,
    /// Rendered.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) when: String,
    /// The questions.
    pub(crate) items: Vec<ConfigItem>,
}

/// A question.
#[expect(clippy::struct_excessive_bools, reason = "they are the fields of the document")]
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ConfigItem {
    /// The name.
    pub(crate) name: String,
    /// `text`, `password`, `bool`, `file`, …
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// The title.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) title: String,
    /// Markdown under the item.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) help_text: String,
    /// Whether the vendor recommends it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) recommended: bool,
    /// What applies while there is no value.
    pub(crate) default: String,
    /// The value.
    pub(crate) value: String,
    /// The vendor's own words of an error.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) error: String,
    /// Whether the value is the vendor's alone.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) readonly: bool,
    /// Passed through.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) write_once: bool,
    /// Rendered.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) when: String,
    /// Passed through.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) multiple: bool,
    /// Whether it is never shown.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) hidden: bool,
    /// Passed through.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) affix: String,
    /// Whether it must have a value or a default.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) required: bool,
    /// The options of a choice.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) items: Vec<ConfigChildItem>,
    /// The name of the uploaded file.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) filename: String,
    /// The rule of the value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) validation: Option<ConfigValidation>,
}

/// An option of a choice.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ConfigChildItem {
    /// The name.
    pub(crate) name: String,
    /// The title.
    pub(crate) title: String,
    /// Whether the vendor recommends it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) recommended: bool,
    /// What applies while there is no value.
    pub(crate) default: String,
    /// The value.
    pub(crate) value: String,
}

/// The rule of a value.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ConfigValidation {
    /// A regular expression in RE2 syntax.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) regex: Option<ConfigRegex>,
}

/// A regular expression and what to say when it does not match.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ConfigRegex {
    /// The expression.
    pub(crate) pattern: String,
    /// The words.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) message: String,
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
