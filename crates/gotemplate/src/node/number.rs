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

    /// Reads `1+2i` as Go's `fmt.Sscan` does, which this literal is read with there.
    pub(crate) fn complex_pair(text: &str) -> Result<Self, String> {
        let bad = || "syntax error scanning complex number".to_owned();
        let mut scan = Scan { text, at: 0 };
        let real = scan.float();
        let start = scan.at;
        if !scan.accept("+-") {
            return Err(bad());
        }
        scan.float();
        let imaginary = &text[start..scan.at];
        if !scan.accept("i") {
            return Err(bad());
        }
        let (re, im) = (scanned_float(real)?, scanned_float(imaginary)?);
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

/// A text that is read from the left, as Go's `fmt.Sscan` reads it.
struct Scan<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scan<'a> {
    /// Steps over one of `set`.
    fn accept(&mut self, set: &str) -> bool {
        let next = self.text[self.at..].chars().next().filter(|it| set.contains(*it));
        self.at += next.map_or(0, char::len_utf8);
        next.is_some()
    }

    /// Steps over what may be a float, which need not be one.
    fn float(&mut self) -> &'a str {
        const DECIMAL: &str = "0123456789_";
        let start = self.at;
        if self.accept("nN") && self.accept("aA") && self.accept("nN") {
            return &self.text[start..self.at];
        }
        self.accept("+-");
        if self.accept("iI") && self.accept("nN") && self.accept("fF") {
            return &self.text[start..self.at];
        }
        let is_hex = self.accept("0") && self.accept("xX");
        let (digits, exponent) =
            if is_hex { ("0123456789aAbBcCdDeEfF_", "pP") } else { (DECIMAL, "eEpP") };
        while self.accept(digits) {}
        if self.accept(".") {
            while self.accept(digits) {}
        }
        if self.accept(exponent) {
            self.accept("+-");
            while self.accept(DECIMAL) {}
        }
        &self.text[start..self.at]
    }
}

/// Turns what was scanned into a number. `1.2p4` has a decimal mantissa and a binary exponent.
fn scanned_float(text: &str) -> Result<f64, String> {
    let failed = |function: &str, error: &dyn std::fmt::Display| {
        format!("strconv.{function}: parsing {}: {error}", quote(text.as_bytes()))
    };
    let is_hex = text.contains(['x', 'X']);
    let Some((mantissa, exponent)) = text.split_once('p').filter(|_| !is_hex) else {
        return strconv::parse_float(text).map_err(|error| failed("ParseFloat", &error));
    };
    let mantissa = strconv::parse_float(mantissa).map_err(|error| failed("ParseFloat", &error))?;
    let exponent = strconv::parse_int(exponent, 10).map_err(|error| failed("Atoi", &error))?;
    // Beyond this everything is zero or infinite.
    let mut left = exponent.clamp(-5000, 5000);
    let mut value = mantissa;
    while left != 0 {
        let step = left.clamp(-1000, 1000);
        value *= 2_f64.powi(i32::try_from(step).unwrap_or_default());
        left -= step;
    }
    Ok(value)
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
