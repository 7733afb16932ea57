//! Templates made to harm: each ends with an error that says which bound it reached.

use std::time::Duration;

use gotemplate::{ErrorKind, FuncMap, Limits, Options, Template, Value, sprig};

fn check(template: &str, limits: &Limits) -> String {
    match Template::parse("t", template, &Options::default(), &sprig::funcs())
        .and_then(|t| t.render(&Value::Nil, limits))
    {
        Ok(text) => format!("ok, {} bytes", text.len()),
        Err(error) => format!("{:?}: {error}", error.kind),
    }
}

fn small() -> Limits {
    Limits { output_bytes: 10_000, steps: 20_000, depth: 50, wall_time: Duration::from_secs(20) }
}

#[test]
fn output_is_bounded() {
    insta::assert_snapshot!(
        check("{{range until 600}}xxxxxxxxxxxxxxxxxxxx{{end}}", &small()),
        @r#"Limit: template: t:1:19: executing "t" at <xxxxxxxxxxxxxxxxxxxx>: output exceeds 10000 bytes"#
    );
    insta::assert_snapshot!(
        check(r#"{{repeat 1000000000 "x"}}"#, &small()),
        @r#"Exec: template: t:1:2: executing "t" at <repeat 1000000000 "x">: error calling repeat: result of 1000000000 bytes is larger than 134217728"#
    );
    insta::assert_snapshot!(
        check(r#"{{printf "%1000000s" "x" | len}}"#, &small()),
        @r#"Limit: template: t:1:21: executing "t" at <"x">: a value of more than 10000 bytes"#
    );
}

#[test]
fn steps_are_bounded() {
    insta::assert_snapshot!(
        check("{{range until 600}}{{range until 600}}{{end}}{{end}}", &small()),
        @r#"Limit: template: t:1:27: executing "t" at <{{range until 600}}{{end}}>: more than 20000 steps"#
    );
}

#[test]
fn a_value_cannot_be_doubled_without_end() {
    let doubling = r#"{{$s := "x"}}{{range until 99}}{{$s = print $s $s}}{{end}}{{len $s}}"#;
    insta::assert_snapshot!(
        check(doubling, &small()),
        @r#"Limit: template: t:1:47: executing "t" at <$s>: a value of more than 10000 bytes"#
    );
    // A list that holds itself twice, sixty levels deep: small in memory, endless when printed.
    let shared = "{{$l := list 1}}{{range until 60}}{{$l = list $l $l}}{{end}}{{$l}}";
    insta::assert_snapshot!(
        check(shared, &small()),
        @r#"Limit: template: t:1:62: executing "t" at <{{$l}}>: output exceeds 10000 bytes or levels: text is too long"#
    );
    for function in ["toJson", "deepCopy", "toString", "deepEqual $l", "printf \"%v\"", "has $l"] {
        let text = format!(
            "{{{{$l := list 1}}}}{{{{range until 60}}}}{{{{$l = list $l $l}}}}{{{{end}}}}{{{{$x := {function} $l}}}}"
        );
        // What matters is that each comes to an end.
        let _ = check(&text, &small());
    }
}

#[test]
fn recursion_is_bounded() {
    insta::assert_snapshot!(
        check(r#"{{define "a"}}{{template "a"}}{{end}}{{template "a"}}"#, &small()),
        @r#"Limit: template: t:1:25: executing "a" at <{{template "a"}}>: exceeded maximum template depth (50)"#
    );
    insta::assert_snapshot!(
        check(r#"{{define "a"}}{{template "a"}}{{end}}{{template "a"}}"#, &Limits::default()),
        @r#"Exec: template: t:1:25: executing "a" at <{{template "a"}}>: exceeded maximum template depth (100000)"#
    );
}

#[test]
fn time_is_bounded() {
    let limits = Limits { wall_time: Duration::ZERO, ..Limits::default() };
    let got = check("{{range until 100000}}{{end}}", &limits);
    assert!(got.starts_with("Limit: ") && got.contains("takes longer than 0ns"), "{got}");
}

#[test]
fn deep_nesting_neither_overflows_the_stack_nor_hangs() {
    let parens = |n: usize| format!("{{{{{}1{}}}}}", "(".repeat(n), ")".repeat(n));
    assert_eq!(check(&parens(10_000), &Limits::default()), "ok, 1 bytes");
    assert!(check(&parens(10_001), &Limits::default()).contains("max expression depth exceeded"));
    let blocks = |n: usize| format!("{}x{}", "{{if 1}}".repeat(n), "{{end}}".repeat(n));
    assert_eq!(check(&blocks(9_000), &Limits::default()), "ok, 1 bytes");
    assert!(check(&blocks(50_000), &Limits::default()).contains("block depth"));
    let chain = format!("{{{{if 0}}}}{}{{{{end}}}}", "{{else if 0}}".repeat(50_000));
    assert!(check(&chain, &Limits::default()).contains("block depth"));
    // A value nested a hundred thousand levels deep is made, refused for printing, and freed.
    let value =
        "{{$l := list}}{{range until 100000}}{{$l = list $l}}{{end}}{{$l | mustToJson | len}}";
    assert!(check(value, &Limits::default()).contains("nested too deeply"));
    let value = r#"{{$d := dict}}{{range until 100000}}{{$d = dict "k" $d}}{{end}}{{len $d}}"#;
    assert_eq!(check(value, &Limits::default()), "ok, 1 bytes");
}

#[test]
fn a_map_cannot_hold_itself() {
    insta::assert_snapshot!(
        check(r#"{{$d := dict}}{{set $d "a" (list $d)}}"#, &small()),
        @r#"Exec: template: t:1:16: executing "t" at <set $d "a" (list $d)>: error calling set: a map cannot hold itself"#
    );
}

#[test]
fn nothing_is_read_of_the_machine() {
    assert_eq!(check(r#"{{env "PATH"}}{{expandenv "$HOME${PATH}"}}"#, &small()), "ok, 0 bytes");
}

#[test]
fn an_unknown_function_names_itself_the_template_and_the_line() {
    let error =
        Template::parse("values.yaml", "a\nb: {{ Nope 1 }}", &Options::default(), &FuncMap::new())
            .expect_err("Nope is no function");
    assert_eq!(error.kind, ErrorKind::Parse);
    assert_eq!((error.template.as_str(), error.line), ("values.yaml", 2));
    assert_eq!(error.to_string(), r#"template: values.yaml:2: function "Nope" not defined"#);
}
