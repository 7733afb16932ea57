//! What vendors get wrong: each a sentence that says what to do, and the rest of the release is shown.

use super::tests::{Case, deployed, told};
use super::*;

fn config_map(name: &str, more: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n{more}\n")
}

#[test]
fn everything_that_does_not_render_is_told_at_once() {
    let case = Case::with(&[
        ("a.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: '{{repl Nope }}'}\n"),
        ("b.yaml", "apiVersion: v1\nkind: Secret\nmetadata:\n  name: repl{{ fail \"no\" }}\n"),
        ("c.yaml", &config_map("good", "")),
    ]);
    let error = case.build().expect_err("two faults");
    let each: Vec<_> = error.each().into_iter().map(ReleaseError::told).collect();
    insta::assert_snapshot!(each.join("\n"), @r"
    could not render `a.yaml`: a.yaml:3:26: the template function `Nope` does not exist
    could not render `b.yaml`: b.yaml:4:16: the template function `fail` failed: no
    ");
    assert!(
        told(&error).starts_with("2 things of the release do not render: "),
        "{}",
        told(&error)
    );
}

#[test]
fn what_is_no_yaml_does_not_hide_the_rest() {
    let case = Case::with(&[
        ("good.yaml", &config_map("good", "data: {a: b}")),
        ("bad.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bad}\ndata:\n  a: b: c\n"),
    ]);
    let built = case.build().expect("a version");
    assert_eq!(deployed(&built), ["good-configmap.yaml"]);
    let errors: Vec<_> =
        built.yaml_errors.iter().map(|it| format!("{}: {}", it.path, it.error)).collect();
    insta::assert_snapshot!(errors.join("\n"), @"bad.yaml: line 5, column 7: mapping values are not allowed in this context");
    assert!(case.read("skippedFiles/bad.yaml").contains("a: b: c"));
}

#[test]
fn a_second_document_of_one_identity_is_merged_into_the_first() {
    let case = Case::with(&[
        ("a.yaml", &config_map("same", "data: {a: '1', b: '1'}")),
        ("b.yaml", &config_map("same", "data: {b: '2', c: '2'}")),
    ]);
    let built = case.build().expect("a version");
    assert_eq!(deployed(&built), ["same-configmap.yaml"]);
    let text = case.read("rendered/this-cluster/same-configmap.yaml");
    assert!(text.contains("a: \"1\"\n  b: \"2\"\n  c: \"2\"\n"), "{text}");
    assert!(case.read("base/kustomization.yaml").contains("patchesStrategicMerge:\n- b.yaml\n"));
    insta::assert_snapshot!(built.notes.join("\n"), @"`b.yaml` holds ConfigMap `same` once more: it is merged into that of `a.yaml`, as a patch");
}

#[test]
fn an_object_that_kotsadm_makes_itself_is_refused() {
    let case = Case::with(&[(
        "a.yaml",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: my-app-registry, namespace: app-namespace}\n",
    )]);
    let error = case.build().expect_err("a name that is taken");
    insta::assert_snapshot!(told(&error), @"`a.yaml`: Secret `my-app-registry` in `app-namespace` is there already: kotsadm makes an object of that name itself; give yours another name");
}

#[test]
fn a_kind_that_there_is_not_is_named() {
    let case = Case::with(&[("c.yaml", "apiVersion: kots.io/v1beta1\nkind: Confg\nspec: {}\n")]);
    let built = case.build().expect("a version");
    insta::assert_snapshot!(built.notes.join("\n"), @"`c.yaml`: kots.io/v1beta1 has no kind `Confg`; the document is neither read nor deployed: check how the kind is written");
}

#[test]
fn a_repeated_part_must_be_there() {
    let config = "apiVersion: kots.io/v1beta1\nkind: Config\nspec: {groups: [{name: g, items: [{name: port, type: text, repeatable: true, templates: [{apiVersion: v1, kind: Service, name: web, yamlPath: 'spec.ports[3]'}]}]}]}\n";
    let case = Case::with(&[
        ("config.yaml", config),
        (
            "s.yaml",
            "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{port: 1}]}\n",
        ),
    ]);
    let error = case.build().expect_err("a path that leads nowhere");
    insta::assert_snapshot!(told(&error), @"could not repeat a part of `s.yaml`: the config item `port` repeats `spec.ports[3]`, which is not a list entry of the object: `ports[3]` is not there");
}
