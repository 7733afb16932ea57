//! Every environment variable this program reads, in one place.
//!
//! Names are the original's where it has one. A flag wins over its variable.

/// Namespace the application is deployed to and the server lives in. Default `default`.
pub const POD_NAMESPACE: &str = "POD_NAMESPACE";
/// Namespace the application is deployed to, before [`POD_NAMESPACE`]; the server lives elsewhere then.
pub const KOTSADM_TARGET_NAMESPACE: &str = "KOTSADM_TARGET_NAMESPACE";
/// HS256 key of the session tokens. Made in the state folder when absent.
pub const SESSION_KEY: &str = "SESSION_KEY";
/// AES-192-GCM key text for passwords at rest. Made in the state folder when absent.
pub const API_ENCRYPTION_KEY: &str = "API_ENCRYPTION_KEY";
/// Bcrypt hash of the console's password. Without it, logging in by password is off.
pub const SHARED_PASSWORD_BCRYPT: &str = "SHARED_PASSWORD_BCRYPT";
/// The vendor's endpoint, before the licence's own.
pub const REPLICATED_APP_ENDPOINT: &str = "REPLICATED_APP_ENDPOINT";
/// The vendor's endpoint when [`REPLICATED_APP_ENDPOINT`] is not set.
pub const REPLICATED_API_ENDPOINT: &str = "REPLICATED_API_ENDPOINT";
/// The proxy for HTTP, for requests to the vendor and for templates that ask.
pub const HTTP_PROXY: &str = "HTTP_PROXY";
/// The proxy for HTTPS, for requests to the vendor and for templates that ask.
pub const HTTPS_PROXY: &str = "HTTPS_PROXY";
/// The hosts that need no proxy.
pub const NO_PROXY: &str = "NO_PROXY";
/// Name of the config map with private certificate authorities, for templates that ask.
pub const SSL_CERT_CONFIGMAP: &str = "SSL_CERT_CONFIGMAP";
/// Set where the server runs in an embedded cluster: versions with another cluster config may not be
/// gone back to.
pub const EMBEDDED_CLUSTER_ID: &str = "EMBEDDED_CLUSTER_ID";
/// Listening address (`--listen`). An addition of ours.
pub const KOTSADM_LISTEN: &str = "KOTSADM_LISTEN";
/// State folder (`--state`). An addition of ours.
pub const KOTSADM_STATE: &str = "KOTSADM_STATE";
/// Deploy target (`--target`). An addition of ours.
pub const KOTSADM_TARGET: &str = "KOTSADM_TARGET";
/// Takes fields over that others own in a cluster (`--force-conflicts`). An addition of ours.
pub const KOTSADM_FORCE_CONFLICTS: &str = "KOTSADM_FORCE_CONFLICTS";
/// Seconds that objects of a deploy are waited for (`--wait-limit`). An addition of ours.
pub const KOTSADM_WAIT_LIMIT: &str = "KOTSADM_WAIT_LIMIT";
/// The `helm` program. Default: `helm` on the PATH.
pub const KOTS_HELM: &str = "KOTS_HELM";
/// File with the auth string (`--auth-string-file`). An addition of ours.
pub const KOTSADM_AUTH_STRING_FILE: &str = "KOTSADM_AUTH_STRING_FILE";
/// Largest upload in bytes. An addition of ours; default 64 GiB.
pub const KOTSADM_MAX_UPLOAD_BYTES: &str = "KOTSADM_MAX_UPLOAD_BYTES";
/// The program that runs preflights. Default `preflight` on PATH. An addition of ours.
pub const KOTS_PREFLIGHT: &str = "KOTS_PREFLIGHT";
/// How long it may take, in seconds; default 900. An addition of ours.
pub const KOTS_PREFLIGHT_TIMEOUT_S: &str = "KOTS_PREFLIGHT_TIMEOUT_S";
/// Largest sum of all chunked uploads in bytes. An addition of ours; default four times the largest upload.
pub const KOTSADM_UPLOAD_QUOTA_BYTES: &str = "KOTSADM_UPLOAD_QUOTA_BYTES";
/// How many chunks of a bundle a browser sends at once. Default 3.
pub const AIRGAP_UPLOAD_PARALLELISM: &str = "AIRGAP_UPLOAD_PARALLELISM";
/// PEM file of authorities that the image registry's certificate may be of. An addition of ours.
pub const KOTSADM_REGISTRY_CA: &str = "KOTSADM_REGISTRY_CA";
/// `1`: the image registry is spoken to without TLS. An addition of ours.
pub const KOTSADM_REGISTRY_PLAIN_HTTP: &str = "KOTSADM_REGISTRY_PLAIN_HTTP";
/// `1`: any certificate of the image registry will do. An addition of ours.
pub const KOTSADM_REGISTRY_INSECURE_SKIP_TLS_VERIFY: &str =
    "KOTSADM_REGISTRY_INSECURE_SKIP_TLS_VERIFY";
/// The `kustomize` program. Default: the one on PATH. An addition of ours.
pub const KOTS_KUSTOMIZE: &str = "KOTS_KUSTOMIZE";
/// What is logged, in the syntax of `tracing-subscriber`. Default `info`.
pub const KOTSADM_LOG: &str = "KOTSADM_LOG";
/// `<point>[:n]`: kills the process at a write point. Only with the feature `faults`.
pub const KOTSADM_FAULT: &str = "KOTSADM_FAULT";

/// Variables that hold secrets of this server: no program it starts gets them.
pub const SECRETS: [&str; 3] = [SESSION_KEY, API_ENCRYPTION_KEY, SHARED_PASSWORD_BCRYPT];

/// Reads `name`; an empty value counts as absent.
pub fn read(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
