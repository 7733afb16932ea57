//! No input makes the parser or a render panic.

use std::time::Duration;

use gotemplate::{FuncMap, Limits, Map, Options, Template, Value, sprig};
use proptest::prelude::*;

/// Fragments of templates, so that random sequences of them often parse.
const FRAGMENTS: &[&str] = &[
    "{{",
    "}}",
    "{{- ",
    " -}}",
    "{{end}}",
    "{{else}}",
    "{{if .a}}",
    "{{range .l}}",
    "{{with .m}}",
    "{{range $i, $e := .l}}",
    "{{$x := 1}}",
    "{{$x}}",
    "{{$x = .a}}",
    "{{break}}",
    "{{continue}}",
    "{{define \"T\"}}",
    "{{template \"T\" .}}",
    "{{block \"B\" .}}",
    "{{/* c */}}",
    "{{printf \"%v %d\" .a 1}}",
    "{{.a | upper | quote}}",
    "{{index .l 1}}",
    "{{(.m).k}}",
    "{{dict \"a\" 1 | toJson}}",
    "text\n",
    "é",
    "{{printf \"%[3]*.[2]*[1]f\" 1.0 2 3}}",
    "{{slice .l 1 2}}",
    "{{regexReplaceAll \"(a)\" .a \"$1\"}}",
    "{{semverCompare \"^1\" \"1.2\"}}",
    "{{repeat 3 .a}}",
    "{{substr 0 9 .a}}",
    "{{trunc -1 .a}}",
    "{{toDate \"2006\" .a}}",
    "{{add 1 .n}}",
    "{{splitn \"\" 2 .a}}",
    "(",
    ")",
    "|",
    "\"",
    "`",
    "'",
    ".",
    "$",
    ":=",
    "=",
    ",",
    "0x",
    "1e9",
    "nil",
    "\\",
    "{{fromJson .a}}",
    "{{merge .m (dict)}}",
    "{{urlParse .a}}",
    "{{set .m \"k\" .}}",
    "{{chunk 2 .l}}",
    "{{wrap 2 .a}}",
    "{{abbrevboth 5 8 .a}}",
    "{{date .a .n}}",
];

fn limits() -> Limits {
    Limits { output_bytes: 1 << 20, steps: 20_000, depth: 200, wall_time: Duration::from_secs(5) }
}

fn data(text: &str, number: i64) -> Value {
    let map: Map = [
        ("a", Value::from(text)),
        ("n", Value::from(number)),
        ("l", Value::from(vec![Value::Nil, Value::from(text), Value::from(1.5)])),
        ("m", Value::Map([("k", Value::from(true))].into_iter().collect())),
    ]
    .into_iter()
    .collect();
    Value::Map(map)
}

fn run(template: &str, left: &str, right: &str, data: &Value, funcs: &FuncMap) {
    if let Ok(template) = Template::parse("t", template, &Options::delims(left, right), funcs) {
        let _ = template.render(data, &limits());
        let _ = template.calls();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn fragments_never_panic(
        parts in prop::collection::vec(0..FRAGMENTS.len(), 0..24),
        text in "\\PC{0,12}",
        number in any::<i64>(),
    ) {
        let template: String = parts.iter().map(|i| FRAGMENTS[*i]).collect();
        run(&template, "", "", &data(&text, number), &sprig::funcs());
    }

    #[test]
    fn any_text_and_any_delimiters_never_panic(
        template in ".{0,200}",
        left in "[{}<a-é -]{0,4}",
        right in "[{}>a-é -]{0,4}",
    ) {
        run(&template, &left, &right, &Value::Nil, &sprig::funcs());
    }

    #[test]
    fn any_format_never_panics(format in ".{0,20}", verb in "%[-+# 0]{0,3}[0-9]{0,5}(\\.[0-9]{0,5})?\\PC") {
        let map: Map = [("f", Value::from(format!("{format}{verb}")))].into_iter().collect();
        let values = "1 -1.5 \"é\" nil (list 1 nil) (dict) true";
        let data = Value::Map(map);
        run(&format!("{{{{printf .f {values}}}}}"), "", "", &data, &FuncMap::new());
    }
}

proptest! {
    // Every case calls every function.
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn functions_take_any_text(a in "\\PC{0,16}", b in "\\PC{0,16}", n in any::<i64>()) {
        let map: Map =
            [("a", Value::from(a)), ("b", Value::from(b)), ("n", Value::from(n))].into_iter().collect();
        let data = Value::Map(map);
        let funcs = sprig::funcs();
        for call in [
            "regexFindAll .a .b .n", "regexSplit .a .b .n", "regexReplaceAll .a .b .a", "semver .a",
            "semverCompare .a .b", "toDate .a .b", "dateInZone .a .n .b", "urlParse .a",
            "mustFromJson .a", "b64dec .a", "b32dec .a", "trunc .n .a", "substr .n .n .a",
            "abbrev .n .a", "abbrevboth .n .n .a", "wrap .n .a", "wrapWith .n .a .b", "indent 3 .a",
            "splitn .a .n .b", "seq .n .n", "untilStep 0 .n .n", "round .a 3", "chunk .n (list .a)",
            "snakecase .a", "camelcase .a", "title .a", "durationRound .a", "dateModify .a now",
            "slice (list .a .b) .n", "decryptAES .a .b", "addf .a .b", "divf .n .a", "html .a",
            "buildCustomCert .a .b", "printf .a .b .n", "htpasswd \":\" .a",
        ] {
            run(&format!("{{{{{call}}}}}"), "", "", &data, &funcs);
        }
    }
}
