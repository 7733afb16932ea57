//! Applications, their versions and their status (`/api/v1/apps`, `/api/v1/app/{slug}/…`).

use serde::{Deserialize, Serialize};

use crate::null_as_default;

/// `GET /api/v1/apps`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AppsReply {
    /// Every application the caller may read.
    #[serde(default, deserialize_with = "null_as_default")]
    pub apps: Vec<App>,
}

/// One application (`ResponseApp`), also the whole body of `GET /api/v1/app/{slug}`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(clippy::struct_excessive_bools, reason = "the original's body has them all")]
pub struct App {
    /// Server-made identifier.
    pub id: String,
    /// The name in URLs.
    pub slug: String,
    /// The name for people.
    pub name: String,
    /// Whether it was installed by air-gap bundle.
    pub is_airgap: bool,
    /// Sequence of the newest version.
    pub current_sequence: i64,
    /// `replicated://<slug>`.
    pub upstream_uri: String,
    /// URL of an icon.
    pub icon_uri: String,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339, absent when never.
    pub updated_at: Option<String>,
    /// RFC 3339, absent when never.
    pub last_update_check_at: Option<String>,
    /// Whether the newest version has preflights.
    pub has_preflight: bool,
    /// Whether the newest version has a Config.
    pub is_configurable: bool,
    /// Cron text of automatic update checks.
    pub update_checker_spec: String,
    /// Mode of automatic deploys.
    pub auto_deploy: String,
    /// Namespace it is deployed to.
    pub namespace: String,
    /// Roll-up of the status informers.
    pub app_state: String,
    /// From the licence.
    pub is_git_ops_supported: bool,
    /// From the licence.
    pub is_identity_service_supported: bool,
    /// Whether the release brings an identity spec.
    pub is_app_identity_service_supported: bool,
    /// From the licence.
    pub is_geoaxis_supported: bool,
    /// From the licence's selected channel.
    pub is_semver_required: bool,
    /// From the licence.
    pub is_support_bundle_upload_supported: bool,
    /// From the licence.
    pub is_embedded_cluster_multi_node_enabled: bool,
    /// From the Application kind.
    pub allow_rollback: bool,
    /// Whether the release brings a Backup and the licence allows it.
    pub allow_snapshots: bool,
    /// From the Application kind.
    pub target_kots_version: String,
    /// From the licence.
    pub license_type: String,
    /// The selected channel's id. An addition of ours, empty from the original.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub channel_id: String,
    /// The one downstream every application has.
    pub downstream: Downstream,
}

/// Where an application is deployed to, with its versions.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Downstream {
    /// `this-cluster`.
    pub name: String,
    /// Links of the application, deployed only.
    #[serde(deserialize_with = "null_as_default")]
    pub links: Vec<Link>,
    /// The version that was last told to be deployed.
    pub current_version: Option<DownstreamVersion>,
    /// Versions newer than the current one, newest first.
    #[serde(deserialize_with = "null_as_default")]
    pub pending_versions: Vec<DownstreamVersion>,
    /// Versions older than the current one, newest first.
    #[serde(deserialize_with = "null_as_default")]
    pub past_versions: Vec<DownstreamVersion>,
    /// The cluster record.
    pub cluster: Cluster,
}

/// A link an application shows once it is deployed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Link {
    /// The words.
    pub title: String,
    /// The target.
    pub uri: String,
}

/// The cluster an application is deployed to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cluster {
    /// Identifier, part of the `downstreamoutput` path.
    pub id: String,
    /// `this-cluster`.
    pub slug: String,
}

/// One version of an application (`DownstreamVersion`).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(clippy::struct_excessive_bools, reason = "the original's body has them all")]
pub struct DownstreamVersion {
    /// The vendor's label; not unique.
    pub version_label: String,
    /// The label's semantic version, when it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub semver: Option<String>,
    /// The channel sequence, as text.
    pub update_cursor: String,
    /// The release's channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel_id: Option<String>,
    /// Whether later versions may only be deployed after this one.
    pub is_required: bool,
    /// One of `pending_cluster_management pending_config pending_download pending_preflight pending
    /// deploying deployed failed unknown`.
    pub status: String,
    /// Why the status is what it is.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub status_info: String,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_on: Option<String>,
    /// Sequence of the application version; equal to `sequence` here.
    pub parent_sequence: i64,
    /// The number this version has in this installation.
    pub sequence: i64,
    /// RFC 3339, set when it was last told to be deployed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployed_at: Option<String>,
    /// What made it: `Online Install`, `Airgap Install`, `Upstream Update`, `Airgap Update`,
    /// `License Change`, `Config Change`.
    pub source: String,
    /// Whether preflights were skipped.
    pub preflight_skipped: bool,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream_released_at: Option<String>,
    /// Whether it may be deployed now.
    pub is_deployable: bool,
    /// Why it may not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub non_deployable_cause: Option<String>,
    /// The vendor's notes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release_notes: Option<String>,
    /// Preflight result as JSON text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preflight_result: Option<String>,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preflight_result_created_at: Option<String>,
    /// Whether a strict analyzer failed or has not run.
    pub has_failing_strict_preflights: bool,
    /// Whether it has a Config.
    pub has_config: bool,
    /// Documents that could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_as_default")]
    pub yaml_errors: Vec<YamlError>,
    /// Whether it needs a newer console.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub needs_kots_upgrade: Option<bool>,
    /// State of a download that has not ended.
    pub download_status: DownloadStatus,
    /// Title of the application at this version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_title: Option<String>,
    /// Icon of the application at this version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_icon_uri: Option<String>,
    /// Hex sha256 of the air-gap bundle's `app.tar.gz` this version came from. An addition of ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archive_sha256: Option<String>,
    /// Hex sha256 over the config values document it was last given. An addition of ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config_values_sha256: Option<String>,
}

/// A document of a release that could not be read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct YamlError {
    /// Path within the release.
    pub path: String,
    /// The reader's words.
    pub error: String,
}

/// State of a download that has not ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DownloadStatus {
    /// For a person.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// `running`, `failed` or empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub status: String,
}

/// `GET /api/v1/app/{slug}/versions`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct VersionsReply {
    /// One page, newest first.
    #[serde(deserialize_with = "null_as_default")]
    pub version_history: Vec<DownstreamVersion>,
    /// How many there are in all.
    pub total_count: i64,
    /// Left out by `pinLatest…`.
    pub num_of_skipped_versions: i64,
    /// Older than this page.
    pub num_of_remaining_versions: i64,
}

/// `GET /api/v1/app/{slug}/status`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppStatusReply {
    /// Null from the original until informers reported once.
    #[serde(default)]
    pub appstatus: Option<AppStatus>,
}

/// What the status informers last reported.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AppStatus {
    /// The application's identifier.
    pub app_id: String,
    /// One entry per informer.
    #[serde(deserialize_with = "null_as_default")]
    pub resource_states: Vec<ResourceState>,
    /// RFC 3339.
    pub updated_at: String,
    /// Worst of the entries: `missing unavailable degraded updating ready`.
    pub state: String,
    /// The version the informers belong to.
    pub sequence: i64,
}

/// State of one resource.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ResourceState {
    /// `deployment`, `statefulset`, `service`, `ingress`, `persistentvolumeclaim`, `daemonset`, or
    /// `EMPTY` for an application without informers.
    pub kind: String,
    /// Name in its namespace.
    pub name: String,
    /// Namespace.
    pub namespace: String,
    /// `missing unavailable degraded updating ready`.
    pub state: String,
    /// Why it is not ready. An addition of ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// `GET /api/v1/app/{slug}/task/updatedownload` and its variant per sequence.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TaskStatusReply {
    /// For a person.
    pub current_message: String,
    /// `running`, `failed`, or empty: never started, succeeded, or not touched for 60 s.
    pub status: String,
    /// The reason of a failure, kept for ever. An addition of ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
}

/// `GET /api/v1/app/{slug}/automated/status`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AutomatedStatusReply {
    /// JSON text of `{"message", "versionStatus", "error"}`.
    pub message: String,
    /// `running`, `success`, `failed` or empty.
    pub status: String,
    /// RFC 3339.
    pub updated_at: Option<String>,
}

/// `POST /api/v1/app/{slug}/can-install`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CanInstallRequest {
    /// The release's Application document; empty when there is none.
    pub app_spec: String,
    /// The bundle's `airgap.yaml`; empty online.
    pub airgap_spec: String,
    /// Whether it is a first installation.
    pub is_install: bool,
}

/// Answer of `can-install`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CanInstallReply {
    /// Whether nothing is in the way.
    pub can_install: bool,
    /// What is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// `GET …/cluster/{id}/sequence/{n}/downstreamoutput`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DownstreamOutputReply {
    /// The last deploy's output, each field plain text.
    pub logs: DownstreamLogs,
}

/// Output of one deploy.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DownstreamLogs {
    /// Output of the dry run.
    pub dryrun_stdout: String,
    /// Errors of the dry run.
    pub dryrun_stderr: String,
    /// Output of the apply.
    pub apply_stdout: String,
    /// Errors of the apply.
    pub apply_stderr: String,
    /// Output of helm.
    pub helm_stdout: String,
    /// Errors of helm.
    pub helm_stderr: String,
    /// Why rendering failed.
    pub render_error: String,
}
