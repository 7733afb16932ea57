//! Durations as Go's `time.ParseDuration` reads them.

use std::time::Duration;

use super::flags::quoted;

const UNITS: [(&str, f64); 8] = [
    ("ns", 1.0),
    ("us", 1e3),
    ("µs", 1e3),
    ("μs", 1e3),
    ("ms", 1e6),
    ("s", 1e9),
    ("m", 60e9),
    ("h", 3600e9),
];

/// Reads `text`, such as `15m` or `1h30m`. Unlike Go, a negative duration is refused: nothing here waits backwards.
///
/// # Errors
///
/// Go's words.
pub fn parse(text: &str) -> Result<Duration, String> {
    let invalid = || format!("time: invalid duration {}", quoted(text));
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut nanos = 0.0_f64;
    while !rest.is_empty() {
        let number_len =
            rest.find(|it: char| !it.is_ascii_digit() && it != '.').unwrap_or(rest.len());
        let number: f64 = rest[..number_len].parse().map_err(|_| invalid())?;
        rest = &rest[number_len..];
        let unit_len = rest.find(|it: char| it.is_ascii_digit() || it == '.').unwrap_or(rest.len());
        let unit = &rest[..unit_len];
        if unit.is_empty() {
            return Err(format!("time: missing unit in duration {}", quoted(text)));
        }
        let Some((_, factor)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            return Err(format!(
                "time: unknown unit {} in duration {}",
                quoted(unit),
                quoted(text)
            ));
        };
        nanos += number * factor;
        rest = &rest[unit_len..];
    }
    // Go's durations are 63 bits of nanoseconds.
    if nanos > 9.223_372_036e18 {
        return Err(invalid());
    }
    Duration::try_from_secs_f64(nanos / 1e9).map_err(|_| invalid())
}

/// Writes a duration the way Go prints it, in whole seconds and above: `15m0s`, `1h0m5s`, `300ms`.
pub fn show(duration: Duration) -> String {
    let secs = duration.as_secs();
    match (secs / 3600, secs / 60 % 60, secs % 60) {
        (0, 0, 0) => format!("{}ms", duration.as_millis()),
        (0, 0, s) => format!("{s}s"),
        (0, m, s) => format!("{m}m{s}s"),
        (h, m, s) => format!("{h}h{m}m{s}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The only place in these tests that knows the API under test.
    fn check(text: &str) -> String {
        match parse(text) {
            Ok(it) => format!("{it:?}, shown {}", show(it)),
            Err(error) => error,
        }
    }

    #[test]
    fn as_go() {
        insta::assert_snapshot!(
            ["15m", "1h30m", "1.5s", "300ms", "0", "+2s", "", "-5s", "15", "5x", ".", "1e9s", "999999999h"]
                .map(check)
                .join("\n"),
            @r#"
            900s, shown 15m0s
            5400s, shown 1h30m0s
            1.5s, shown 1s
            300ms, shown 300ms
            0ns, shown 0ms
            2s, shown 2s
            time: invalid duration ""
            time: invalid duration "-5s"
            time: missing unit in duration "15"
            time: unknown unit "x" in duration "5x"
            time: invalid duration "."
            time: unknown unit "e" in duration "1e9s"
            time: invalid duration "999999999h"
            "#
        );
    }
}
