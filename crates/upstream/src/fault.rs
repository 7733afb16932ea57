//! Which faults are worth another attempt, and when. Pure.
//!
//! Only two kinds are: the connection failed or broke, and a gateway said "later" without a reason.
//! An answer with a reason is final, whatever its status: asking again would hide the reason.

use std::time::Duration;

/// First pause between attempts; each next one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// Longest pause of our own choosing.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Returns how long to wait after failed attempt number `attempt`, counted from 1.
pub(crate) fn pause(attempt: u32) -> Duration {
    let doublings = attempt.saturating_sub(1).min(16);
    (FIRST_PAUSE * 2_u32.pow(doublings)).min(LONGEST_PAUSE)
}

/// What a status other than success means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nobody gave a reason: ask again, after this long if the answer said so.
    Later(Option<Duration>),
    /// A reason, or a status that another attempt would not change.
    Final,
}

/// Judges an answer that is not a success.
///
/// 502, 503 and 504 are "bare" without a body, with an HTML body, or with the Kubernetes API
/// server's `Status` object; those come from something between us and the vendor. 429 is for later
/// only when it says when.
pub(crate) fn judge(status: u16, retry_after: Option<&str>, body: &str) -> Verdict {
    let wait = retry_after.and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
    match status {
        502..=504 if is_bare(body) => Verdict::Later(wait),
        429 if wait.is_some() => Verdict::Later(wait),
        _ => Verdict::Final,
    }
}

fn is_bare(body: &str) -> bool {
    let body = body.trim();
    body.is_empty()
        || body.starts_with('<')
        || (body.starts_with('{') && body.contains(r#""kind":"Status""#))
        || is_gateway_phrase(body)
}

/// The one-line bodies that Go's and other proxies send with their own 502–504.
fn is_gateway_phrase(body: &str) -> bool {
    ["bad gateway", "service unavailable", "gateway timeout", "gateway time-out"]
        .iter()
        .any(|phrase| body.eq_ignore_ascii_case(phrase))
}

/// Returns `body` fit to be shown: at most `limit` characters, control characters but line ends
/// and tabs replaced, an HTML page reduced to nothing.
pub(crate) fn printable(body: &str, limit: usize) -> String {
    let body = body.trim();
    if body.starts_with('<') {
        return String::new();
    }
    let shown = |c: char| {
        if c.is_control() && c != '\n' && c != '\t' { char::REPLACEMENT_CHARACTER } else { c }
    };
    let mut text: String = body.chars().take(limit).map(shown).collect();
    if text.len() < body.len() && body.chars().nth(limit).is_some() {
        text.push_str(" …");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: u16, retry_after: Option<&str>, body: &str) -> String {
        match judge(status, retry_after, body) {
            Verdict::Later(None) => "later".to_owned(),
            Verdict::Later(Some(wait)) => format!("later, in {} s", wait.as_secs()),
            Verdict::Final => "final".to_owned(),
        }
    }

    #[test]
    fn a_gateway_without_a_reason_is_asked_again() {
        for status in [502, 503, 504] {
            assert_eq!(check(status, None, " \n"), "later");
            assert_eq!(check(status, None, "<html><h1>Bad Gateway</h1></html>"), "later");
            assert_eq!(check(status, None, r#"{"kind":"Status","code":503}"#), "later");
        }
        assert_eq!(check(503, Some("7"), ""), "later, in 7 s");
    }

    #[test]
    fn a_stated_reason_is_final() {
        assert_eq!(check(503, None, r#"{"error":"maintenance until noon"}"#), "final");
        assert_eq!(check(502, None, "license is archived"), "final");
        assert_eq!(check(500, None, ""), "final");
        assert_eq!(check(404, None, ""), "final");
    }

    #[test]
    fn too_many_requests_is_for_later_only_when_it_says_when() {
        assert_eq!(check(429, Some("2"), "slow down"), "later, in 2 s");
        assert_eq!(check(429, None, "slow down"), "final");
        assert_eq!(check(429, Some("Wed, 21 Oct 2026 07:28:00 GMT"), ""), "final");
    }

    #[test]
    fn pauses_double_up_to_a_limit() {
        let pauses: Vec<_> = (1..=7).map(|n| pause(n).as_millis()).collect();
        assert_eq!(pauses, [250, 500, 1000, 2000, 4000, 5000, 5000]);
        assert_eq!(pause(u32::MAX), LONGEST_PAUSE);
    }

    #[test]
    fn what_is_shown_has_no_control_characters_and_an_end() {
        assert_eq!(printable(" a\u{1b}[31mb\nc ", 100), "a\u{fffd}[31mb\nc");
        assert_eq!(printable("äöü", 3), "äöü");
        assert_eq!(printable("äöüß", 3), "äöü …");
        assert_eq!(printable("<html>", 100), "");
    }
}
