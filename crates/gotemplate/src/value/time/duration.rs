//! Durations and the names of months and days.

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const DAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// `time.Month.String`.
pub(crate) fn month_name(month: i64) -> String {
    usize::try_from(month - 1)
        .ok()
        .and_then(|i| MONTHS.get(i))
        .map_or_else(|| format!("%!Month({month})"), |name| (*name).to_owned())
}

/// `time.Weekday.String`.
pub(crate) fn weekday_name(day: i64) -> String {
    usize::try_from(day)
        .ok()
        .and_then(|i| DAYS.get(i))
        .map_or_else(|| format!("%!Weekday({day})"), |name| (*name).to_owned())
}

/// `time.Duration.String`, such as `1h2m3.5s`.
pub(crate) fn duration_string(nanos: i64) -> String {
    if nanos == 0 {
        return "0s".to_owned();
    }
    let sign = if nanos < 0 { "-" } else { "" };
    let u = nanos.unsigned_abs();
    let fraction = |value: u64, unit: u64, digits: usize| {
        let text = format!("{}.{:0digits$}", value / unit, value % unit);
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    if u < 1_000 {
        return format!("{sign}{u}ns");
    }
    if u < 1_000_000 {
        return format!("{sign}{}µs", fraction(u, 1_000, 3));
    }
    if u < 1_000_000_000 {
        return format!("{sign}{}ms", fraction(u, 1_000_000, 6));
    }
    let seconds = fraction(u % 60_000_000_000, 1_000_000_000, 9);
    let minutes = u / 60_000_000_000;
    match (minutes / 60, minutes % 60) {
        (0, 0) => format!("{sign}{seconds}s"),
        (0, m) => format!("{sign}{m}m{seconds}s"),
        (h, m) => format!("{sign}{h}h{m}m{seconds}s"),
    }
}

/// `time.ParseDuration`; the error is Go's text.
pub(crate) fn parse_duration(text: &[u8]) -> Result<i64, String> {
    const LIMIT: u64 = 1 << 63;
    let shown = || super::parse::quote(text);
    let invalid = || format!("time: invalid duration {}", shown());
    let (negative, mut rest) = match text.first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == b"0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total = 0u64;
    while !rest.is_empty() {
        let (whole, fraction, scale, after) = decimal(rest).ok_or_else(invalid)?;
        rest = after;
        let n = rest.iter().take_while(|b| **b != b'.' && !b.is_ascii_digit()).count();
        if n == 0 {
            return Err(format!("time: missing unit in duration {}", shown()));
        }
        let (unit, after) = rest.split_at(n);
        rest = after;
        let nanos: u64 = match unit {
            b"ns" => 1,
            b"us" | b"\xc2\xb5s" | b"\xce\xbcs" => 1_000,
            b"ms" => 1_000_000,
            b"s" => 1_000_000_000,
            b"m" => 60_000_000_000,
            b"h" => 3_600_000_000_000,
            other => {
                let unit = super::parse::quote(other);
                return Err(format!("time: unknown unit {unit} in duration {}", shown()));
            }
        };
        if whole > LIMIT / nanos {
            return Err(invalid());
        }
        let mut value = whole * nanos;
        if fraction > 0 {
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "Go computes the fraction so, and it is less than one unit"
            )]
            let part = (fraction as f64 * (nanos as f64 / scale)) as u64;
            value += part;
        }
        total = total.checked_add(value).filter(|t| *t <= LIMIT).ok_or_else(invalid)?;
    }
    if negative {
        return Ok(0i64.wrapping_sub_unsigned(total));
    }
    i64::try_from(total).map_err(|_| invalid())
}

/// Reads `12.34`: the whole part, the digits of the fraction, their scale, and what follows.
fn decimal(text: &[u8]) -> Option<(u64, u64, f64, &[u8])> {
    let whole_len = text.iter().take_while(|b| b.is_ascii_digit()).count();
    let mut whole = 0u64;
    for b in &text[..whole_len] {
        if whole > (1 << 63) / 10 {
            return None;
        }
        whole = whole * 10 + u64::from(b - b'0');
        if whole > 1 << 63 {
            return None;
        }
    }
    let rest = &text[whole_len..];
    let Some(after) = rest.strip_prefix(b".") else {
        return (whole_len > 0).then_some((whole, 0, 1.0, rest));
    };
    let len = after.iter().take_while(|b| b.is_ascii_digit()).count();
    if whole_len == 0 && len == 0 {
        return None;
    }
    let (mut fraction, mut scale) = (0u64, 1.0);
    for b in &after[..len] {
        if fraction > (i64::MAX.unsigned_abs()) / 10 {
            break;
        }
        let next = fraction * 10 + u64::from(b - b'0');
        if next > 1 << 63 {
            break;
        }
        fraction = next;
        scale *= 10.0;
    }
    Some((whole, fraction, scale, &after[len..]))
}

/// `time.Duration.Round`: halves go away from zero.
pub(crate) fn round_duration(nanos: i64, to: i64) -> i64 {
    if to <= 0 {
        return nanos;
    }
    let rest = nanos % to;
    let half = rest.unsigned_abs() * 2 < to.unsigned_abs();
    match (nanos < 0, half) {
        (_, true) => nanos - rest,
        (true, false) => nanos.checked_sub(to).map_or(i64::MIN, |d| d - rest),
        (false, false) => nanos.checked_add(to - rest).unwrap_or(i64::MAX),
    }
}
