//! With a cluster: a Kubernetes API in memory, and the original's `kots` played by a script that notes
//! how it was called.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use base64::Engine as _;
use fake_kube::FakeKube;
use serde_json::{Value, json};

use crate::harness::{Manager, PASSWORD, Site};

const NAMESPACE: &str = "sample-app";

/// A cluster with an admin console, and a site whose commands go to it.
pub(crate) struct Cluster {
    runtime: tokio::runtime::Runtime,
    kube: FakeKube,
    pub(crate) site: Site,
}

fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

impl Cluster {
    pub(crate) fn start(site: Site) -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let kube = runtime.block_on(FakeKube::start());
        let cluster = Self { runtime, kube, site };
        let crd = json!({
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": { "name": "installations.embeddedcluster.replicated.com" },
            "spec": {
                "group": "embeddedcluster.replicated.com",
                "scope": "Cluster",
                "names": { "plural": "installations", "singular": "installation", "kind": "Installation", "listKind": "InstallationList" },
                "versions": [{ "name": "v1beta1", "served": true, "storage": true, "schema": { "openAPIV3Schema": { "type": "object", "x-kubernetes-preserve-unknown-fields": true } } }],
            },
        });
        cluster.create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", &crd);
        let installation = |name: &str, id: &str| {
            json!({
                "apiVersion": "embeddedcluster.replicated.com/v1beta1",
                "kind": "Installation",
                "metadata": { "name": name },
                "spec": { "clusterID": id },
            })
        };
        let path = "/apis/embeddedcluster.replicated.com/v1beta1/installations";
        cluster.create(path, &installation("20260101000000", "older"));
        cluster.create(path, &installation("20260201000000", "the-cluster"));
        cluster.create(
            "/api/v1/namespaces",
            &json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": NAMESPACE } }),
        );
        let hash = bcrypt::hash(PASSWORD, 4).unwrap();
        cluster.secret("kotsadm-password", &[("passwordBcrypt", hash.as_bytes())]);
        let made =
            rcgen::generate_simple_self_signed(vec!["console.example.com".to_owned()]).unwrap();
        let (cert, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        cluster.secret("kotsadm-tls", &[("tls.crt", cert.as_bytes()), ("tls.key", key.as_bytes())]);
        let script = format!(
            "#!/bin/sh\necho \"$*\" >> '{calls}'\nenv | grep -E '^(EMBEDDED_CLUSTER_ID|POD_NAMESPACE|REPLICATED_APP_ENDPOINT|KOTS_REGISTRY_PASSWORD)=' | sort > '{env}'\n\
             env | grep -iE '^(KUBECONFIG|[a-z]*_proxy)=' | LC_ALL=C sort > '{surroundings}'\n\
             [ \"$1\" = admin-console ] && [ -x '{real}' ] && exec '{real}' \"$@\"\n\
             [ \"$1\" = get ] && {{ cat '{versions}'; exit 0; }}\n\
             [ \"$1\" = deploy ] && cp \"$4\" '{given}'\n\
             echo '  • Done ✓'\nexit 0\n",
            calls = cluster.site.path("calls").display(),
            env = cluster.site.path("env").display(),
            surroundings = cluster.site.path("surroundings").display(),
            versions = cluster.site.path("versions.json").display(),
            given = cluster.site.path("given.yaml").display(),
            // A link to the real `kots`, where a test wants images to be pushed.
            real = cluster.site.path("pushing-kots").display(),
        );
        let kots = cluster.site.path("kubectl-kots");
        std::fs::write(&kots, script).unwrap();
        std::fs::set_permissions(&kots, std::fs::Permissions::from_mode(0o755)).unwrap();
        cluster.current("1.0.0", 1, "deployed");
        cluster
    }

    /// What `kots get versions` answers.
    fn current(&self, label: &str, sequence: i64, status: &str) {
        let versions = json!([
            { "versionLabel": "next", "channelSequence": 9, "sequence": 4, "status": "pending" },
            { "versionLabel": label, "channelSequence": sequence, "sequence": 3, "status": status },
        ]);
        std::fs::write(self.site.path("versions.json"), versions.to_string()).unwrap();
    }

    /// A newer Installation of the embedded cluster.
    fn installed(&self, version: &str, port: u16) {
        let installation = json!({
            "apiVersion": "embeddedcluster.replicated.com/v1beta1",
            "kind": "Installation",
            "metadata": { "name": "20260301000000" },
            "spec": {
                "clusterID": "the-cluster",
                "config": { "version": version },
                "runtimeConfig": { "manager": { "port": port } },
            },
        });
        let path = "/apis/embeddedcluster.replicated.com/v1beta1/installations";
        self.create(path, &installation);
    }

    /// The arguments for a release folder of 1.1.0 that is made for a version of the embedded cluster.
    fn release(&self, version: &str, extra: &str) -> [String; 2] {
        let folder = self.site.path("made-for");
        std::fs::create_dir_all(&folder).unwrap();
        let told = format!(
            "channelID: {}\nchannelSlug: stable\nchannelSequence: 2\nappSlug: {}\nversionLabel: 1.1.0\n{extra}",
            sample::STABLE_ID,
            sample::APP_SLUG
        );
        std::fs::write(folder.join("release.yaml"), told).unwrap();
        let config = format!(
            "apiVersion: embeddedcluster.replicated.com/v1beta1\nkind: Config\nspec: {{version: {version}}}\n"
        );
        std::fs::write(folder.join("cluster.yaml"), config).unwrap();
        ["--release".to_owned(), folder.display().to_string()]
    }

    fn create(&self, path: &str, object: &Value) {
        let url = format!("{}{path}", self.kube.url());
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let sent = self.runtime.block_on(client.post(url).json(object).send()).unwrap();
        assert!(sent.status().is_success(), "{path}: {}", sent.status());
    }

    pub(crate) fn secret(&self, name: &str, data: &[(&str, &[u8])]) {
        let data: serde_json::Map<String, Value> =
            data.iter().map(|(key, value)| ((*key).to_owned(), json!(base64(value)))).collect();
        let secret = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": { "name": name, "namespace": NAMESPACE },
            "data": data,
        });
        self.create(&format!("/api/v1/namespaces/{NAMESPACE}/secrets"), &secret);
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        self.command_of("upgrade", "linux", args)
    }

    fn command_of(&self, verb: &str, target: &str, args: &[&str]) -> Command {
        let site = &self.site;
        let mut command = Command::new(env!("CARGO_BIN_EXE_installer"));
        command
            .args([verb, "--target", target, "--manager-port", "0", "--license"])
            .arg(site.path("license.yaml"))
            .arg("--license-root-key")
            .arg(sample::keys::root_public_path())
            .arg("--data-dir")
            .arg(site.path("data"))
            .arg("--kots-binary")
            .arg(site.path("kubectl-kots"))
            .args(args)
            .env("ENABLE_V3", "1")
            .env("DISABLE_TELEMETRY", "1")
            .env("KUBECONFIG", self.kube.kubeconfig())
            .env("REPLICATED_APP_ENDPOINT", &site.vendor.url);
        command
    }

    pub(crate) fn headless(&self, args: &[&str]) -> (i32, String) {
        let mut command = self.command(args);
        command.arg("--headless").arg("--config-values").arg(self.site.path("values.yaml"));
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code().unwrap_or(-1), text)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        let text = std::fs::read_to_string(self.site.path(name)).unwrap();
        text.replace(&self.site.folder.path().display().to_string(), "FOLDER")
            .replace(&self.site.vendor.url, "VENDOR")
    }
}

/// Whether the tests run as root, which `--target linux` needs with a cluster.
pub(crate) fn is_root() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        skipped::skipped!("linux upgrades with a cluster, because they need root");
    }
    is_root
}

#[test]
fn the_originals_kots_is_called_by_the_letter_and_the_answers_are_kept() {
    if !is_root() {
        return;
    }
    let cluster = Cluster::start(Site::installed());
    let (code, text) = cluster.headless(&[]);
    assert_eq!(code, 0, "{text}");
    insta::assert_snapshot!(cluster.read("calls"), @r"
    get versions sample-app -n sample-app -o json
    deploy sample-app --config-values FOLDER/data/runs/app/config-values.yaml --channel-id 2fVbTqW8hL0dYkXcRzM4uJpS1aN --channel-sequence 2 --namespace sample-app --skip-preflights
    ");
    insta::assert_snapshot!(cluster.read("env"), @r"
    EMBEDDED_CLUSTER_ID=the-cluster
    POD_NAMESPACE=sample-app
    REPLICATED_APP_ENDPOINT=VENDOR
    ");
    let secret = cluster.kube.object("secrets", NAMESPACE, "sample-app-config-values").unwrap();
    insta::assert_json_snapshot!(secret["metadata"]["labels"], @r#"
    {
      "app.kubernetes.io/component": "config",
      "app.kubernetes.io/managed-by": "embedded-cluster-installer",
      "app.kubernetes.io/name": "sample-app",
      "app.kubernetes.io/part-of": "embedded-cluster",
      "app.kubernetes.io/version": "1.1.0"
    }
    "#);
    let kept = secret["data"]["config-values.yaml"].as_str().unwrap();
    let kept = base64::engine::general_purpose::STANDARD.decode(kept).unwrap();
    assert_eq!(String::from_utf8(kept).unwrap(), cluster.read("given.yaml"));
}

#[test]
fn images_of_a_bundle_go_to_the_registry_of_the_cluster() {
    if !is_root() {
        return;
    }
    let cluster = Cluster::start(Site::installed_airgapped());
    let bundle = cluster.site.path("1.1.0.airgap").display().to_string();
    let (code, text) = cluster.headless(&["--airgap-bundle", &bundle]);
    assert_eq!(code, 1);
    assert!(
        text.ends_with(
            "Error: process airgap: registry settings are required for airgap installations\n"
        ),
        "{text}"
    );
    let config = json!({ "auths": { "10.96.0.11:5000": { "username": "embedded-cluster", "password": "pushing-secret" } } });
    cluster.secret("registry-creds", &[(".dockerconfigjson", config.to_string().as_bytes())]);
    let (code, text) = cluster.headless(&["--airgap-bundle", &bundle]);
    assert_eq!(code, 0, "{text}");
    let calls = cluster.read("calls");
    let pushes: Vec<_> = calls.lines().filter(|it| it.starts_with("admin-console")).collect();
    assert_eq!(
        pushes,
        [
            "admin-console push-images FOLDER/1.1.0.airgap 10.96.0.11:5000/sample-app --registry-username embedded-cluster"
        ]
    );
    assert!(calls.contains("--license FOLDER/data/runs/app/license.yaml --airgap-bundle FOLDER/1.1.0.airgap --disable-image-push --namespace sample-app --skip-preflights"), "{calls}");
}

#[test]
fn the_manager_has_the_consoles_certificate_password_and_answers() {
    if !is_root() {
        return;
    }
    let cluster = Cluster::start(Site::installed());
    let document = "apiVersion: kots.io/v1beta1\nkind: ConfigValues\nmetadata: {name: c}\nspec: {values: {hostname: {value: kept.example.com}, admin_password: {valuePlaintext: kept-secret}}}\n";
    cluster.secret("sample-app-config-values", &[("config-values.yaml", document.as_bytes())]);
    let manager = Manager::start(cluster.command(&[]), "/api/linux/upgrade");
    assert!(manager.said.contains("https://console.example.com:"), "{}", manager.said);
    let manager = manager.login();
    let kept = manager.get("/app/config/values").ok();
    assert_eq!(kept["values"]["hostname"]["value"], "kept.example.com");
    assert_eq!(kept["values"]["admin_password"]["value"], "••••••••");
}

#[test]
fn what_the_cluster_does_not_have_is_named() {
    if !is_root() {
        return;
    }
    let cluster = Cluster::start(Site::installed());
    let delete = |name: &str| {
        let url = format!("{}/api/v1/namespaces/{NAMESPACE}/secrets/{name}", cluster.kube.url());
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        cluster.runtime.block_on(client.delete(url).send()).unwrap();
    };
    cluster.current("1.2.0", 3, "deployed");
    let (code, text) = cluster.headless(&[]);
    assert_eq!(code, 1);
    assert_eq!(
        text,
        "Error: downgrade detected: cannot upgrade from app version 1.2.0 to older version 1.1.0\n"
    );
    delete("kotsadm-password");
    assert_eq!(
        cluster.headless(&[]).1,
        "Error: there is no secret kotsadm-password in the namespace sample-app; the admin console makes it: name its namespace by --namespace\n"
    );
    delete("kotsadm-tls");
    cluster.secret("kotsadm-tls", &[("tls.crt", b"no certificate"), ("tls.key", b"")]);
    let (code, text) = cluster.headless(&[]);
    assert_eq!(code, 1);
    assert_eq!(
        text,
        "Error: the certificate in the secret kotsadm-tls cannot be used: there is no certificate in PEM form in it\n"
    );
    cluster.kube.refuse(|_, path, _| {
        path.contains("/installations").then(|| (403, "Forbidden", "not for you".to_owned()))
    });
    let (code, text) = cluster.headless(&[]);
    assert_eq!(code, 1);
    assert!(
        text.contains("could not list the installations of the embedded cluster")
            && text.contains("not for you"),
        "{text}"
    );
}

#[test]
fn without_an_admin_console_the_step_fails_with_the_reason_and_can_be_done_again() {
    let cluster = Cluster::start(Site::installed());
    let folder = cluster.site.path("fixture");
    std::fs::create_dir_all(&folder).unwrap();
    let fixture = json!({ "state": "InstallationConfigured" });
    std::fs::write(folder.join("fixture.json"), fixture.to_string()).unwrap();
    let args = ["--namespace", NAMESPACE, "--fixture", folder.to_str().unwrap()];
    let command = cluster.command_of("install", "kubernetes", &args);
    let manager = Manager::start(command, "/api/kubernetes/install").login();
    let setup = |path: &str| {
        manager.post(path, &json!({})).ok();
        let infra = manager.ended("/infra/status");
        (infra["components"][0]["status"].clone(), infra["status"].clone(), manager.state())
    };
    let (component, status, state) = setup("/infra/setup");
    assert_eq!(
        component["description"],
        "there is no admin console in the namespace sample-app: install it, or pass --embedded"
    );
    assert_eq!(
        (component["state"].clone(), status["state"].clone()),
        (json!("Failed"), json!("Failed"))
    );
    assert_eq!(state, "InfrastructureInstallFailed");
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": "kotsadm-0", "namespace": NAMESPACE, "labels": { "app": "kotsadm" } },
        "spec": {},
    });
    cluster.create(&format!("/api/v1/namespaces/{NAMESPACE}/pods"), &pod);
    let (component, status, state) = setup("/infra/setup?retry=true");
    assert_eq!(
        (component["state"].clone(), status["state"].clone()),
        (json!("Succeeded"), json!("Succeeded"))
    );
    assert_eq!(state, "InfrastructureInstalled");
}

#[test]
fn versions_of_the_cluster_are_not_passed_over() {
    if !is_root() {
        return;
    }
    let cluster = Cluster::start(Site::installed());
    cluster.installed("2.1.0+k8s-1.33", 30_081);
    let told = |version: &str| {
        let args = cluster.release(version, "");
        let (code, text) = cluster.headless(&args.each_ref().map(String::as_str));
        format!("{text}{code}")
    };
    insta::assert_snapshot!(told("2.0.0+k8s-1.33"), @r"
    Error: downgrade detected: cannot upgrade from Embedded Cluster version 2.1.0+k8s-1.33 to older version 2.0.0+k8s-1.33
    1
    ");
    insta::assert_snapshot!(told("2.2.0+k8s-1.35"), @r"
    Error: Kubernetes version skip detected: cannot upgrade from k8s 1.33.0 to 1.35.0. Kubernetes only supports upgrading by one minor version at a time
    1
    ");
    insta::assert_snapshot!(told("2.2.0+k8s-1.32"), @r"
    Error: Kubernetes version downgrade detected: cannot downgrade from k8s 1.33.0 to 1.32.0. Kubernetes downgrades are not supported
    1
    ");
    let allowed = told("2.2.0+k8s-1.34");
    assert!(allowed.starts_with("The release is made for Embedded Cluster 2.2.0+k8s-1.34. Only the application is upgraded: the cluster stays at 2.1.0+k8s-1.33.\n"), "{allowed}");
    assert!(allowed.ends_with("\n0"), "{allowed}");
}

#[test]
fn a_bundle_that_was_left_out_needs_a_yes() {
    if !is_root() {
        return;
    }
    let cluster = Cluster::start(Site::installed());
    let release = cluster.release("2.2.0", "airgap: true\n");
    let args = release.each_ref().map(String::as_str);
    let (code, text) = cluster.headless(&args);
    insta::assert_snapshot!(format!("{text}{code}"), @r#"
    You downloaded an air gap bundle but didn't provide it with --airgap-bundle.
    If you continue, the upgrade will not use an air gap bundle and will connect to the internet.
    Error: nobody can be asked here "Do you want to proceed with an online upgrade?": pass --yes to go on
    1
    "#);
    let (code, text) = cluster.headless(&[args[0], args[1], "--no-prompt"]);
    assert_eq!(code, 0, "{text}");
}

#[test]
fn the_manager_is_at_the_port_of_the_cluster() {
    if !is_root() {
        return;
    }
    let cluster = Cluster::start(Site::installed());
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("[::]:0").unwrap().local_addr().unwrap().port();
    cluster.installed("2.1.0", port);
    let mut command = Command::new(env!("CARGO_BIN_EXE_installer"));
    let with = cluster.command(&[]);
    let args: Vec<_> = with.get_args().map(std::ffi::OsStr::to_owned).collect();
    let at = args.iter().position(|it| it == "--manager-port").unwrap();
    command.args(&args[..at]).args(&args[at + 2..]);
    command.envs(with.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let manager = Manager::start(command, "/api/linux/upgrade");
    assert!(manager.said.ends_with(&format!(":{port}")), "{}", manager.said);
}

#[test]
fn what_the_embedded_cluster_is_and_has_is_known_to_templates_and_children() {
    if !is_root() {
        return;
    }
    let cluster = Cluster::start(Site::installed());
    let labels = json!({ "kots.io/embedded-cluster-role": "total-1" });
    let metadata = json!({ "name": "only", "labels": labels });
    let node = json!({ "apiVersion": "v1", "kind": "Node", "metadata": metadata });
    cluster.create("/api/v1/nodes", &node);
    let installation = json!({
        "apiVersion": "embeddedcluster.replicated.com/v1beta1",
        "kind": "Installation",
        "metadata": { "name": "20260301000000" },
        "spec": {
            "clusterID": "the-cluster",
            "runtimeConfig": { "proxy": { "httpsProxy": "http://proxy:3128", "noProxy": "10.0.0.0/8" } },
        },
    });
    cluster.create("/apis/embeddedcluster.replicated.com/v1beta1/installations", &installation);
    let release = cluster.release("2.2.0", "");
    let questions = "apiVersion: kots.io/v1beta1\nkind: Config\nmetadata: {name: c}\nspec: {groups: [{name: g, title: G, items: [\
        {name: seen, type: text, default: 'repl{{ Distribution }} repl{{ NodeCount }} repl{{ KubernetesVersion }} repl{{ HTTPSProxy }} repl{{ NoProxy }}'}]}]}\n";
    std::fs::write(std::path::Path::new(&release[1]).join("config.yaml"), questions).unwrap();
    // The one that is named counts, for children too.
    let kubeconfig = cluster.site.path("kubeconfig");
    std::fs::copy(cluster.kube.kubeconfig(), &kubeconfig).unwrap();
    let args = [&release[0], &release[1], "--yes", "--kubeconfig", kubeconfig.to_str().unwrap()];
    let mut command = cluster.command(&args.map(|it| it as &str));
    command.env("KUBECONFIG", "/nowhere").env_remove("NO_PROXY").env_remove("no_proxy");
    let manager = Manager::start(command, "/api/linux/upgrade").login();
    let seen = manager.post("/app/config/template", &json!({})).ok();
    assert_eq!(
        seen["groups"][0]["items"][0]["default"],
        "embedded-cluster 1 1.37.0 http://proxy:3128 10.0.0.0/8"
    );
    manager.patch_values(&json!({})).ok();
    manager.post("/app-preflights/run", &json!({})).ok();
    manager.ended("/app-preflights/status");
    manager.post("/app/upgrade", &json!({})).ok();
    manager.ended("/app/status");
    insta::assert_snapshot!(cluster.read("surroundings"), @r"
    HTTPS_PROXY=http://proxy:3128
    HTTP_PROXY=
    KUBECONFIG=FOLDER/kubeconfig
    NO_PROXY=10.0.0.0/8,localhost,127.0.0.1
    http_proxy=
    https_proxy=http://proxy:3128
    no_proxy=10.0.0.0/8,localhost,127.0.0.1
    ");
}

#[test]
fn an_update_goes_to_the_cluster_that_is_named() {
    let cluster = Cluster::start(Site::installed_airgapped());
    let update = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_installer"))
            .args(["update", "--airgap-bundle"])
            .arg(cluster.site.path("1.1.0.airgap"))
            .arg("--kots-binary")
            .arg(cluster.site.path("kubectl-kots"))
            .args(args)
            .env("KUBECONFIG", "/nowhere")
            .output()
            .unwrap();
        let code = output.status.code().unwrap_or(-1);
        format!("{}{code}", String::from_utf8_lossy(&output.stderr))
    };
    insta::assert_snapshot!(update(&[]), @r#"
    Error: no cluster can be reached: failed to read kubeconfig from '"/nowhere"': No such file or directory (os error 2); name its kubeconfig by --kubeconfig or KUBECONFIG
    1
    "#);
    let kubeconfig = cluster.site.path("kubeconfig");
    std::fs::copy(cluster.kube.kubeconfig(), &kubeconfig).unwrap();
    assert_eq!(update(&["--kubeconfig", kubeconfig.to_str().unwrap()]), "0");
    assert_eq!(
        cluster.read("calls"),
        "airgap-update sample-app --namespace sample-app --airgap-bundle FOLDER/1.1.0.airgap\n"
    );
    assert!(cluster.read("surroundings").contains("KUBECONFIG=FOLDER/kubeconfig\n"));
}

#[test]
fn the_vendor_is_asked_through_the_proxy_of_the_embedded_cluster() {
    if !is_root() {
        return;
    }
    let cluster = Cluster::start(Site::installed());
    let installation = json!({
        "apiVersion": "embeddedcluster.replicated.com/v1beta1",
        "kind": "Installation",
        "metadata": { "name": "20260301000000" },
        "spec": {
            "clusterID": "the-cluster",
            "runtimeConfig": { "proxy": { "httpProxy": cluster.site.vendor.url } },
        },
    });
    cluster.create("/apis/embeddedcluster.replicated.com/v1beta1/installations", &installation);
    let mut command = cluster.command(&["--headless", "--config-values"]);
    command.arg(cluster.site.path("values.yaml"));
    // No name server knows it; the vendor's mirror answers as a proxy would.
    command.env("REPLICATED_APP_ENDPOINT", "http://vendor.invalid");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}
