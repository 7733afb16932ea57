//! What the `preflight` program (troubleshoot.sh) found: its output, and what that leaves open.

use serde::Deserialize;
use serde_json::Value;

use super::is_true;

/// What one check found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Found {
    /// What was checked.
    pub title: String,
    /// What was found.
    pub message: String,
    /// Where more is said about it; mostly empty.
    pub uri: String,
    /// Whether a failure cannot be passed over.
    pub strict: bool,
}

/// What all checks found. Checks that came to no outcome are in none of the lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Results {
    /// Good ones.
    pub pass: Vec<Found>,
    /// Ones to know of.
    pub warn: Vec<Found>,
    /// Bad ones.
    pub fail: Vec<Found>,
}

impl Results {
    /// Every list, in the order pass, warn, fail.
    pub fn all(&self) -> impl Iterator<Item = &Found> {
        self.pass.iter().chain(&self.warn).chain(&self.fail)
    }

    /// Whether nothing was found at all.
    pub fn is_empty(&self) -> bool {
        self.all().next().is_none()
    }
}

/// Whether the program got as far as printing results, by its exit code: 0 is all well, 3 and 4 are checks that failed
/// or warn, 1 is a program that did not get that far, as is one that was killed (`None`). 2 is a spec that cannot be
/// used; nothing is printed then that [`read`] takes for results.
pub fn has_results(exit_code: Option<i32>) -> bool {
    exit_code.is_some_and(|it| it != 1)
}

/// Reads what the program prints with `--format=json`.
///
/// # Errors
///
/// What was found instead.
pub fn read(printed: &[u8]) -> Result<Results, String> {
    #[derive(Deserialize)]
    struct Printed {
        pass: Option<Vec<Found>>,
        warn: Option<Vec<Found>>,
        fail: Option<Vec<Found>>,
    }
    let Printed { pass, warn, fail } = serde_json::from_slice(printed)
        .map_err(|error| format!("its output is not read: {error}"))?;
    Ok(Results {
        pass: pass.unwrap_or_default(),
        warn: warn.unwrap_or_default(),
        fail: fail.unwrap_or_default(),
    })
}

/// A check that a document asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Its `checkName`, else its kind.
    pub title: String,
    /// Whether the title is its `checkName`: the program calls others as it likes.
    pub is_named: bool,
    /// Whether a failure cannot be passed over.
    pub is_strict: bool,
}

/// The checks of a document that are not left out.
pub fn asked(document: &Value) -> Vec<Asked> {
    let analyzers = document.pointer("/spec/analyzers").and_then(Value::as_array);
    let check = |analyzer: &Value| {
        let fields = analyzer.as_object()?;
        if fields.values().filter_map(|it| it.get("exclude")).any(is_true) {
            return None;
        }
        let (kind, body) = fields.iter().next()?;
        let name = body.get("checkName").and_then(Value::as_str).filter(|it| !it.is_empty());
        Some(Asked {
            title: name.unwrap_or(kind).to_owned(),
            is_named: name.is_some(),
            is_strict: fields.values().filter_map(|it| it.get("strict")).any(is_true),
        })
    };
    analyzers.into_iter().flatten().filter_map(check).collect()
}

/// The checks that nothing was found of, as far as that is certain: some kinds of checks find several things, under
/// titles of their own, so only what is too few is counted, strict ones apart.
pub fn unanswered(asked: &[Asked], results: &Results) -> Vec<Found> {
    let mut open = Vec::new();
    for is_strict in [true, false] {
        let mut of_kind: Vec<&Asked> =
            asked.iter().filter(|it| it.is_strict == is_strict).collect();
        let n_found = results.all().filter(|it| it.strict == is_strict).count();
        let n_open = of_kind.len().saturating_sub(n_found);
        // The likeliest first: those with a name that is not among the titles; the order of the document otherwise.
        let is_found = |it: &Asked| results.all().any(|found| found.title == it.title);
        of_kind.sort_by_key(|it| match (it.is_named, is_found(it)) {
            (true, false) => 0,
            (false, _) => 1,
            (true, true) => 2,
        });
        open.extend(of_kind.into_iter().take(n_open).map(|it| Found {
            title: it.title.clone(),
            message: NO_OUTCOME.to_owned(),
            uri: String::new(),
            strict: is_strict,
        }));
    }
    open
}

/// What is said of a check that came to nothing.
const NO_OUTCOME: &str = "it came to no outcome: what it looks at could not be read (often a missing permission, see the log), or none of its outcomes applies";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(printed: &str) -> String {
        let list = |found: Vec<Found>| {
            let texts = found.iter().map(|it| {
                format!("{}={}{}", it.title, it.message, if it.strict { "!" } else { "" })
            });
            texts.collect::<Vec<_>>().join(",")
        };
        match read(printed.as_bytes()) {
            Ok(Results { pass, warn, fail }) => {
                format!("pass [{}] warn [{}] fail [{}]", list(pass), list(warn), list(fail))
            }
            Err(why) => why,
        }
    }

    #[test]
    fn what_the_program_prints_is_read() {
        for (printed, expected) in [
            (
                r#"{"pass": [{"title": "a", "message": "b", "strict": true}], "fail": null}"#,
                "pass [a=b!] warn [] fail []",
            ),
            (
                r#"{"warn": [{"title": "a", "uri": "x"}], "fail": [{"message": "d"}], "new": 7}"#,
                "pass [] warn [a=] fail [=d]",
            ),
            ("{}", "pass [] warn [] fail []"),
            ("", "its output is not read: EOF while parsing a value at line 1 column 0"),
            ("{} {}", "its output is not read: trailing characters at line 1 column 4"),
            (
                r#"{"fail": {}}"#,
                "its output is not read: invalid type: map, expected a sequence at line 1 column 9",
            ),
        ] {
            assert_eq!(shown(printed), expected, "{printed}");
        }
        let codes = [Some(0), Some(3), Some(4), Some(1), None];
        assert_eq!(codes.map(has_results), [true, true, true, false, false]);
    }

    fn open(asked: &[(&str, bool, bool)], printed: &str) -> Vec<String> {
        let asked: Vec<Asked> = asked
            .iter()
            .map(|(title, is_named, is_strict)| Asked {
                title: (*title).to_owned(),
                is_named: *is_named,
                is_strict: *is_strict,
            })
            .collect();
        let results = read(printed.as_bytes()).expect("JSON");
        let open = unanswered(&asked, &results);
        open.iter().map(|it| format!("{}{}", it.title, if it.strict { "!" } else { "" })).collect()
    }

    #[test]
    fn what_nothing_is_said_of_is_known() {
        let asked =
            [("kind", false, false), ("A", true, false), ("B", true, false), ("C", true, true)];
        assert_eq!(open(&asked, "{}"), ["C!", "A", "B", "kind"]);
        let one = r#"{"pass": [{"title": "A"}], "warn": [{"title": "What the program calls it"}]}"#;
        assert_eq!(open(&asked, one), ["C!", "B"]);
        let strict = r#"{"fail": [{"title": "Another title", "strict": true}]}"#;
        assert_eq!(open(&asked, strict), ["A", "B", "kind"]);
        // One kind of check finds several things: nothing is certain.
        let many = r#"{"pass": [{"title": "x"}, {"title": "y"}, {"title": "z"}, {"title": "C", "strict": true}]}"#;
        assert!(open(&asked, many).is_empty());
    }

    proptest! {
        #[test]
        fn no_more_is_open_than_was_asked_for(printed in r#"(\{"(pass|warn|fail)": \[(\{"title": "[ab]"\}(, \{"strict": true\})?)?\]\}|.{0,8})"#) {
            if let Ok(results) = read(printed.as_bytes()) {
                let asked = asked(&serde_json::json!({"spec": {"analyzers": [{"a": {"strict": "true"}}, {"b": {"checkName": "b"}}]}}));
                let n_open = unanswered(&asked, &results).len();
                prop_assert!(n_open + results.all().count() >= asked.len() && n_open <= asked.len());
            }
        }
    }
}
