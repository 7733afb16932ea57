use proptest::prelude::*;
use serde::Deserialize;

use super::*;

/// The JSON form of a text, or the error's words.
fn check(text: &str) -> String {
    match to_value(text) {
        Ok(value) => value.to_string(),
        Err(error) => error.to_string(),
    }
}

/// What `sigs.k8s.io/yaml` v1.6.0 gives for `v: TEXT`; recorded by running it.
const GO: &[(&str, &str)] = &[
    ("y", "true"),
    ("N", "false"),
    ("yes", "true"),
    ("yEs", "\"yEs\""),
    ("on", "true"),
    ("Off", "false"),
    ("OFF", "false"),
    ("True", "true"),
    ("tRUE", "\"tRUE\""),
    ("0644", "420"),
    ("00", "0"),
    ("0", "0"),
    ("-0644", "-420"),
    ("+0644", "420"),
    ("0o644", "420"),
    ("0b101", "5"),
    ("0B11", "3"),
    ("-0b101", "-5"),
    ("0x1F", "31"),
    ("0X1F", "31"),
    ("1_000", "1000"),
    ("0_7", "7"),
    ("08", "8"),
    ("0.5", "0.5"),
    (".5", "0.5"),
    ("+.5", "0.5"),
    ("5.", "5"),
    ("1e3", "1000"),
    ("1E3", "1000"),
    ("1.0", "1"),
    ("1.10", "1.1"),
    ("1.232435e+06", "1232435"),
    ("1e21", "1e+21"),
    ("12:30:45", "\"12:30:45\""),
    ("2001-01-01", "\"2001-01-01\""),
    ("2001-12-14t21:59:43.10-05:00", "\"2001-12-14t21:59:43.10-05:00\""),
    ("~", "null"),
    ("Null", "null"),
    ("nULL", "\"nULL\""),
    ("9223372036854775807", "9223372036854775807"),
    ("18446744073709551615", "18446744073709551615"),
    ("-9223372036854775808", "-9223372036854775808"),
    ("!!str 123", "\"123\""),
    ("!!int \"12\"", "12"),
    ("!!float 3", "3"),
    ("!!binary aGVsbG8=", "\"hello\""),
    ("!foo bar", "\"bar\""),
    ("\"yes\"", "\"yes\""),
    ("1__0", "10"),
    ("0x_1", "1"),
    ("_1", "\"_1\""),
    ("1_", "1"),
    ("=", "\"=\""),
    ("<<", "\"<<\""),
    ("1e400", "\"1e400\""),
    ("[1, 2]", "[1,2]"),
    ("--1", "\"--1\""),
    ("+-1", "\"+-1\""),
];

#[test]
fn scalars_are_read_as_go_reads_them() {
    for (text, expected) in GO {
        assert_eq!(check(&format!("v: {text}")), format!("{{\"v\":{expected}}}"), "for `{text}`");
    }
}

#[test]
fn a_number_is_no_text() {
    #[derive(Debug, Deserialize)]
    struct Spec {
        #[expect(dead_code, reason = "only its type matters")]
        cursor: String,
    }
    #[derive(Debug, Deserialize)]
    struct Airgap {
        #[expect(dead_code, reason = "only its type matters")]
        spec: Spec,
    }
    let error = from_str::<Airgap>("spec:\n  cursor: 5\n").unwrap_err();
    assert_eq!(error.to_string(), "`spec.cursor`: invalid type: integer `5`, expected a string");
}

#[test]
fn what_is_refused_says_where() {
    assert_eq!(check("a: 1\na: 2\n"), "line 2: the key `a` occurs twice in one mapping");
    assert_eq!(
        check("a: .inf"),
        "line 1: the number `.inf` has no JSON form, a finite number is allowed"
    );
    assert_eq!(
        check("a: 1\n---\nb: 2\n"),
        "line 3: a second YAML document starts here, one is allowed"
    );
    assert_eq!(
        check("a: &a [*a]"),
        "line 1: an alias to an anchor that contains it is not allowed"
    );
    assert!(check("a: [1\nb: 2").starts_with("line 2"), "{}", check("a: [1\nb: 2"));
}

#[test]
fn merge_keys_anchors_and_empty_documents() {
    assert_eq!(
        check("base: &b {x: 1, y: 2}\nv:\n  <<: *b\n  x: 3\n"),
        r#"{"base":{"x":1,"true":2},"v":{"x":3,"true":2}}"#
    );
    assert_eq!(check("# only a comment\n---\na: 1\n---\n"), r#"{"a":1}"#);
    assert_eq!(check(""), "null");
    assert_eq!(check("1: a\ntrue: b\n"), r#"{"1":"a","true":"b"}"#);
}

#[test]
fn aliases_that_explode_are_refused() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..10 {
        let alias = format!("*a{}", level - 1);
        let line = format!("a{level}: &a{level} [{}]\n", [alias.as_str(); 10].join(", "));
        bomb.push_str(&line);
    }
    assert!(check(&bomb).contains("more than 1000000 nodes"), "{}", check(&bomb));
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    assert!(to_value(&deep).is_err());
}

#[test]
fn a_file_is_split_with_its_line_numbers() {
    let file = "# head\n---\na: 1\n--- # note\nb: |\n  text\n  ---\n---\n---   \nc: {{repl x }}\n";
    let parts: Vec<_> =
        split_documents(file).into_iter().map(|d| (d.first_line, d.text.to_owned())).collect();
    assert_eq!(
        parts,
        [
            (3, "a: 1\n".to_owned()),
            (5, "b: |\n  text\n  ---\n".to_owned()),
            (10, "c: {{repl x }}\n".to_owned()),
        ]
    );
}

#[test]
fn written_text_is_read_back_by_old_and_new_readers() {
    let value = serde_json::json!({
        "word": "no", "octal": "0644", "date": "2001-01-01", "long": "a b ".repeat(60),
        "lines": "one\ntwo\n", "number": 5, "empty": "", "space": " x ", "template": "{{repl x}}",
        "null": "null", "colon": "a: b", "hash": "a # b", "tabs": "\ta\n", "trail": "a \nb\n\n",
    });
    let text = to_string(&value).unwrap();
    assert_eq!(to_value(&text).unwrap(), value, "{text}");
    assert!(text.contains("word: \"no\"") || text.contains("word: 'no'"), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_text_is_read_or_refused(text in "[-a-z0-9:{}\\[\\]\"'&*!|>%#\n \\t,.?~<]{0,200}") {
        let _ = to_value(&text);
        let _ = split_documents(&text);
    }

    #[test]
    fn templates_stay_word_for_word(
        texts in proptest::collection::vec("[ -~\n]{0,12}(\\{\\{repl|repl\\{\\{)[ -~\n]{0,20}", 1..5),
    ) {
        let value = serde_json::json!({"a": texts, "b": {"c": [{"d": texts[0], "e": [texts[0]]}]}});
        let text = to_template_string(&value).unwrap();
        prop_assert_eq!(to_value(&text).unwrap(), value, "{}", text);
        for line in texts.iter().flat_map(|text| text.lines()) {
            prop_assert!(text.contains(line), "{} in {}", line, text);
        }
    }

    #[test]
    fn any_words_survive_a_round_trip(words in proptest::collection::btree_map("\\PC{1,12}", "\\PC{0,40}", 0..8)) {
        let value = serde_json::to_value(&words).unwrap();
        let text = to_string(&value).unwrap();
        prop_assert_eq!(to_value(&text).unwrap(), value, "{}", text);
    }
}
