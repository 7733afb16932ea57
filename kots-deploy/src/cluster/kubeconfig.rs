//! From kubeconfig files and flags to one client configuration, by client-go's rules: `--kubeconfig`
//! names the only file; else the files of `KUBECONFIG`, else `~/.kube/config`, where missing ones do
//! not matter; flags win over files; without any of it, the service account of the pod we run in.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use kube::config::{
    AuthInfo, Cluster, Config, Context, KubeConfigOptions, Kubeconfig, NamedAuthInfo, NamedCluster,
    NamedContext,
};

use super::error::{ConfigError, chain};
use super::flags::{ConnectionFlags, Surroundings};

/// The name of every entry of the kubeconfig that is left after choosing.
const CHOSEN: &str = "chosen";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The chosen entries of the kubeconfig files.
#[derive(Debug, Clone)]
pub(super) struct Loaded {
    /// The namespace of the context.
    pub namespace: Option<String>,
    /// None when no file names a cluster.
    entries: Option<(Cluster, AuthInfo)>,
}

/// Reads the files and chooses the context, cluster and user.
pub(super) fn load(
    flags: &ConnectionFlags,
    surroundings: &Surroundings,
) -> Result<Loaded, ConfigError> {
    choose(read(flags, surroundings)?, flags)
}

fn read(flags: &ConnectionFlags, surroundings: &Surroundings) -> Result<Kubeconfig, ConfigError> {
    if let Some(path) = given(flags.kubeconfig.as_deref()) {
        let path = Path::new(path);
        if let Err(error) = std::fs::metadata(path) {
            return Err(ConfigError::Config(format!("stat {}: {}", path.display(), plain(&error))));
        }
        return read_one(path);
    }
    let paths: Vec<PathBuf> = match (&surroundings.kubeconfig, &surroundings.home) {
        (Some(list), _) => {
            std::env::split_paths(list).filter(|path| !path.as_os_str().is_empty()).collect()
        }
        (None, Some(home)) => vec![home.join(".kube").join("config")],
        (None, None) => Vec::new(),
    };
    let mut merged = Kubeconfig::default();
    for path in paths.iter().filter(|path| path.exists()) {
        merged = merged.merge(read_one(path)?).map_err(|error| unusable(&error))?;
    }
    Ok(merged)
}

fn read_one(path: &Path) -> Result<Kubeconfig, ConfigError> {
    Kubeconfig::read_from(path).map_err(|error| match error {
        kube::config::KubeconfigError::Parse(error) => ConfigError::Config(format!(
            "error loading config file \"{}\": {}",
            path.display(),
            first_line(&error.to_string())
        )),
        other => unusable(&other),
    })
}

fn choose(mut kubeconfig: Kubeconfig, flags: &ConnectionFlags) -> Result<Loaded, ConfigError> {
    let missing = |what: &str, name: &str| {
        Err(ConfigError::Config(format!("{what} \"{name}\" does not exist")))
    };
    let context_name = given(flags.context.as_deref())
        .or(given(kubeconfig.current_context.as_deref()))
        .map(str::to_owned);
    let context = match &context_name {
        None => None,
        Some(name) => {
            let found = kubeconfig.contexts.iter().find(|entry| &entry.name == name);
            match found {
                Some(entry) => entry.context.clone(),
                None => return missing("context", name),
            }
        }
    };
    let namespace = context.as_ref().and_then(|context| context.namespace.clone());

    let cluster_name = given(flags.cluster.as_deref())
        .or(context.as_ref().map(|context| context.cluster.as_str()))
        .map(str::to_owned);
    let cluster = match &cluster_name {
        None => None,
        Some(name) => {
            let found = kubeconfig.clusters.iter().position(|entry| &entry.name == name);
            match found {
                Some(index) => kubeconfig.clusters.swap_remove(index).cluster,
                None if given(flags.server.as_deref()).is_some() => None,
                None => return missing("cluster", name),
            }
        }
    };
    let user_name = given(flags.user.as_deref())
        .or(context.as_ref().and_then(|context| context.user.as_deref()));
    let user = match user_name {
        None => None,
        Some(name) => {
            let found = kubeconfig.auth_infos.iter().find(|entry| entry.name == name);
            match found {
                Some(entry) => entry.auth_info.clone(),
                None if given(flags.user.as_deref()).is_some() => {
                    return missing("auth info", name);
                }
                None => None,
            }
        }
    };
    let named = cluster.is_some() || given(flags.server.as_deref()).is_some();
    let entries = named.then(|| (cluster.unwrap_or_default(), user.unwrap_or_default()));
    Ok(Loaded { namespace, entries })
}

/// Makes the client configuration and reads `--request-timeout`.
pub(super) async fn client_config(
    loaded: Loaded,
    flags: &ConnectionFlags,
    surroundings: &Surroundings,
) -> Result<(Config, Option<Duration>), ConfigError> {
    let request_timeout = request_timeout(flags.request_timeout.as_deref())?;
    let mut config = match loaded.entries {
        Some((mut cluster, mut user)) => {
            override_cluster(&mut cluster, flags);
            override_user(&mut user, flags)?;
            let proxy = cluster.proxy_url.clone();
            let kubeconfig = alone(cluster, user);
            let options = KubeConfigOptions::default();
            let mut config = Config::from_custom_kubeconfig(kubeconfig, &options)
                .await
                .map_err(|error| unusable(&error))?;
            config.proxy_url = proxy_url(proxy.as_deref(), &config.cluster_url, surroundings)?;
            config
        }
        None if surroundings.in_cluster => {
            let mut config = Config::incluster().map_err(|error| unusable(&error))?;
            override_user(&mut config.auth_info, flags)?;
            config
        }
        None => {
            return Err(ConfigError::Config(
                "invalid configuration: no configuration has been provided, try setting \
                 KUBERNETES_MASTER environment variable"
                    .to_owned(),
            ));
        }
    };
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    config.default_retry = false;
    Ok((config, request_timeout))
}

/// Returns the proxy of the API server: the kubeconfig's whatever the environment says, else the
/// environment's unless `NO_PROXY` names the API server. (kube compares `NO_PROXY` with the address
/// of the proxy, so its choice is not used.)
fn proxy_url(
    from_file: Option<&str>,
    server: &Uri,
    surroundings: &Surroundings,
) -> Result<Option<Uri>, ConfigError> {
    let from_environment = match server.scheme_str() {
        Some("http") => surroundings.http_proxy.as_deref(),
        _ => surroundings.https_proxy.as_deref(),
    };
    let proxy = match (given(from_file), from_environment) {
        (Some(proxy), _) => proxy,
        (None, Some(proxy)) if intercepts(proxy, server, surroundings) => proxy,
        (None, _) => return Ok(None),
    };
    let url = if proxy.contains("://") { proxy.to_owned() } else { format!("http://{proxy}") };
    url.parse().map(Some).map_err(|error| {
        // The text may hold a password.
        ConfigError::Config(format!("the URL of the API server's proxy cannot be read: {error}"))
    })
}

/// Whether a request to `server` goes through `proxy`: not to this machine, as in Go, and not to
/// what `NO_PROXY` lists.
fn intercepts(proxy: &str, server: &Uri, surroundings: &Surroundings) -> bool {
    let host = server.host().unwrap_or_default().trim_matches(['[', ']']);
    let address: Option<IpAddr> = host.parse().ok();
    if host == "localhost" || address.is_some_and(|address| address.is_loopback()) {
        return false;
    }
    let rules = Matcher::builder()
        .http(proxy.to_owned())
        .https(proxy.to_owned())
        .no(surroundings.no_proxy.clone().unwrap_or_default())
        .build();
    rules.intercept(server).is_some()
}

fn alone(cluster: Cluster, user: AuthInfo) -> Kubeconfig {
    Kubeconfig {
        clusters: vec![NamedCluster {
            name: CHOSEN.to_owned(),
            cluster: Some(cluster),
            ..NamedCluster::default()
        }],
        auth_infos: vec![NamedAuthInfo {
            name: CHOSEN.to_owned(),
            auth_info: Some(user),
            ..NamedAuthInfo::default()
        }],
        contexts: vec![NamedContext {
            name: CHOSEN.to_owned(),
            context: Some(Context {
                cluster: CHOSEN.to_owned(),
                user: Some(CHOSEN.to_owned()),
                ..Context::default()
            }),
            ..NamedContext::default()
        }],
        current_context: Some(CHOSEN.to_owned()),
        ..Kubeconfig::default()
    }
}

fn override_cluster(cluster: &mut Cluster, flags: &ConnectionFlags) {
    if let Some(server) = given(flags.server.as_deref()) {
        // client-go takes a bare host too, as plain HTTP on its default port.
        let server =
            if server.contains("://") { server.to_owned() } else { format!("http://{server}") };
        cluster.server = Some(server);
    }
    if let Some(name) = given(flags.tls_server_name.as_deref()) {
        cluster.tls_server_name = Some(name.to_owned());
    }
    if let Some(file) = given(flags.certificate_authority.as_deref()) {
        cluster.certificate_authority = Some(file.to_owned());
        cluster.certificate_authority_data = None;
        cluster.insecure_skip_tls_verify = None;
    }
    if flags.insecure_skip_tls_verify {
        cluster.insecure_skip_tls_verify = Some(true);
        cluster.certificate_authority = None;
        cluster.certificate_authority_data = None;
    }
}

fn override_user(user: &mut AuthInfo, flags: &ConnectionFlags) -> Result<(), ConfigError> {
    if let Some(file) = given(flags.client_certificate.as_deref()) {
        user.client_certificate = Some(file.to_owned());
        user.client_certificate_data = None;
    }
    if let Some(file) = given(flags.client_key.as_deref()) {
        user.client_key = Some(file.to_owned());
        user.client_key_data = None;
    }
    if let Some(token) = &flags.token {
        // The token given is the one meant, whatever else the file says about this user.
        *user = AuthInfo {
            token: Some(token.clone()),
            client_certificate: user.client_certificate.take(),
            client_certificate_data: user.client_certificate_data.take(),
            client_key: user.client_key.take(),
            client_key_data: user.client_key_data.take(),
            impersonate: user.impersonate.take(),
            impersonate_uid: user.impersonate_uid.take(),
            impersonate_groups: user.impersonate_groups.take(),
            impersonate_user_extra: user.impersonate_user_extra.take(),
            ..AuthInfo::default()
        };
    }
    if let Some(name) = given(flags.impersonate.as_deref()) {
        user.impersonate = Some(name.to_owned());
    }
    if let Some(uid) = given(flags.impersonate_uid.as_deref()) {
        user.impersonate_uid = Some(uid.to_owned());
    }
    if !flags.impersonate_groups.is_empty() {
        user.impersonate_groups = Some(flags.impersonate_groups.clone());
    }
    if !flags.impersonate_user_extra.is_empty() {
        user.impersonate_user_extra = Some(user_extra(&flags.impersonate_user_extra)?);
    }
    let details = user.impersonate_uid.is_some()
        || user.impersonate_groups.is_some()
        || user.impersonate_user_extra.is_some();
    if details && user.impersonate.is_none() {
        return Err(ConfigError::Config(
            "requesting uid, groups or user-extra without impersonating a user".to_owned(),
        ));
    }
    Ok(())
}

fn user_extra(given: &[String]) -> Result<HashMap<String, Vec<String>>, ConfigError> {
    let mut extra: HashMap<String, Vec<String>> = HashMap::new();
    for pair in given {
        let Some((key, value)) = pair.split_once('=') else {
            return Err(ConfigError::Config(format!(
                "--as-user-extra `{pair}` is not of the form KEY=VALUE"
            )));
        };
        extra.entry(key.to_owned()).or_default().push(value.to_owned());
    }
    Ok(extra)
}

/// Reads `--request-timeout` as client-go's `ParseTimeout`: whole seconds or a duration with units;
/// zero is no limit.
fn request_timeout(text: Option<&str>) -> Result<Option<Duration>, ConfigError> {
    let Some(text) = given(text) else { return Ok(None) };
    let timeout = match text.parse::<u64>() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => go_duration(text),
    };
    match timeout {
        Some(Duration::ZERO) => Ok(None),
        Some(timeout) => Ok(Some(timeout)),
        None => Err(ConfigError::Config(
            "invalid timeout value. Timeout must be a single integer in seconds, or an integer \
             followed by a corresponding time unit (e.g. 1s | 2m | 3h)"
                .to_owned(),
        )),
    }
}

fn go_duration(text: &str) -> Option<Duration> {
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(digits);
        let unit_length = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_length);
        let seconds = match unit {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        let piece = Duration::try_from_secs_f64(number.parse::<f64>().ok()? * seconds).ok()?;
        total = total.checked_add(piece)?;
        rest = tail;
    }
    Some(total)
}

fn given(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

fn unusable(error: &(dyn std::error::Error + 'static)) -> ConfigError {
    ConfigError::Config(chain(error))
}

fn plain(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "no such file or directory".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}

/// YAML errors show the file's text in further lines; a kubeconfig holds secrets.
fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

#[cfg(test)]
mod tests;
