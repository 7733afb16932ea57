//! Times from text, as `time.ParseInLocation` with UTC as the location.

use super::civil::{self, Civil};
use super::layout::TzShape;
use super::{GoTime, Std, Zone, month_name, next_std, weekday_name};

/// Why a field was not understood.
enum Bad {
    /// The text does not fit the element.
    Syntax,
    /// The value is out of range; named as Go names it.
    Range(&'static str),
}

type Parse<T> = Result<T, Bad>;

/// What has been read so far.
#[derive(Default)]
struct Fields {
    year: i64,
    month: Option<i64>,
    day: Option<i64>,
    year_day: Option<i64>,
    hour: i64,
    minute: i64,
    second: i64,
    nanos: u32,
    pm: Option<bool>,
    utc: bool,
    offset: Option<i32>,
    zone: Option<String>,
}

/// Reads `value` by `layout`; the error is Go's text.
pub(crate) fn parse(layout: &[u8], value: &[u8]) -> Result<GoTime, String> {
    let cannot = |element: &[u8], rest: &[u8]| {
        format!(
            "parsing time {} as {}: cannot parse {} as {}",
            quote(value),
            quote(layout),
            quote(rest),
            quote(element)
        )
    };
    let problem = |message: &str| format!("parsing time {}: {message}", quote(value));
    let mut fields = Fields::default();
    let (mut rest, mut elements) = (value, layout);
    loop {
        let (prefix, std, suffix) = next_std(elements);
        let element = &elements[prefix.len()..elements.len() - suffix.len()];
        rest = skip(rest, prefix).map_err(|at| cannot(prefix, at))?;
        let Some(std) = std else {
            if !rest.is_empty() {
                return Err(problem(&format!("extra text: {}", quote(rest))));
            }
            break;
        };
        elements = suffix;
        match fields.read(std, rest, elements) {
            Ok(after) => rest = after,
            Err(Bad::Syntax) => return Err(cannot(element, rest)),
            Err(Bad::Range(name)) => return Err(problem(&format!("{name} out of range"))),
        }
    }
    fields.finish().map_err(problem)
}

/// `time.quote`: everything but ASCII as bytes.
pub(super) fn quote(text: &[u8]) -> String {
    let mut out = String::from("\"");
    for b in text {
        match b {
            b'"' | b'\\' => {
                out.push('\\');
                out.push(char::from(*b));
            }
            b' '..=b'\x7f' => out.push(char::from(*b)),
            b => out.push_str(&format!("\\x{b:02x}")),
        }
    }
    out.push('"');
    out
}

fn cut_space(mut text: &[u8]) -> &[u8] {
    while let [b' ', rest @ ..] = text {
        text = rest;
    }
    text
}

/// Skips literal text; any number of spaces is as good as one.
fn skip<'a>(mut value: &'a [u8], mut prefix: &[u8]) -> Result<&'a [u8], &'a [u8]> {
    while let Some(first) = prefix.first() {
        if *first == b' ' {
            if value.first().is_some_and(|b| *b != b' ') {
                return Err(value);
            }
            prefix = cut_space(prefix);
            value = cut_space(value);
            continue;
        }
        if value.first() != Some(first) {
            return Err(value);
        }
        prefix = &prefix[1..];
        value = &value[1..];
    }
    Ok(value)
}

fn digit(text: &[u8], i: usize) -> Option<i64> {
    text.get(i).filter(|b| b.is_ascii_digit()).map(|b| i64::from(b - b'0'))
}

/// One or two digits; two when `fixed`.
fn number(text: &[u8], fixed: bool) -> Parse<(i64, &[u8])> {
    match (digit(text, 0), digit(text, 1)) {
        (Some(a), Some(b)) => Ok((a * 10 + b, &text[2..])),
        (Some(a), None) if !fixed => Ok((a, &text[1..])),
        _ => Err(Bad::Syntax),
    }
}

/// Digits with or without a sign.
fn signed(text: &[u8]) -> Parse<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    let mut value = 0;
    for b in digits {
        if !b.is_ascii_digit() {
            return Err(Bad::Syntax);
        }
        value = value * 10 + i64::from(b - b'0');
    }
    Ok(if negative { -value } else { value })
}

fn number_in<'a>(
    text: &'a [u8],
    fixed: bool,
    max: i64,
    name: &'static str,
) -> Parse<(i64, &'a [u8])> {
    let (n, rest) = number(text, fixed)?;
    if n > max { Err(Bad::Range(name)) } else { Ok((n, rest)) }
}

fn lookup(text: &[u8], names: impl Iterator<Item = String>) -> Parse<(i64, &[u8])> {
    for (i, name) in (0..).zip(names) {
        if text.len() >= name.len() && text[..name.len()].eq_ignore_ascii_case(name.as_bytes()) {
            return Ok((i, &text[name.len()..]));
        }
    }
    Err(Bad::Syntax)
}

#[expect(clippy::needless_pass_by_value, reason = "it maps an iterator of names")]
fn short(name: String) -> String {
    name.chars().take(3).collect()
}

/// The fraction with its separator; digits beyond the ninth are dropped.
fn nanos(text: &[u8], n: usize) -> Parse<u32> {
    if !matches!(text.first(), Some(b'.' | b',')) {
        return Err(Bad::Syntax);
    }
    let digits = &text[1..n.min(10)];
    let mut value = signed(digits)?;
    if value < 0 {
        return Err(Bad::Range("fractional second"));
    }
    for _ in digits.len()..9 {
        value *= 10;
    }
    u32::try_from(value).map_err(|_| Bad::Syntax)
}

impl Fields {
    /// Reads one element and returns what follows it.
    #[expect(clippy::too_many_lines, reason = "a table with an entry an element")]
    fn read<'a>(&mut self, std: Std, text: &'a [u8], layout: &[u8]) -> Parse<&'a [u8]> {
        let rest;
        match std {
            Std::Year => {
                let n = signed(text.get(..2).ok_or(Bad::Syntax)?)?;
                self.year = if n >= 69 { n + 1900 } else { n + 2000 };
                rest = &text[2..];
            }
            Std::LongYear => {
                let digits = text.get(..4).ok_or(Bad::Syntax)?;
                let mut year = 0;
                for i in 0..4 {
                    year = year * 10 + digit(digits, i).ok_or(Bad::Syntax)?;
                }
                self.year = year;
                rest = &text[4..];
            }
            Std::Month | Std::LongMonth => {
                let names = (1..=12).map(month_name);
                let (n, after) = if std == Std::Month {
                    lookup(text, names.map(short))?
                } else {
                    lookup(text, names)?
                };
                self.month = Some(n + 1);
                rest = after;
            }
            Std::NumMonth | Std::ZeroMonth => {
                let (n, after) = number_in(text, std == Std::ZeroMonth, 12, "month")?;
                if n == 0 {
                    return Err(Bad::Range("month"));
                }
                self.month = Some(n);
                rest = after;
            }
            Std::WeekDay => rest = lookup(text, (0..7).map(weekday_name).map(short))?.1,
            Std::LongWeekDay => rest = lookup(text, (0..7).map(weekday_name))?.1,
            Std::Day | Std::UnderDay | Std::ZeroDay => {
                let text = match text {
                    [b' ', after @ ..] if std == Std::UnderDay => after,
                    text => text,
                };
                let (n, after) = number(text, std == Std::ZeroDay)?;
                self.day = Some(n);
                rest = after;
            }
            Std::UnderYearDay | Std::ZeroYearDay => {
                rest = self.read_year_day(text, std == Std::ZeroYearDay)?;
            }
            Std::Hour => (self.hour, rest) = number_in(text, false, 23, "hour")?,
            Std::Hour12 | Std::ZeroHour12 => {
                (self.hour, rest) = number_in(text, std == Std::ZeroHour12, 12, "hour")?;
            }
            Std::Minute | Std::ZeroMinute => {
                (self.minute, rest) = number_in(text, std == Std::ZeroMinute, 59, "minute")?;
            }
            Std::Second | Std::ZeroSecond => {
                let (n, after) = number_in(text, std == Std::ZeroSecond, 59, "second")?;
                self.second = n;
                rest = self.read_extra_fraction(after, layout)?;
            }
            Std::UpperPm | Std::LowerPm => {
                let (am, pm) = if std == Std::UpperPm { (b"AM", b"PM") } else { (b"am", b"pm") };
                self.pm = match text.get(..2) {
                    Some(half) if half == pm => Some(true),
                    Some(half) if half == am => Some(false),
                    _ => return Err(Bad::Syntax),
                };
                rest = &text[2..];
            }
            Std::NumTz(true, _) if text.first() == Some(&b'Z') => {
                self.utc = true;
                rest = &text[1..];
            }
            Std::NumTz(_, shape) => rest = self.read_offset(text, shape)?,
            Std::Tz if text.starts_with(b"UTC") => {
                self.utc = true;
                rest = &text[3..];
            }
            Std::Tz => {
                let n = zone_len(text).ok_or(Bad::Syntax)?;
                self.zone = Some(String::from_utf8_lossy(&text[..n]).into_owned());
                rest = &text[n..];
            }
            Std::Fraction(n, _, false) => {
                let n = n + 1;
                if text.len() < n {
                    return Err(Bad::Syntax);
                }
                self.nanos = nanos(text, n)?;
                rest = &text[n..];
            }
            Std::Fraction(_, _, true) => {
                let digits = text.iter().skip(1).take_while(|b| b.is_ascii_digit()).count();
                if !matches!(text.first(), Some(b'.' | b',')) || digits == 0 {
                    return Ok(text);
                }
                self.nanos = nanos(text, digits + 1)?;
                rest = &text[digits + 1..];
            }
        }
        Ok(rest)
    }

    fn read_year_day<'a>(&mut self, text: &'a [u8], fixed: bool) -> Parse<&'a [u8]> {
        let mut text = text;
        for _ in 0..2 {
            if let ([b' ', after @ ..], false) = (text, fixed) {
                text = after;
            }
        }
        let n = text.iter().take(3).take_while(|b| b.is_ascii_digit()).count();
        if n == 0 || (fixed && n != 3) {
            return Err(Bad::Syntax);
        }
        self.year_day = Some(text[..n].iter().fold(0, |v, b| v * 10 + i64::from(b - b'0')));
        Ok(&text[n..])
    }

    /// Seconds may have a fraction that the layout does not ask for.
    fn read_extra_fraction<'a>(&mut self, text: &'a [u8], layout: &[u8]) -> Parse<&'a [u8]> {
        if !matches!(text.first(), Some(b'.' | b',')) || digit(text, 1).is_none() {
            return Ok(text);
        }
        if matches!(next_std(layout).1, Some(Std::Fraction(..))) {
            return Ok(text);
        }
        let n = 1 + text[1..].iter().take_while(|b| b.is_ascii_digit()).count();
        self.nanos = nanos(text, n)?;
        Ok(&text[n..])
    }

    fn read_offset<'a>(&mut self, text: &'a [u8], shape: TzShape) -> Parse<&'a [u8]> {
        let (len, colons): (usize, &[usize]) = match shape {
            TzShape::Short => (3, &[]),
            TzShape::Plain => (5, &[]),
            TzShape::Colon => (6, &[3]),
            TzShape::Seconds => (7, &[]),
            TzShape::ColonSeconds => (9, &[3, 6]),
        };
        let field = text.get(..len).ok_or(Bad::Syntax)?;
        if colons.iter().any(|at| field[*at] != b':') {
            return Err(Bad::Syntax);
        }
        let starts: &[usize] = match shape {
            TzShape::Short => &[1],
            TzShape::Plain => &[1, 3],
            TzShape::Colon => &[1, 4],
            TzShape::Seconds => &[1, 3, 5],
            TzShape::ColonSeconds => &[1, 4, 7],
        };
        let mut parts = [0; 3];
        let mut bad = false;
        for (part, start) in parts.iter_mut().zip(starts) {
            match number(&field[*start..*start + 2], true) {
                Ok((n, _)) => *part = n,
                Err(_) => {
                    bad = true;
                    break;
                }
            }
        }
        let [hour, minute, second] = parts;
        // A part out of range is reported even when another one or the sign is no good; the last one is.
        for (value, max, name) in [
            (second, 60, "time zone offset second"),
            (minute, 60, "time zone offset minute"),
            (hour, 24, "time zone offset hour"),
        ] {
            if value > max {
                return Err(Bad::Range(name));
            }
        }
        let offset = i32::try_from((hour * 60 + minute) * 60 + second).unwrap_or(0);
        self.offset = match field[0] {
            _ if bad => return Err(Bad::Syntax),
            b'+' => Some(offset),
            b'-' => Some(-offset),
            _ => return Err(Bad::Syntax),
        };
        Ok(&text[len..])
    }

    fn finish(mut self) -> Result<GoTime, &'static str> {
        match self.pm {
            Some(true) if self.hour < 12 => self.hour += 12,
            Some(false) if self.hour == 12 => self.hour = 0,
            _ => {}
        }
        let (month, day) = self.month_and_day()?;
        if day < 1 || day > civil::days_in(month, self.year) {
            return Err("day out of range");
        }
        let date = Civil {
            year: self.year,
            month,
            day,
            hour: self.hour,
            minute: self.minute,
            second: self.second,
        };
        let time = GoTime::date(&date, self.nanos, Zone::Local);
        if self.utc {
            return Ok(time.in_zone(Zone::Utc));
        }
        if let Some(offset) = self.offset {
            let unix = time.unix() - i64::from(offset);
            let name = self.zone.unwrap_or_default();
            let zone = if offset == 0 && (name.is_empty() || name == "UTC") {
                Zone::Local
            } else {
                Zone::Fixed(name.into(), offset)
            };
            return Ok(GoTime::new(unix, time.nanos(), zone));
        }
        if let Some(name) = self.zone {
            let hours = name.strip_prefix("GMT").and_then(|h| h.parse::<i32>().ok()).unwrap_or(0);
            let zone = Zone::Fixed(name.into(), hours * 3600);
            return Ok(time.in_zone(zone));
        }
        Ok(time)
    }

    fn month_and_day(&self) -> Result<(i64, i64), &'static str> {
        let Some(year_day) = self.year_day else {
            return Ok((self.month.unwrap_or(1), self.day.unwrap_or(1)));
        };
        let days = if civil::is_leap(self.year) { 366 } else { 365 };
        if year_day < 1 || year_day > days {
            return Err("day-of-year out of range");
        }
        let (mut month, mut day) = (1, year_day);
        while day > civil::days_in(month, self.year) {
            day -= civil::days_in(month, self.year);
            month += 1;
        }
        if self.month.is_some_and(|m| m != month) {
            return Err("day-of-year does not match month");
        }
        if self.day.is_some_and(|d| d != day) {
            return Err("day-of-year does not match day");
        }
        Ok((month, day))
    }
}

/// Returns the length of the name of a zone.
fn zone_len(text: &[u8]) -> Option<usize> {
    if text.len() < 3 {
        return None;
    }
    if text.starts_with(b"ChST") || text.starts_with(b"MeST") {
        return Some(4);
    }
    if text.starts_with(b"GMT") {
        return Some(3 + signed_offset_len(&text[3..]));
    }
    if matches!(text[0], b'+' | b'-') {
        return Some(signed_offset_len(text)).filter(|n| *n > 0);
    }
    let upper = text.iter().take(6).take_while(|b| b.is_ascii_uppercase()).count();
    match upper {
        3 => Some(3),
        4 if text[3] == b'T' || text.starts_with(b"WITA") => Some(4),
        5 if text[4] == b'T' => Some(5),
        _ => None,
    }
}

fn signed_offset_len(text: &[u8]) -> usize {
    if !matches!(text.first(), Some(b'+' | b'-')) {
        return 0;
    }
    let digits = text[1..].iter().take_while(|b| b.is_ascii_digit()).count();
    let value = text[1..=digits]
        .iter()
        .fold(0u64, |v, b| v.saturating_mul(10).saturating_add(u64::from(b - b'0')));
    if digits == 0 || value > 23 { 0 } else { digits + 1 }
}
