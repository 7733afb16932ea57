use std::fs;
use std::path::Path;
use std::time::Instant;

use fake_kube::FakeKube;
use serde_json::{Value, json};

use super::*;

/// A tree with a pull secret and these additional namespaces.
fn tree(additional: &str) -> tempfile::TempDir {
    let tree = tempfile::tempdir().expect("a folder");
    let write = |path: &str, text: &str| {
        let path = tree.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    };
    let app = format!(
        "apiVersion: kots.io/v1beta1\nkind: Application\nmetadata: {{name: a}}\nspec: {{additionalNamespaces: [{additional}]}}\n"
    );
    write("kotsKinds/app.yaml", &app);
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: pull, namespace: default}\ntype: kubernetes.io/dockerconfigjson\ndata: {.dockerconfigjson: e30=}\n";
    write("overlays/midstream/secret.yaml", secret);
    tree
}

async fn cluster(fake: &FakeKube) -> Cluster {
    let options =
        ClusterOptions { kubeconfig: Some(fake.kubeconfig()), ..ClusterOptions::default() };
    Cluster::open(options).await.expect("a cluster")
}

fn deployment(tree: &Path) -> Deployment {
    Deployment {
        app_slug: "shop".to_owned(),
        namespace: "default".to_owned(),
        sequence: 0,
        digest: String::new(),
        tree: tree.to_owned(),
        before: Vec::new(),
        status_informers: Vec::new(),
    }
}

/// Waits until there is a pull secret in a namespace.
async fn secret_in(fake: &FakeKube, namespace: &str) -> Value {
    let start = Instant::now();
    loop {
        if let Some(found) = fake.object("secrets", namespace, "pull") {
            return found;
        }
        assert!(start.elapsed().as_secs() < 30, "no pull secret in {namespace}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn make_namespace(fake: &FakeKube, name: &str) {
    let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    fake.put("namespaces", "", name, object);
}

#[tokio::test]
async fn pull_secrets_reach_the_additional_namespaces_and_no_other() {
    let fake = FakeKube::start().await;
    let (tree, cluster) = (tree("jobs, later"), cluster(&fake).await);
    let (report, end) = cluster.deploy(deployment(tree.path()), &CancellationToken::new()).await;
    assert!(matches!(end, End::Carried), "{end:?}");
    assert_eq!(
        report.logs.apply_stdout,
        "Namespace jobs made\nNamespace later made\nSecret jobs/pull is in place\nSecret later/pull is in place\n"
    );
    let found = secret_in(&fake, "jobs").await;
    assert_eq!(found["data"], json!({".dockerconfigjson": "e30="}));
    assert_eq!(found["metadata"]["labels"]["kots.io/app-slug"], "shop");
    assert_eq!(fake.object("secrets", "kube-system", "pull"), None);
}

#[tokio::test]
async fn every_namespace_has_the_pull_secrets_also_one_that_is_made_later() {
    let fake = FakeKube::start().await;
    let (tree, first) = (tree("'*'"), cluster(&fake).await);
    let (_, end) = first.deploy(deployment(tree.path()), &CancellationToken::new()).await;
    assert!(matches!(end, End::Carried), "{end:?}");
    secret_in(&fake, "kube-system").await;
    // The manifests themselves have that of the application's own.
    assert_eq!(fake.object("secrets", "default", "pull"), None);
    make_namespace(&fake, "team-a");
    secret_in(&fake, "team-a").await;

    // Also after a restart.
    drop(first);
    let second = cluster(&fake).await;
    second.resume(deployment(tree.path())).await.expect("it is followed");
    make_namespace(&fake, "team-b");
    secret_in(&fake, "team-b").await;
}

#[tokio::test]
async fn a_deploy_that_is_told_to_stop_says_nothing() {
    let fake = FakeKube::start().await;
    let (tree, cluster) = (tree(""), cluster(&fake).await);
    let stop = CancellationToken::new();
    stop.cancel();
    fake.refuse(|_, _, _| Some((503, "ServiceUnavailable", "not now".to_owned())));
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";
    let folder = tree.path().join("rendered/this-cluster");
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("a.yaml"), map).expect("a file");
    let (_, end) = cluster.deploy(deployment(tree.path()), &stop).await;
    assert!(matches!(end, End::Stopped), "{end:?}");
}
