//! Numbers, text and padding for one verb.

use super::Printer;
use crate::strconv;
use crate::utf8;

impl Printer {
    pub(super) fn pad(&mut self, bytes: &[u8]) {
        let padding = self.flags.width.unwrap_or(0).saturating_sub(utf8::count(bytes));
        if self.flags.minus {
            self.push_bytes(bytes);
            self.write_padding(padding);
        } else {
            self.write_padding(padding);
            self.push_bytes(bytes);
        }
    }

    fn pad_without_zeros(&mut self, bytes: &[u8]) {
        let zero = std::mem::take(&mut self.flags.zero);
        self.pad(bytes);
        self.flags.zero = zero;
    }

    fn write_padding(&mut self, n: usize) {
        let pad = if self.flags.zero && !self.flags.minus { b'0' } else { b' ' };
        if n > 0 {
            self.push_bytes(&vec![pad; n]);
        }
    }

    pub(super) fn fmt_integer(&mut self, value: u64, signed: bool, base: u64, verb: char) {
        let negative = signed && value.cast_signed() < 0;
        let mut u = if negative { value.wrapping_neg() } else { value };
        let mut precision = 0;
        if let Some(p) = self.flags.precision {
            precision = p;
            if p == 0 && u == 0 {
                let zero = std::mem::take(&mut self.flags.zero);
                self.write_padding(self.flags.width.unwrap_or(0));
                self.flags.zero = zero;
                return;
            }
        } else if self.flags.zero
            && !self.flags.minus
            && let Some(width) = self.flags.width
        {
            precision = width;
            if negative || self.flags.plus || self.flags.space {
                precision = precision.saturating_sub(1);
            }
        }
        let alphabet: &[u8; 16] =
            if verb == 'X' { b"0123456789ABCDEF" } else { b"0123456789abcdef" };
        // The digits from the last to the first.
        let mut text = Vec::with_capacity(72);
        loop {
            text.push(alphabet[usize::try_from(u % base).unwrap_or(0)]);
            u /= base;
            if u == 0 {
                break;
            }
        }
        while text.len() < precision {
            text.push(b'0');
        }
        if self.flags.sharp {
            match base {
                2 => text.extend_from_slice(b"b0"),
                8 if text.last() != Some(&b'0') => text.push(b'0'),
                16 => text.extend_from_slice(if verb == 'X' { b"X0" } else { b"x0" }),
                _ => {}
            }
        }
        if verb == 'O' {
            text.extend_from_slice(b"o0");
        }
        if negative {
            text.push(b'-');
        } else if self.flags.plus {
            text.push(b'+');
        } else if self.flags.space {
            text.push(b' ');
        }
        text.reverse();
        self.pad_without_zeros(&text);
    }

    pub(super) fn fmt_unicode(&mut self, u: u64) {
        let precision = self.flags.precision.unwrap_or(4).max(4);
        // Not by the width of a format, which Rust bounds.
        let digits = format!("{u:X}");
        let zeros = "0".repeat(precision.saturating_sub(digits.len()));
        let mut text = format!("U+{zeros}{digits}");
        if self.flags.sharp
            && let Some(rune) = u32::try_from(u).ok().and_then(char::from_u32)
            && crate::unicode::is_print(rune)
        {
            text.push_str(&format!(" '{rune}'"));
        }
        self.pad_without_zeros(text.as_bytes());
    }

    pub(super) fn fmt_c(&mut self, code: u64) {
        self.pad(rune(code).encode_utf8(&mut [0; 4]).as_bytes());
    }

    pub(super) fn fmt_qc(&mut self, code: u64) {
        let rune = rune(code);
        let text = if self.flags.plus {
            strconv::quote_rune_ascii(rune)
        } else {
            strconv::quote_rune(rune)
        };
        self.pad(text.as_bytes());
    }

    pub(super) fn fmt_float(&mut self, f: f64, verb: char, precision: Option<usize>) {
        let precision = self.flags.precision.or(precision);
        let format = u8::try_from(verb).unwrap_or(b'g');
        let mut number = strconv::format_float(f, format, precision).into_bytes();
        if !matches!(number.first(), Some(b'-' | b'+')) {
            number.insert(0, b'+');
        }
        if self.flags.space && number[0] == b'+' && !self.flags.plus {
            number[0] = b' ';
        }
        if matches!(number[1], b'I' | b'N') {
            if number[1] == b'N' && !self.flags.space && !self.flags.plus {
                number.remove(0);
            }
            // Infinity keeps its sign, as Go prints it.
            self.pad_without_zeros(&number);
            return;
        }
        if self.flags.sharp && verb != 'b' {
            sharpen(&mut number, verb, precision);
        }
        if !self.flags.plus && number[0] == b'+' {
            self.pad(&number[1..]);
            return;
        }
        let width = self.flags.width.unwrap_or(0);
        if self.flags.zero && !self.flags.minus && width > number.len() {
            // The zeros go between sign and digits.
            self.push_bytes(&number[..1]);
            self.write_padding(width - number.len());
            self.push_bytes(&number[1..]);
            return;
        }
        self.pad(&number);
    }

    pub(super) fn fmt_string(&mut self, text: &[u8]) {
        let text = self.truncated(text);
        self.pad(text);
    }

    pub(super) fn fmt_q(&mut self, text: &[u8]) {
        let text = self.truncated(text);
        if self.flags.sharp && strconv::can_backquote(text) {
            self.pad(&[b"`", text, b"`"].concat());
        } else if self.flags.plus {
            self.pad(strconv::quote_ascii(text).as_bytes());
        } else {
            self.pad(strconv::quote(text).as_bytes());
        }
    }

    fn truncated<'a>(&self, text: &'a [u8]) -> &'a [u8] {
        match self.flags.precision {
            Some(n) => match utf8::runes(text).nth(n) {
                Some((at, _)) => &text[..at],
                None => text,
            },
            None => text,
        }
    }

    pub(super) fn fmt_hex(&mut self, bytes: &[u8], upper: bool) {
        let bytes = &bytes[..self.flags.precision.unwrap_or(bytes.len()).min(bytes.len())];
        if bytes.is_empty() {
            self.write_padding(self.flags.width.unwrap_or(0));
            return;
        }
        let prefix = match (self.flags.sharp, upper) {
            (false, _) => "",
            (true, false) => "0x",
            (true, true) => "0X",
        };
        let mut text = String::with_capacity(bytes.len() * 2);
        for (i, b) in bytes.iter().enumerate() {
            if i == 0 || self.flags.space {
                text.push_str(if i > 0 { " " } else { "" });
                text.push_str(prefix);
            }
            text.push_str(&if upper { format!("{b:02X}") } else { format!("{b:02x}") });
        }
        self.pad(text.as_bytes());
    }
}

fn rune(code: u64) -> char {
    u32::try_from(code).ok().and_then(char::from_u32).unwrap_or('\u{FFFD}')
}

/// The `#` flag: always a decimal point, and no trailing zeros removed.
fn sharpen(number: &mut Vec<u8>, verb: char, precision: Option<usize>) {
    let mut digits = 0i64;
    if matches!(verb, 'v' | 'g' | 'G' | 'x') {
        digits = precision.map_or(6, |p| i64::try_from(p).unwrap_or(i64::MAX));
    }
    let mut tail = Vec::new();
    let mut has_point = false;
    let mut saw_nonzero = false;
    let mut i = 1;
    while i < number.len() {
        match number[i] {
            b'.' => has_point = true,
            b'p' | b'P' => tail = number.split_off(i),
            b'e' | b'E' if !matches!(verb, 'x' | 'X') => tail = number.split_off(i),
            b => {
                saw_nonzero |= b != b'0';
                if saw_nonzero {
                    digits -= 1;
                }
            }
        }
        i += 1;
    }
    if !has_point {
        if number.len() == 2 && number[1] == b'0' {
            digits -= 1;
        }
        number.push(b'.');
    }
    while digits > 0 {
        number.push(b'0');
        digits -= 1;
    }
    number.append(&mut tail);
}
