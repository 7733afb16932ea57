use proptest::prelude::*;
use serde_json::json;

use super::*;

/// `Kind name [annotation=value…]`, one a line.
fn objects(text: &str) -> Vec<Object> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(|line| {
            let mut words = line.split(' ');
            let (kind, name) = (words.next().expect("a kind"), words.next().expect("a name"));
            let annotations: serde_json::Map<_, _> = words
                .map(|word| word.split_once('=').expect("an annotation"))
                .map(|(name, value)| (format!("kots.io/{name}"), json!(value)))
                .collect();
            let value = json!({
                "apiVersion": "v1", "kind": kind,
                "metadata": { "name": name, "annotations": annotations },
            });
            Object::read(&format!("{name}.yaml"), value, "shop").expect("an object")
        })
        .collect()
}

fn around() -> Surroundings {
    Surroundings {
        namespace: "shop".to_owned(),
        additional_namespaces: vec!["shop-jobs".to_owned()],
    }
}

fn check(wanted: &str, before: &str) -> String {
    let plan = match plan(objects(wanted), objects(before), &around()) {
        Ok(plan) => plan,
        Err(problems) => return problems.join("\n"),
    };
    let mut lines = Vec::new();
    for phase in &plan.removals {
        let ids: Vec<_> = phase.steps.iter().map(|it| it.id.to_string()).collect();
        lines.push(format!("remove {}: {}", phase.number, ids.join(", ")));
    }
    for phase in &plan.phases {
        let mut ids = Vec::new();
        for step in &phase.steps {
            let ready = if step.is_ready_awaited { " (ready)" } else { "" };
            let conditions: Vec<_> = step.conditions.iter().map(|it| format!(" ({it})")).collect();
            ids.push(format!("{}{ready}{}", step.object.id, conditions.join("")));
        }
        lines.push(format!("apply {}: {}", phase.number, ids.join(", ")));
    }
    lines.extend(plan.kept.iter().map(|(id, why)| format!("keep {id}: {why}")));
    lines.join("\n")
}

#[test]
fn kinds_have_an_order_and_unknown_ones_come_last() {
    insta::assert_snapshot!(
        check("Widget w\nDeployment web\nSecret s\nNamespace n\nIngress i\nCustomResourceDefinition c\nConfigMap m", ""),
        @"apply 0: Namespace n, CustomResourceDefinition shop/c, Secret shop/s, ConfigMap shop/m, Deployment shop/web, Ingress shop/i, Widget shop/w"
    );
}

#[test]
fn removal_is_the_other_way_round_and_unknown_kinds_go_first() {
    insta::assert_snapshot!(
        check("", "Secret s\nNamespace n\nDeployment web\nWidget w\nService s"),
        @"remove 0: Widget shop/w, Service shop/s, Deployment shop/web, Secret shop/s, Namespace n"
    );
}

#[test]
fn phases_ascend_as_numbers() {
    insta::assert_snapshot!(
        check(
            "Pod a creation-phase=10\nPod b creation-phase=9\nPod c\nPod d creation-phase=-1\nPod e creation-phase=soon",
            "Pod x deletion-phase=10\nPod y deletion-phase=9\nPod z deletion-phase=",
        ),
        @r"
    remove 0: Pod shop/z
    remove 9: Pod shop/y
    remove 10: Pod shop/x
    apply -1: Pod shop/d
    apply 0: Pod shop/c, Pod shop/e
    apply 9: Pod shop/b
    apply 10: Pod shop/a
    "
    );
}

#[test]
fn what_is_kept() {
    insta::assert_snapshot!(
        check("", "Secret s keep=true\nSecret t keep=yes\nNamespace shop\nNamespace shop-jobs\nNamespace old"),
        @r"
    remove 0: Secret shop/t, Namespace old
    keep Namespace shop: it is the application's own namespace
    keep Namespace shop-jobs: it is one of the additional namespaces
    keep Secret shop/s: it has the annotation kots.io/keep
    "
    );
}

#[test]
fn the_newest_attempt_decides_about_keeping() {
    assert_eq!(check("", "Secret s keep=true\nSecret s"), "remove 0: Secret shop/s");
    assert_eq!(
        check("", "Secret s\nSecret s keep=true"),
        "keep Secret shop/s: it has the annotation kots.io/keep"
    );
}

#[test]
fn what_is_waited_for() {
    insta::assert_snapshot!(
        check("Job j wait-for-ready=true wait-for-properties=.status.succeeded=1,.status.phase=Done\nJob k wait-for-ready=false", ""),
        @"apply 0: Job shop/j (ready) (.status.succeeded=1) (.status.phase=Done), Job shop/k"
    );
    insta::assert_snapshot!(
        check("Job j wait-for-properties=.status.succeeded", ""),
        @"the annotation `kots.io/wait-for-properties` of Job shop/j: `.status.succeeded` is not `path=value`"
    );
}

#[test]
fn one_object_in_two_files_is_refused() {
    insta::assert_snapshot!(
        check("Secret s\nSecret s", ""),
        @"Secret shop/s is defined twice: in s.yaml and in s.yaml"
    );
}

#[test]
fn an_object_is_the_same_in_every_version_of_its_group() {
    let read = |api: &str| {
        let value = json!({"apiVersion": api, "kind": "Ingress", "metadata": {"name": "web"}});
        Object::read("web.yaml", value, "shop").expect("an object")
    };
    let plan = plan(
        vec![read("networking.k8s.io/v1")],
        vec![read("extensions/v1beta1"), read("networking.k8s.io/v1beta1")],
        &around(),
    )
    .expect("a plan");
    assert_eq!(plan.removals, []);
}

fn any_objects() -> impl Strategy<Value = Vec<Object>> {
    let kind = prop::sample::select(vec!["Namespace", "Secret", "Deployment", "Widget", "Gadget"]);
    let one = (kind, 0..6_u8, -2..3_i64, -2..3_i64, any::<bool>());
    prop::collection::vec(one, 0..24).prop_map(|list| {
        let mut seen = BTreeSet::new();
        let mut found = Vec::new();
        for (kind, name, creation, deletion, keep) in list {
            let value = json!({
                "apiVersion": "v1", "kind": kind,
                "metadata": { "name": format!("n{name}"), "annotations": {
                    CREATION_PHASE: creation.to_string(),
                    DELETION_PHASE: deletion.to_string(),
                    KEEP: keep.to_string(),
                }},
            });
            let object = Object::read("x.yaml", value, "shop").expect("an object");
            if seen.insert(object.id.clone()) {
                found.push(object);
            }
        }
        found
    })
}

proptest! {
    #[test]
    fn everything_is_done_once_and_in_order(wanted in any_objects(), before in any_objects()) {
        let made = plan(wanted.clone(), before.clone(), &around()).expect("a plan");
        let ids = |objects: &[Object]| -> BTreeSet<Id> { objects.iter().map(|it| it.id.clone()).collect() };
        let applied: Vec<Id> =
            made.phases.iter().flat_map(|it| &it.steps).map(|it| it.object.id.clone()).collect();
        let removed: Vec<Id> =
            made.removals.iter().flat_map(|it| &it.steps).map(|it| it.id.clone()).collect();
        prop_assert_eq!(applied.iter().cloned().collect::<BTreeSet<_>>(), ids(&wanted));
        prop_assert_eq!(applied.len(), wanted.len());
        let kept: BTreeSet<Id> = made.kept.iter().map(|(id, _)| id.clone()).collect();
        let gone: BTreeSet<Id> = removed.iter().cloned().collect();
        prop_assert_eq!(removed.len(), gone.len());
        prop_assert!(gone.is_disjoint(&kept));
        prop_assert_eq!(&gone | &kept, &ids(&before) - &ids(&wanted));
        for window in made.phases.windows(2) {
            prop_assert!(window[0].number < window[1].number);
        }
        for phase in &made.phases {
            prop_assert!(phase.steps.is_sorted_by_key(|it| order::creation(&it.object.id.kind)));
        }
        for phase in &made.removals {
            prop_assert!(phase.steps.is_sorted_by_key(|it| order::deletion(&it.id.kind)));
        }
        // What was carried out is not undone by doing it again.
        let again = plan(wanted.clone(), [before, wanted].concat(), &around()).expect("a plan");
        prop_assert_eq!(again, made);
    }
}
