//! Layouts: Go's reference time `Mon Jan 2 15:04:05 MST 2006`.

use super::{GoTime, month_name, weekday_name};

/// An element of a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Std {
    LongMonth,
    Month,
    NumMonth,
    ZeroMonth,
    LongWeekDay,
    WeekDay,
    Day,
    UnderDay,
    ZeroDay,
    UnderYearDay,
    ZeroYearDay,
    Hour,
    Hour12,
    ZeroHour12,
    Minute,
    ZeroMinute,
    Second,
    ZeroSecond,
    LongYear,
    Year,
    UpperPm,
    LowerPm,
    Tz,
    /// A numeric zone: whether UTC is `Z`, and its shape.
    NumTz(bool, TzShape),
    /// A fraction of this many digits; the separator; whether trailing zeros go.
    Fraction(usize, u8, bool),
}

/// The shape of a numeric zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TzShape {
    Short,
    Plain,
    Colon,
    Seconds,
    ColonSeconds,
}

/// Returns the first element: the text before it, the element, and the text after it.
pub(crate) fn next_std(layout: &[u8]) -> (&[u8], Option<Std>, &[u8]) {
    for i in 0..layout.len() {
        if let Some((std, skip, len)) = std_at(&layout[i..]) {
            return (&layout[..i + skip], Some(std), &layout[i + skip + len..]);
        }
    }
    (layout, None, b"")
}

/// Returns the element at the start, how much literal text precedes it, and its length.
fn std_at(l: &[u8]) -> Option<(Std, usize, usize)> {
    let has = |text: &[u8]| l.starts_with(text);
    let found = |std, len| Some((std, 0, len));
    let lower_follows = || l.get(3).is_some_and(u8::is_ascii_lowercase);
    match l[0] {
        b'J' if has(b"January") => found(Std::LongMonth, 7),
        b'J' if has(b"Jan") && !lower_follows() => found(Std::Month, 3),
        b'M' if has(b"Monday") => found(Std::LongWeekDay, 6),
        b'M' if has(b"Mon") && !lower_follows() => found(Std::WeekDay, 3),
        b'M' if has(b"MST") => found(Std::Tz, 3),
        b'0' => match l.get(1)? {
            b'1' => found(Std::ZeroMonth, 2),
            b'2' => found(Std::ZeroDay, 2),
            b'3' => found(Std::ZeroHour12, 2),
            b'4' => found(Std::ZeroMinute, 2),
            b'5' => found(Std::ZeroSecond, 2),
            b'6' => found(Std::Year, 2),
            b'0' if l.get(2) == Some(&b'2') => found(Std::ZeroYearDay, 3),
            _ => None,
        },
        b'1' if has(b"15") => found(Std::Hour, 2),
        b'1' => found(Std::NumMonth, 1),
        b'2' if has(b"2006") => found(Std::LongYear, 4),
        b'2' => found(Std::Day, 1),
        b'_' if has(b"_2006") => Some((Std::LongYear, 1, 4)),
        b'_' if has(b"_2") => found(Std::UnderDay, 2),
        b'_' if has(b"__2") => found(Std::UnderYearDay, 3),
        b'3' => found(Std::Hour12, 1),
        b'4' => found(Std::Minute, 1),
        b'5' => found(Std::Second, 1),
        b'P' if has(b"PM") => found(Std::UpperPm, 2),
        b'p' if has(b"pm") => found(Std::LowerPm, 2),
        b'-' | b'Z' => {
            let rest = &l[1..];
            let shape = [
                (&b"070000"[..], TzShape::Seconds),
                (b"07:00:00", TzShape::ColonSeconds),
                (b"0700", TzShape::Plain),
                (b"07:00", TzShape::Colon),
                (b"07", TzShape::Short),
            ];
            let (text, shape) = shape.iter().find(|(text, _)| rest.starts_with(text))?;
            found(Std::NumTz(l[0] == b'Z', *shape), text.len() + 1)
        }
        separator @ (b'.' | b',') => {
            let digit = *l.get(1).filter(|b| matches!(b, b'0' | b'9'))?;
            let n = l[1..].iter().take_while(|b| **b == digit).count();
            if l.get(n + 1).is_some_and(u8::is_ascii_digit) {
                return None;
            }
            found(Std::Fraction(n, separator, digit == b'9'), n + 1)
        }
        _ => None,
    }
}

impl GoTime {
    /// Returns the time in a layout, as `Time.Format`.
    pub fn format(&self, layout: &str) -> String {
        String::from_utf8_lossy(&self.format_bytes(layout.as_bytes())).into_owned()
    }

    pub(crate) fn format_bytes(&self, layout: &[u8]) -> Vec<u8> {
        let (zone, offset) = self.zone().at(self.unix());
        let c = self.civil();
        let mut out = Vec::new();
        let mut rest = layout;
        while !rest.is_empty() {
            let (prefix, std, suffix) = next_std(rest);
            out.extend_from_slice(prefix);
            let Some(std) = std else { break };
            rest = suffix;
            let hour12 = if c.hour % 12 == 0 { 12 } else { c.hour % 12 };
            let text = match std {
                Std::Year => format!("{:02}", c.year.abs() % 100),
                Std::LongYear => pad(c.year, 4),
                Std::Month => month_name(c.month)[..3].to_owned(),
                Std::LongMonth => month_name(c.month),
                Std::NumMonth => c.month.to_string(),
                Std::ZeroMonth => pad(c.month, 2),
                Std::WeekDay => weekday_name(c.weekday())[..3].to_owned(),
                Std::LongWeekDay => weekday_name(c.weekday()),
                Std::Day => c.day.to_string(),
                Std::UnderDay => format!("{:2}", c.day),
                Std::ZeroDay => pad(c.day, 2),
                Std::UnderYearDay => format!("{:3}", c.year_day()),
                Std::ZeroYearDay => pad(c.year_day(), 3),
                Std::Hour => pad(c.hour, 2),
                Std::Hour12 => hour12.to_string(),
                Std::ZeroHour12 => pad(hour12, 2),
                Std::Minute => c.minute.to_string(),
                Std::ZeroMinute => pad(c.minute, 2),
                Std::Second => c.second.to_string(),
                Std::ZeroSecond => pad(c.second, 2),
                Std::UpperPm => if c.hour >= 12 { "PM" } else { "AM" }.to_owned(),
                Std::LowerPm => if c.hour >= 12 { "pm" } else { "am" }.to_owned(),
                Std::Tz if zone.is_empty() => numeric(offset, TzShape::Plain),
                Std::Tz => zone.clone(),
                Std::NumTz(true, _) if offset == 0 => "Z".to_owned(),
                Std::NumTz(_, shape) => numeric(offset, shape),
                Std::Fraction(n, separator, trim) => fraction(self.nanos(), n, separator, trim),
            };
            out.extend_from_slice(text.as_bytes());
        }
        out
    }
}

fn pad(n: i64, width: usize) -> String {
    let sign = if n < 0 { "-" } else { "" };
    format!("{sign}{:0width$}", n.unsigned_abs())
}

fn numeric(offset: i32, shape: TzShape) -> String {
    let minutes = offset / 60;
    let sign = if minutes < 0 { '-' } else { '+' };
    let (hour, minute) = (minutes.abs() / 60, minutes.abs() % 60);
    let second = offset.abs() % 60;
    match shape {
        TzShape::Short => format!("{sign}{hour:02}"),
        TzShape::Plain => format!("{sign}{hour:02}{minute:02}"),
        TzShape::Colon => format!("{sign}{hour:02}:{minute:02}"),
        TzShape::Seconds => format!("{sign}{hour:02}{minute:02}{second:02}"),
        TzShape::ColonSeconds => format!("{sign}{hour:02}:{minute:02}:{second:02}"),
    }
}

fn fraction(nanos: u32, n: usize, separator: u8, trim: bool) -> String {
    let mut digits = format!("{nanos:09}");
    digits.truncate(n.min(9));
    // Go has nothing below nanoseconds and prints nine digits at most.
    let digits = if trim { digits.trim_end_matches('0') } else { &digits };
    if digits.is_empty() {
        return String::new();
    }
    format!("{}{digits}", char::from(separator))
}
