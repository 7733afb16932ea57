//! Files in a row, contexts, logins, and what is wrong with them.

use secrecy::ExposeSecret as _;

use super::*;

const TWO: &str = "
apiVersion: v1
kind: Config
current-context: one
clusters:
- {name: a, cluster: {server: 'https://a:6443', insecure-skip-tls-verify: true}}
- {name: b, cluster: {server: 'https://b:6443'}}
users:
- {name: u, user: {token: secret-u}}
contexts:
- {name: one, context: {cluster: a, user: u, namespace: first}}
- {name: two, context: {cluster: b, user: u, namespace: second}}
- {name: gone, context: {cluster: c, user: u}}
";

struct Case {
    dir: tempfile::TempDir,
    flags: ConnectionFlags,
}

impl Case {
    fn new(flags: ConnectionFlags) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::write(dir.path().join("config"), TWO).expect("a file");
        Self { dir, flags }
    }

    async fn run(self) -> Result<(Option<String>, Config), String> {
        let list =
            std::env::join_paths([self.dir.path().join("missing"), self.dir.path().join("config")])
                .expect("a list");
        let surroundings = Surroundings { kubeconfig: Some(list), ..Surroundings::default() };
        let clean = |error: ConfigError| {
            error.to_string().replace(&self.dir.path().display().to_string(), "DIR")
        };
        let loaded = load(&self.flags, &surroundings).map_err(clean)?;
        let namespace = loaded.namespace.clone();
        let (config, _) = client_config(loaded, &self.flags, &surroundings).await.map_err(clean)?;
        Ok((namespace, config))
    }
}

async fn check(flags: ConnectionFlags) -> String {
    match Case::new(flags).run().await {
        Ok((namespace, config)) => format!(
            "{} namespace={} insecure={} token={}",
            config.cluster_url,
            namespace.unwrap_or_default(),
            config.accept_invalid_certs,
            config.auth_info.token.as_ref().map_or("-", |token| token.expose_secret()),
        ),
        Err(error) => error,
    }
}

#[tokio::test]
async fn flags_win_over_the_file() {
    let none = ConnectionFlags::default;
    insta::assert_snapshot!(check(none()).await, @"https://a:6443/ namespace=first insecure=true token=secret-u");
    insta::assert_snapshot!(check(ConnectionFlags { context: Some("two".into()), ..none() }).await, @"https://b:6443/ namespace=second insecure=false token=secret-u");
    insta::assert_snapshot!(check(ConnectionFlags { cluster: Some("b".into()), ..none() }).await, @"https://b:6443/ namespace=first insecure=false token=secret-u");
    insta::assert_snapshot!(check(ConnectionFlags { server: Some("https://c:1".into()), token: Some("t".into()), ..none() }).await, @"https://c:1/ namespace=first insecure=true token=t");
    insta::assert_snapshot!(check(ConnectionFlags { insecure_skip_tls_verify: true, context: Some("two".into()), ..none() }).await, @"https://b:6443/ namespace=second insecure=true token=secret-u");
}

#[tokio::test]
async fn mistakes_are_named() {
    let none = ConnectionFlags::default;
    insta::assert_snapshot!(check(ConnectionFlags { context: Some("three".into()), ..none() }).await, @r#"failed to get cluster config: failed to convert kube flags to rest config: context "three" does not exist"#);
    insta::assert_snapshot!(check(ConnectionFlags { context: Some("gone".into()), ..none() }).await, @r#"failed to get cluster config: failed to convert kube flags to rest config: cluster "c" does not exist"#);
    insta::assert_snapshot!(check(ConnectionFlags { user: Some("x".into()), ..none() }).await, @r#"failed to get cluster config: failed to convert kube flags to rest config: auth info "x" does not exist"#);
    insta::assert_snapshot!(check(ConnectionFlags { kubeconfig: Some("/nowhere".into()), ..none() }).await, @"failed to get cluster config: failed to convert kube flags to rest config: stat /nowhere: no such file or directory");
    insta::assert_snapshot!(check(ConnectionFlags { request_timeout: Some("soon".into()), ..none() }).await, @"failed to get cluster config: failed to convert kube flags to rest config: invalid timeout value. Timeout must be a single integer in seconds, or an integer followed by a corresponding time unit (e.g. 1s | 2m | 3h)");
    insta::assert_snapshot!(check(ConnectionFlags { impersonate_groups: vec!["g".into()], ..none() }).await, @"failed to get cluster config: failed to convert kube flags to rest config: requesting uid, groups or user-extra without impersonating a user");
}

#[tokio::test]
async fn nothing_at_all_is_said_so() {
    let surroundings = Surroundings::default();
    let flags = ConnectionFlags::default();
    let loaded = load(&flags, &surroundings).expect("an empty kubeconfig is fine");
    assert!(loaded.namespace.is_none());
    let error = client_config(loaded, &flags, &surroundings).await.expect_err("no cluster");
    insta::assert_snapshot!(error.to_string(), @"failed to get cluster config: failed to convert kube flags to rest config: invalid configuration: no configuration has been provided, try setting KUBERNETES_MASTER environment variable");
}

#[test]
fn proxies() {
    let check = |from_file: Option<&str>, server: &str, no_proxy: &str| {
        let surroundings = Surroundings {
            http_proxy: Some("plain:3128".into()),
            https_proxy: Some("http://me:pw@secure:3128".into()),
            no_proxy: Some(no_proxy.to_owned()),
            ..Surroundings::default()
        };
        let proxy = proxy_url(from_file, &server.parse().expect("a URI"), &surroundings);
        proxy.expect("a proxy").map_or_else(|| "none".to_owned(), |proxy| proxy.to_string())
    };
    assert_eq!(check(None, "https://k:6443", ""), "http://me:pw@secure:3128/");
    assert_eq!(check(None, "http://k:6443", ""), "http://plain:3128/");
    assert_eq!(check(None, "https://10.1.2.3:6443", "a,10.0.0.0/8,"), "none");
    assert_eq!(check(None, "https://k.corp:6443", ".corp"), "none");
    assert_eq!(check(None, "https://k:6443", "secure"), "http://me:pw@secure:3128/");
    assert_eq!(check(None, "https://127.0.0.1:6443", ""), "none");
    assert_eq!(check(None, "https://[::1]:6443", ""), "none");
    assert_eq!(check(Some("http://own:1"), "https://k.corp:6443", ".corp"), "http://own:1/");
}

#[test]
fn timeouts() {
    let check = |text| request_timeout(Some(text)).expect("a timeout");
    assert_eq!(check("0"), None);
    assert_eq!(check("30"), Some(Duration::from_secs(30)));
    assert_eq!(check("1m30s"), Some(Duration::from_secs(90)));
    assert_eq!(check("1.5s"), Some(Duration::from_millis(1500)));
    assert!(request_timeout(Some("1")).is_ok() && request_timeout(Some("1d")).is_err());
}
