//! What a version's preflight checks say about deploying it.

use wire::app::DownstreamVersion;
use wire::preflight::PreflightResults;

/// What the checks of a version found, as far as they have been run.
fn results(version: &DownstreamVersion) -> Option<PreflightResults> {
    serde_json::from_str(version.preflight_result.as_deref()?).ok()
}

/// Failed checks, and why checks could not be run, one sentence each.
pub fn failures(version: &DownstreamVersion) -> Vec<String> {
    sentences(version, false)
}

/// Whether strict checks were run and keep the version back: they can be run again.
pub fn is_held(version: &DownstreamVersion) -> bool {
    version.has_failing_strict_preflights && results(version).is_some()
}

/// Why a first version is not deployed by itself: that takes checks of which none fails or warns. Empty
/// while none does, or they have not been run.
pub fn hold_first(version: &DownstreamVersion) -> Vec<String> {
    let found = results(version).unwrap_or_default();
    let is_told = version.has_failing_strict_preflights
        || found.results.iter().any(|it| it.is_fail || it.is_warn);
    if version.sequence == 0 && version.status == "pending" && is_told {
        sentences(version, true)
    } else {
        Vec::new()
    }
}

fn sentences(version: &DownstreamVersion, with_warnings: bool) -> Vec<String> {
    let Some(results) = results(version) else { return Vec::new() };
    let errors = results
        .errors
        .iter()
        .map(|it| format!("the preflight checks could not be run: {}", it.error));
    let checks = results.results.iter().filter_map(|it| {
        let strict = if it.strict { "strict " } else { "" };
        let what = match (it.is_fail, it.is_warn) {
            (true, _) => "failed",
            (false, true) if with_warnings => "warns",
            _ => return None,
        };
        Some(format!("{strict}check `{}` {what}: {}", it.title, it.message))
    });
    errors.chain(checks).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(result: Option<&str>, status: &str) -> String {
        let version = DownstreamVersion {
            status: status.to_owned(),
            preflight_result: result.map(str::to_owned),
            has_failing_strict_preflights: true,
            ..DownstreamVersion::default()
        };
        format!("{} {:?} {:?}", is_held(&version), failures(&version), hold_first(&version))
    }

    #[test]
    fn checks_are_told() {
        let failed = r#"{"results":[{"strict":true,"isFail":true,"title":"a","message":"b"},{"isWarn":true,"title":"c","message":"d"},{"isPass":true,"title":"e"}]}"#;
        insta::assert_snapshot!(check(Some(failed), "pending"), @r#"true ["strict check `a` failed: b"] ["strict check `a` failed: b", "check `c` warns: d"]"#);
        insta::assert_snapshot!(check(Some(failed), "deployed"), @r#"true ["strict check `a` failed: b"] []"#);
        insta::assert_snapshot!(check(Some(r#"{"errors":[{"error":"no cluster"}]}"#), "pending"), @r#"true ["the preflight checks could not be run: no cluster"] ["the preflight checks could not be run: no cluster"]"#);
        assert_eq!(check(None, "pending"), "false [] []");
        assert_eq!(check(Some("nonsense"), "pending"), "false [] []");
    }
}
