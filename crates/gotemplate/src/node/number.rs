//! Number literals: what a text such as `0x1F`, `1e3` or `'a'` can stand for.

use crate::strconv::{self, quote};

/// A number literal and every kind of number it can be used as.
#[derive(Clone, Debug, Default)]
pub(crate) struct Number {
    pub(crate) int: Option<i64>,
    pub(crate) uint: Option<u64>,
    pub(crate) float: Option<f64>,
    pub(crate) complex: Option<(f64, f64)>,
    pub(crate) text: String,
}

impl Number {
    pub(crate) fn char_constant(text: &str) -> Result<Self, String> {
        let body = text.as_bytes().get(1..).unwrap_or_default();
        let (code, tail) = strconv::unquote_char(body, b'\'').ok_or("invalid syntax")?;
        if tail != b"'" {
            return Err(format!("malformed character constant: {text}"));
        }
        let code = code.code();
        Ok(Self {
            int: Some(i64::from(code)),
            uint: Some(u64::from(code)),
            float: Some(f64::from(code)),
            complex: None,
            text: text.to_owned(),
        })
    }

    /// Reads `1+2i`.
    pub(crate) fn complex_pair(text: &str) -> Result<Self, String> {
        let bad = || "syntax error scanning complex number".to_owned();
        let body = text.strip_suffix('i').ok_or_else(bad)?;
        let bytes = body.as_bytes();
        let split = (1..bytes.len())
            .rev()
            .find(|i| {
                matches!(bytes[*i], b'+' | b'-')
                    && !matches!(bytes[i - 1], b'e' | b'E' | b'p' | b'P')
            })
            .ok_or_else(bad)?;
        let part = |s: &str| {
            strconv::parse_float(s)
                .map_err(|e| format!("strconv.ParseFloat: parsing {}: {e}", quote(s.as_bytes())))
        };
        let (re, im) = (part(&body[..split])?, part(&body[split..])?);
        let text = text.to_owned();
        Ok(Self { complex: Some((re, im)), text, ..Self::default() }.simplified())
    }

    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut number = Self { text: text.to_owned(), ..Self::default() };
        if let Some(Ok(im)) = text.strip_suffix('i').map(strconv::parse_float) {
            number.complex = Some((0.0, im));
            return Ok(number.simplified());
        }
        number.uint = strconv::parse_uint(text, 0).ok();
        number.int = strconv::parse_int(text, 0).ok();
        if number.int == Some(0) {
            number.uint = Some(0);
        }
        #[expect(clippy::cast_precision_loss, reason = "Go converts so, too")]
        if let Some(i) = number.int {
            number.float = Some(i as f64);
        } else if let Some(u) = number.uint {
            number.float = Some(u as f64);
        } else if let Ok(f) = strconv::parse_float(text) {
            if !text.contains(['.', 'e', 'E', 'p', 'P']) {
                return Err(format!("integer overflow: {}", quote(text.as_bytes())));
            }
            number.float = Some(f);
            number.int = exact_int(f);
            number.uint = exact_uint(f);
        }
        if number.int.is_none() && number.uint.is_none() && number.float.is_none() {
            return Err(format!("illegal number syntax: {}", quote(text.as_bytes())));
        }
        Ok(number)
    }

    /// A complex number without imaginary part can be used as the real one, too.
    fn simplified(mut self) -> Self {
        if let Some((re, im)) = self.complex
            && im == 0.0
        {
            self.float = Some(re);
            self.int = exact_int(re);
            self.uint = exact_uint(re);
        }
        self
    }
}

#[expect(clippy::cast_precision_loss, clippy::float_cmp, reason = "the question is exactness")]
fn exact_int(f: f64) -> Option<i64> {
    let i = strconv::float_to_i64(f);
    (i as f64 == f).then_some(i)
}

#[expect(clippy::cast_precision_loss, clippy::float_cmp, reason = "the question is exactness")]
fn exact_uint(f: f64) -> Option<u64> {
    let u = strconv::float_to_u64(f);
    (u as f64 == f).then_some(u)
}
