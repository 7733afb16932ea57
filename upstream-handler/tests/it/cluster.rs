//! Deploying to a cluster: order, conflicts, failures, removal, custom kinds, waits. The scenarios that need
//! no faults run on a real cluster too (`cluster_real`).

use serde_json::{Value, json};

use super::cluster_site::{ClusterSite, application, config_map, manifest};

/// What was done to the vendor's objects: without the namespace, and the pull secrets that every version has.
fn changes(site: &ClusterSite) -> Vec<String> {
    let is_ours = |it: &String| it.contains("Namespace shop") || it.ends_with("-registry");
    site.fake_kube().changes().into_iter().filter(|it| !is_ours(it)).collect()
}

#[tokio::test]
async fn objects_come_and_go_in_order() {
    let mut site = ClusterSite::fake().await;
    let job = |name: &str, phase: &str| {
        manifest(
            "batch/v1",
            "Job",
            name,
            &[("creation-phase", phase), ("deletion-phase", phase)],
            &json!({"spec": {}}),
        )
    };
    let files = [
        ("a.yaml", job("late", "2")),
        ("b.yaml", config_map("settings", &[], &json!({"a": "1"}))),
        ("c.yaml", job("early", "-1")),
        (
            "d.yaml",
            manifest(
                "v1",
                "Secret",
                "kept",
                &[("keep", "true")],
                &json!({"stringData": {"a": "b"}}),
            ),
        ),
        ("e.yaml", manifest("v1", "ServiceAccount", "runner", &[], &json!({}))),
    ];
    site.deploy(&files).await.ok();
    assert_eq!(
        changes(&site),
        [
            "apply Job shop/early",
            "apply ServiceAccount shop/runner",
            "apply Secret shop/kept",
            "apply ConfigMap shop/settings",
            "apply Job shop/late",
        ]
    );
    let label = site.get("v1", "ServiceAccount", "shop", "runner").await.unwrap();
    assert_eq!(label["metadata"]["labels"]["kots.io/app-slug"], "sample-app");

    site.fake_kube().forget_changes();
    let ended = site.deploy(&files[1..2]).await.ok();
    assert_eq!(
        changes(&site),
        ["delete Job shop/early", "delete ServiceAccount shop/runner", "delete Job shop/late"]
    );
    let said = ended.logs["applyStdout"].as_str().unwrap();
    assert!(
        said.contains("Secret shop/kept is left: it has the annotation kots.io/keep"),
        "{said}"
    );
    assert!(
        said.contains(
            "ConfigMap shop/settings (rendered/this-cluster/settings-configmap.yaml) unchanged"
        ),
        "{said}"
    );
}

#[tokio::test]
async fn upgrading() {
    let mut site = ClusterSite::fake().await;
    upgrade(&mut site).await;
}

/// What a version no longer has goes, fields too.
pub(crate) async fn upgrade(site: &mut ClusterSite) {
    let first = [
        ("a.yaml", config_map("a", &[], &json!({"x": "1", "y": "1"}))),
        ("b.yaml", config_map("b", &[], &json!({}))),
        ("c.yaml", config_map("c", &[("keep", "true")], &json!({}))),
    ];
    site.deploy(&first).await.ok();
    let second = [("a.yaml", config_map("a", &[], &json!({"x": "2"})))];
    let ended = site.deploy(&second).await.ok();
    assert_eq!(site.data("a").await, Some(json!({"x": "2"})), "{}", ended.logs);
    assert_eq!(site.get("v1", "ConfigMap", &site.namespace, "b").await, None);
    assert!(site.get("v1", "ConfigMap", &site.namespace, "c").await.is_some());
    // Again changes nothing.
    let ended = site.redeploy(1).await.ok();
    assert!(ended.logs["applyStdout"].as_str().unwrap().contains("unchanged"), "{}", ended.logs);
}

#[tokio::test]
async fn what_kubectl_applied_becomes_ours() {
    let mut site = ClusterSite::fake().await;
    take_over(&mut site).await;
}

pub(crate) async fn take_over(site: &mut ClusterSite) {
    let applied = json!({
        "metadata": { "name": "old", "annotations": {
            "kubectl.kubernetes.io/last-applied-configuration": "{}",
        }},
        "data": { "changed": "1", "gone": "1", "same": "1" },
    });
    let namespace = site.namespace.clone();
    site.create("v1", "ConfigMap", &namespace, applied, "kubectl-client-side-apply").await;
    let files = [("a.yaml", config_map("old", &[], &json!({"changed": "2", "same": "1"})))];
    site.deploy(&files).await.ok();
    let now = site.get("v1", "ConfigMap", &namespace, "old").await.unwrap();
    assert_eq!(now["data"], json!({"changed": "2", "same": "1"}));
    let annotations = &now["metadata"]["annotations"];
    assert_eq!(
        annotations["kubectl.kubernetes.io/last-applied-configuration"],
        Value::Null,
        "{now}"
    );
    let managers: Vec<_> = now["metadata"]["managedFields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["manager"])
        .collect();
    assert_eq!(managers, ["kotsadm"]);
}

#[tokio::test]
async fn fields_of_others_are_conflicts() {
    let mut site = ClusterSite::fake().await;
    conflict(&mut site).await;
    // Nothing was changed for it.
    assert!(!changes(&site).iter().any(|it| it.starts_with("apply")), "{:?}", changes(&site));
}

/// A conflict is told by owner and field, before anything is changed; and can be taken over.
pub(crate) async fn conflict(site: &mut ClusterSite) {
    let namespace = site.namespace.clone();
    let theirs = json!({"metadata": {"name": "shared"}, "data": {"theirs": "1", "other": "1"}});
    site.create("v1", "ConfigMap", &namespace, theirs, "ops").await;
    let files = [
        ("a.yaml", config_map("shared", &[], &json!({"theirs": "2"}))),
        ("b.yaml", config_map("innocent", &[], &json!({}))),
    ];
    let ended = site.deploy(&files).await.failed();
    let wanted = format!(
        "could not apply ConfigMap {namespace}/shared (rendered/this-cluster/shared-configmap.yaml): `ops` owns .data.theirs; "
    );
    assert!(ended.info.starts_with(&wanted), "{}", ended.info);
    assert!(ended.logs["dryrunStderr"].as_str().unwrap().starts_with(&wanted), "{}", ended.logs);
    assert_eq!(site.data("shared").await, Some(json!({"theirs": "1", "other": "1"})));
    assert_eq!(site.data("innocent").await, None);
}

#[tokio::test]
async fn fields_of_others_are_taken_when_that_is_wanted() {
    let mut site = ClusterSite::fake().await;
    site.site.argument("--force-conflicts");
    let theirs = json!({"metadata": {"name": "shared"}, "data": {"theirs": "1"}});
    site.create("v1", "ConfigMap", "shop", theirs, "ops").await;
    site.deploy(&[("a.yaml", config_map("shared", &[], &json!({"theirs": "2"})))]).await.ok();
    assert_eq!(site.data("shared").await, Some(json!({"theirs": "2"})));
}

#[tokio::test]
async fn custom_kinds_are_waited_for() {
    let mut site = ClusterSite::fake().await;
    site.fake_kube().establish(false);
    let files = custom_kind("example.com");
    let sequence = site.begin(&files).await;
    while site.fake_kube().object("customresourcedefinitions", "", "widgets.example.com").is_none()
    {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    site.put_status("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", "widgets.example.com", json!({
        "conditions": [{"type": "NamesAccepted", "status": "True"}, {"type": "Established", "status": "True"}],
    }))
    .await;
    site.end_of(sequence).await.ok();
    let widget = site.get("example.com/v1", "Widget", "shop", "one").await.unwrap();
    assert_eq!(widget["spec"]["size"], 3);
}

#[tokio::test]
async fn custom_kinds_and_their_objects_go_together() {
    let mut site = ClusterSite::fake().await;
    custom(&mut site, "example.com").await;
}

/// A definition and an object of it in one version; both go with the next.
pub(crate) async fn custom(site: &mut ClusterSite, group: &str) {
    let namespace = site.namespace.clone();
    let api = format!("{group}/v1");
    site.deploy(&custom_kind(group)).await.ok();
    assert!(site.get(&api, "Widget", &namespace, "one").await.is_some());
    site.deploy(&[("c.yaml", config_map("c", &[], &json!({})))]).await.ok();
    let definition = format!("widgets.{group}");
    let start = std::time::Instant::now();
    while site
        .get("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", &definition)
        .await
        .is_some()
    {
        assert!(start.elapsed().as_secs() < 60, "the definition stays");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

fn custom_kind(group: &str) -> Vec<(&'static str, String)> {
    let definition = json!({"spec": {
        "group": group, "scope": "Namespaced",
        "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"},
        "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
            "type": "object",
            "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}},
        }}}],
    }});
    let name = format!("widgets.{group}");
    vec![
        (
            "a.yaml",
            manifest(&format!("{group}/v1"), "Widget", "one", &[], &json!({"spec": {"size": 3}})),
        ),
        (
            "z.yaml",
            manifest(
                "apiextensions.k8s.io/v1",
                "CustomResourceDefinition",
                &name,
                &[],
                &definition,
            ),
        ),
    ]
}

#[tokio::test]
async fn a_failed_phase_is_the_last_one() {
    let mut site = ClusterSite::fake().await;
    let phase =
        |name: &str, phase: &str| config_map(name, &[("creation-phase", phase)], &json!({}));
    site.fake_kube().refuse(|method, path, query| {
        let is_bad = path.ends_with("/bad") || path.ends_with("/worse");
        (method == "PATCH" && is_bad && !query.contains("dryRun"))
            .then(|| (403, "Forbidden", format!("{path} may not be changed")))
    });
    let files = [
        ("app.yaml", application("  allowRollback: true\n")),
        ("1.yaml", phase("first", "1")),
        ("2.yaml", phase("bad", "2")),
        ("3.yaml", phase("good", "2")),
        ("4.yaml", phase("worse", "2")),
        ("5.yaml", phase("later", "3")),
        ("6.yaml", phase("last", "4")),
    ];
    let ended = site.deploy(&files).await.failed();
    let all = ended.logs["applyStderr"].as_str().unwrap();
    insta::assert_snapshot!(all, @r"
    could not apply ConfigMap shop/bad (rendered/this-cluster/bad-configmap.yaml): /api/v1/namespaces/shop/configmaps/bad may not be changed
    could not apply ConfigMap shop/worse (rendered/this-cluster/worse-configmap.yaml): /api/v1/namespaces/shop/configmaps/worse may not be changed
    phase 2 failed: 2 objects of later phases were not applied
    ");
    assert!(
        ended.info.ends_with("/configmaps/bad may not be changed (and 2 more)"),
        "{}",
        ended.info
    );
    assert_eq!(changes(&site), ["apply ConfigMap shop/first", "apply ConfigMap shop/good"]);

    // What the failed attempt put there goes when another version takes its place.
    site.fake_kube().obey();
    site.deploy(&files[..2]).await.ok();
    assert_eq!(site.data("good").await, None);
    // And the same version succeeds when it is deployed again.
    site.redeploy(0).await.ok();
    assert!(site.data("last").await.is_some());
}

#[tokio::test]
async fn what_cannot_be_applied_changes_nothing() {
    let mut site = ClusterSite::fake().await;
    site.deploy(&[("a.yaml", config_map("a", &[], &json!({"x": "1"})))]).await.ok();
    let unknown = manifest("example.com/v1", "Gadget", "g", &[], &json!({}));
    let files = [("b.yaml", config_map("b", &[], &json!({}))), ("g.yaml", unknown)];
    let ended = site.deploy(&files).await.failed();
    assert_eq!(
        ended.info,
        "could not apply Gadget shop/g (rendered/this-cluster/g-gadget.yaml): the API server has no kind Gadget in example.com/v1"
    );
    assert_eq!(site.data("a").await, Some(json!({"x": "1"})));
    assert_eq!(site.data("b").await, None);
}

#[tokio::test]
async fn properties_are_waited_for() {
    let mut site = ClusterSite::fake().await;
    let job = manifest(
        "batch/v1",
        "Job",
        "migrate",
        &[("wait-for-properties", ".status.succeeded=1")],
        &json!({"spec": {}}),
    );
    let files =
        [("a.yaml", job), ("b.yaml", config_map("after", &[("creation-phase", "1")], &json!({})))];
    let sequence = site.begin(&files).await;
    while site.fake_kube().object("jobs", "shop", "migrate").is_none() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(site.data("after").await, None);
    site.put_status("batch/v1", "Job", "shop", "migrate", json!({"succeeded": 1})).await;
    site.end_of(sequence).await.ok();
    assert!(site.data("after").await.is_some());
}

#[tokio::test]
async fn a_wait_ends_at_its_limit_with_what_was_seen() {
    let mut site = ClusterSite::fake().await;
    site.site.argument("--wait-limit=1");
    let spec = json!({"spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": {}}});
    let files = [(
        "a.yaml",
        manifest("apps/v1", "Deployment", "web", &[("wait-for-ready", "true")], &spec),
    )];
    let ended = site.deploy(&files).await.failed();
    assert_eq!(
        ended.info,
        "Deployment shop/web did not become ready within 1 s: it is updating: its last change has not been taken up yet"
    );
}

#[tokio::test]
async fn pull_secrets_reach_additional_namespaces() {
    let mut site = ClusterSite::fake().await;
    let files = [("app.yaml", application("  additionalNamespaces: [shop-jobs]\n"))];
    site.deploy(&files).await.ok();
    assert!(site.get("v1", "Namespace", "", "shop-jobs").await.is_some());
}

#[tokio::test]
async fn a_server_that_is_told_to_stop_takes_the_deploy_up_again() {
    let mut site = ClusterSite::fake().await;
    let job = manifest(
        "batch/v1",
        "Job",
        "migrate",
        &[("wait-for-properties", ".status.succeeded=1")],
        &json!({"spec": {}}),
    );
    let sequence = site.begin(&[("a.yaml", job)]).await;
    while site.fake_kube().object("jobs", "shop", "migrate").is_none() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    site.site.server.as_ref().unwrap().terminate();
    while !site.site.server.as_mut().unwrap().has_ended() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    site.put_status("batch/v1", "Job", "shop", "migrate", json!({"succeeded": 1})).await;
    site.site.start();
    site.end_of(sequence).await.ok();
}

#[tokio::test]
async fn a_hook_that_is_waited_for_is_removed_afterwards() {
    let mut site = ClusterSite::fake().await;
    let annotations =
        [("wait-for-properties", ".status.succeeded=1"), ("hook-delete-policy", "hook-succeeded")];
    let job = manifest("batch/v1", "Job", "migrate", &annotations, &json!({"spec": {}}));
    let files =
        [("a.yaml", job), ("b.yaml", config_map("after", &[("creation-phase", "1")], &json!({})))];
    let sequence = site.begin(&files).await;
    while site.fake_kube().object("jobs", "shop", "migrate").is_none() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    site.put_status("batch/v1", "Job", "shop", "migrate", json!({"succeeded": 1})).await;
    site.end_of(sequence).await.ok();
    let start = std::time::Instant::now();
    while site.fake_kube().object("jobs", "shop", "migrate").is_some() {
        assert!(start.elapsed().as_secs() < 30, "the hook stays");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

#[cfg(feature = "faults")]
#[tokio::test]
async fn a_deploy_that_was_cut_off_is_finished() {
    let points = [
        "target-object-removed",
        "target-object-applied:2",
        "target-phase-done",
        "deploy-before-commit",
    ];
    for point in points {
        let mut site = ClusterSite::fake().await;
        cut_off(&mut site, point).await;
    }
}

/// A server that is killed in the middle of a deploy finishes it at its next start.
#[cfg(feature = "faults")]
pub(crate) async fn cut_off(site: &mut ClusterSite, point: &str) {
    let old = [
        ("a.yaml", config_map("a", &[], &json!({"x": "1"}))),
        ("b.yaml", config_map("b", &[], &json!({}))),
    ];
    site.deploy(&old).await.ok();
    site.site.kill();
    site.site.env("KOTSADM_FAULT", point);
    site.site.start();
    let new = [
        ("a.yaml", config_map("a", &[], &json!({"x": "2"}))),
        ("c.yaml", config_map("c", &[("creation-phase", "1")], &json!({}))),
    ];
    let sequence = site.begin(&new).await;
    while !site.site.server.as_mut().unwrap().has_ended() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    site.site.env("KOTSADM_FAULT", "");
    site.site.start();
    site.end_of(sequence).await.ok();
    assert_eq!(site.data("a").await, Some(json!({"x": "2"})), "{point}");
    assert_eq!(site.data("b").await, None, "{point}");
    assert!(site.data("c").await.is_some(), "{point}");
}

#[tokio::test(flavor = "multi_thread")]
async fn templates_read_the_cluster() {
    let mut site = ClusterSite::fake().await;
    let kube = site.fake_kube();
    kube.put_node("one", "8Gi");
    let k3s = json!({ "metadata": { "name": "two", "labels": { "node.kubernetes.io/instance-type": "k3s" } } });
    kube.put("nodes", "", "two", k3s);
    let secret = json!({ "metadata": { "name": "old" }, "data": { "key": "c2VjcmV0" } });
    kube.put("secrets", "shop", "old", secret);
    let seen = r#"
apiVersion: v1
kind: ConfigMap
metadata: {name: seen}
data:
  facts: 'repl{{ KubernetesVersion }} repl{{ Distribution }} repl{{ NodeCount }}'
  found: 'repl{{ (Lookup "v1" "Secret" Namespace "old").data.key | b64dec }}'
  gone: 'repl{{ Lookup "v1" "Secret" Namespace "gone" }} repl{{ Lookup "a.b/v1" "C" "" "d" }}'
  listed: 'repl{{ range (Lookup "v1" "Node" "" "").items }}repl{{ .kind }}/repl{{ .metadata.name }} repl{{ end }}'
"#;
    site.deploy(&[("seen.yaml", seen.to_owned())]).await.ok();
    let data = site.get("v1", "ConfigMap", "shop", "seen").await.unwrap()["data"].clone();
    let expected = json!({
        "facts": "1.37.0 k3s 2",
        "found": "secret",
        "gone": "map[] map[]",
        "listed": "Node/one Node/two ",
    });
    assert_eq!(data, expected);
}
