//! The connection flags of kubectl, as typed.

use std::ffi::OsString;
use std::path::PathBuf;

/// Every connection flag (kots-cli §1.3) exactly as given; empty text counts as not given.
/// `--cache-dir` and `--disable-compression` have no effect here: nothing is cached, and answers
/// are never compressed.
#[derive(Debug, Clone, Default)]
pub struct ConnectionFlags {
    /// `--kubeconfig`: this file and no other.
    pub kubeconfig: Option<String>,
    /// `--context`.
    pub context: Option<String>,
    /// `--cluster`: an entry of the kubeconfig.
    pub cluster: Option<String>,
    /// `--user`: an entry of the kubeconfig.
    pub user: Option<String>,
    /// `--server`, `-s`.
    pub server: Option<String>,
    /// `--tls-server-name`.
    pub tls_server_name: Option<String>,
    /// `--insecure-skip-tls-verify`.
    pub insecure_skip_tls_verify: bool,
    /// `--certificate-authority`: a file.
    pub certificate_authority: Option<String>,
    /// `--client-certificate`: a file.
    pub client_certificate: Option<String>,
    /// `--client-key`: a file.
    pub client_key: Option<String>,
    /// `--token`.
    pub token: Option<secrecy::SecretString>,
    /// `--as`.
    pub impersonate: Option<String>,
    /// `--as-uid`.
    pub impersonate_uid: Option<String>,
    /// `--as-group`, as often as given.
    pub impersonate_groups: Vec<String>,
    /// `--as-user-extra`, `key=value` as often as given.
    pub impersonate_user_extra: Vec<String>,
    /// `--request-timeout`: seconds or a Go duration; `0` is none.
    pub request_timeout: Option<String>,
    /// `--cache-dir`; accepted, no effect.
    pub cache_dir: Option<String>,
    /// `--disable-compression`; accepted, no effect.
    pub disable_compression: bool,
}

/// What the process environment says about clusters, read once at the edge.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// `KUBECONFIG`: a list of files.
    pub kubeconfig: Option<OsString>,
    /// `HOME`.
    pub home: Option<PathBuf>,
    /// `HTTP_PROXY` or `http_proxy`: for an API server at an http address.
    pub http_proxy: Option<String>,
    /// `HTTPS_PROXY` or `https_proxy`: for an API server at an https address.
    pub https_proxy: Option<String>,
    /// `NO_PROXY` or `no_proxy`: what is reached without either.
    pub no_proxy: Option<String>,
    /// Whether a service account and the API server's address are at hand.
    pub in_cluster: bool,
    /// Whether `EMBEDDED_CLUSTER_ID` is set: a created auth secret then gets extra labels.
    pub embedded_cluster: bool,
}

impl Surroundings {
    /// Reads the process environment.
    pub fn from_process() -> Self {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let text = |names: [&str; 2]| {
            names.iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
        };
        let token = "/var/run/secrets/kubernetes.io/serviceaccount/token";
        Self {
            kubeconfig: std::env::var_os("KUBECONFIG").filter(|value| !value.is_empty()),
            home: std::env::var_os("HOME").filter(|value| !value.is_empty()).map(PathBuf::from),
            http_proxy: text(["HTTP_PROXY", "http_proxy"]),
            https_proxy: text(["HTTPS_PROXY", "https_proxy"]),
            no_proxy: text(["NO_PROXY", "no_proxy"]),
            in_cluster: set("KUBERNETES_SERVICE_HOST")
                && set("KUBERNETES_SERVICE_PORT")
                && std::path::Path::new(token).is_file(),
            embedded_cluster: set("EMBEDDED_CLUSTER_ID"),
        }
    }
}
