//! Go's package strconv: numbers and quoted text, both ways.

mod float;
mod parse;
mod quote;

pub(crate) use float::format_float;
pub use parse::{ParseError, parse_float, parse_int, parse_uint};
pub(crate) use quote::{
    can_backquote, quote, quote_ascii, quote_rune, quote_rune_ascii, unquote, unquote_char,
};

/// Converts as amd64 does: what does not fit becomes the least `int64`.
#[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
pub(crate) fn float_to_i64(f: f64) -> i64 {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if (-LIMIT..LIMIT).contains(&f) { f as i64 } else { i64::MIN }
}

/// Converts as Go on amd64 does.
pub(crate) fn float_to_u64(f: f64) -> u64 {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if f < LIMIT {
        float_to_i64(f).cast_unsigned()
    } else {
        float_to_i64(f - LIMIT).cast_unsigned() ^ (1 << 63)
    }
}
