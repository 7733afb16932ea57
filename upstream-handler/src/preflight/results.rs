//! What results mean.

use kinds::preflight::results::{self, Found};
use wire::preflight::{PreflightCheck, PreflightError, PreflightResults};

/// What all checks together found (`pkg/preflight/preflight.go`, `getPreflightState`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// All passed; there may have been none.
    Pass,
    /// None failed, some warn.
    Warn,
    /// Some failed.
    Fail,
    /// Nothing could be checked.
    NotRun,
}

/// What all checks together found.
pub(crate) fn state(results: &PreflightResults) -> State {
    if !results.errors.is_empty() {
        State::NotRun
    } else if results.results.iter().any(|it| it.is_fail) {
        State::Fail
    } else if results.results.iter().any(|it| it.is_warn) {
        State::Warn
    } else {
        State::Pass
    }
}

/// Whether a version with strict checks must not be deployed: one failed, or they have not been run
/// (`HasStrictAnalyzersFailed` of troubleshoot: no results are a failure).
pub(crate) fn has_failing_strict(has_strict: bool, results: Option<&PreflightResults>) -> bool {
    has_strict
        && results.is_none_or(|results| {
            !results.errors.is_empty()
                || results.results.is_empty()
                || results.results.iter().any(|it| it.strict && it.is_fail)
        })
}

/// What keeps a version from being deployed, one sentence each.
pub(crate) fn failures(results: &PreflightResults) -> Vec<String> {
    let errors = results
        .errors
        .iter()
        .map(|it| format!("the preflight checks could not be run: {}", it.error));
    let failed = results.results.iter().filter(|it| it.is_fail).map(|it| {
        let strict = if it.strict { "strict " } else { "" };
        format!("{strict}check `{}` failed: {}", it.title, it.message)
    });
    errors.chain(failed).collect()
}

/// Results of checks that could not be run.
pub(crate) fn not_run(reason: impl Into<String>) -> PreflightResults {
    PreflightResults {
        errors: vec![PreflightError { error: reason.into() }],
        ..PreflightResults::default()
    }
}

/// Reads what the program prints, failures first.
///
/// The error tells what was found instead. `n_checks` is the number of checks that were asked for:
/// nothing said of any of them is no success.
pub(crate) fn parse(printed: &[u8], n_checks: usize) -> Result<PreflightResults, String> {
    let found = results::read(printed)?;
    if found.is_empty() && n_checks > 0 {
        return Err(format!("it says nothing of the {n_checks} checks"));
    }
    let check = |Found { title, message, uri, strict }| PreflightCheck {
        title,
        message,
        uri,
        strict,
        ..PreflightCheck::default()
    };
    let fail = found.fail.into_iter().map(|it| PreflightCheck { is_fail: true, ..check(it) });
    let warn = found.warn.into_iter().map(|it| PreflightCheck { is_warn: true, ..check(it) });
    let pass = found.pass.into_iter().map(|it| PreflightCheck { is_pass: true, ..check(it) });
    Ok(PreflightResults { results: fail.chain(warn).chain(pass).collect(), errors: Vec::new() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(printed: &str) -> String {
        match parse(printed.as_bytes(), 1) {
            Ok(results) => {
                let strict = has_failing_strict(true, Some(&results));
                format!("{:?} {strict} {}", state(&results), failures(&results).join("; "))
            }
            Err(error) => error,
        }
    }

    #[test]
    fn what_the_program_prints_is_read() {
        for (printed, expected) in [
            (r#"{"pass": [{"title": "a", "message": "b", "strict": true}]}"#, "Pass false "),
            (
                r#"{"warn": [{"title": "a", "message": "b"}], "pass": [{"title": "c"}]}"#,
                "Warn false ",
            ),
            (r#"{"fail": [{"title": "a", "message": "b"}]}"#, "Fail false check `a` failed: b"),
            (
                r#"{"fail": [{"title": "a", "message": "b", "strict": true}]}"#,
                "Fail true strict check `a` failed: b",
            ),
            ("{}", "it says nothing of the 1 checks"),
            ("", "its output is not read: EOF while parsing a value at line 1 column 0"),
        ] {
            assert_eq!(read(printed), expected, "{printed}");
        }
        let none = parse(b"{}", 0).expect("nothing was asked for");
        assert_eq!(state(&none), State::Pass);
        // What says nothing of a strict check has not run it.
        assert!(has_failing_strict(true, Some(&none)));
        assert!(has_failing_strict(true, None));
        assert!(!has_failing_strict(false, None));
    }

    #[test]
    fn what_was_not_run_is_no_success() {
        let results = not_run("no cluster");
        assert_eq!(state(&results), State::NotRun);
        assert!(has_failing_strict(true, Some(&results)));
        assert!(!has_failing_strict(false, Some(&results)));
        assert_eq!(failures(&results), ["the preflight checks could not be run: no cluster"]);
        insta::assert_snapshot!(serde_json::to_string(&results).expect("JSON"), @r#"{"errors":[{"error":"no cluster"}]}"#);
    }

    proptest! {
        #[test]
        fn no_output_passes_by_accident(printed in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(results) = parse(&printed, 3) {
                prop_assert!(!results.results.is_empty());
            }
        }
    }
}
