//! `strconv.FormatFloat` for 64 bits.

/// Decimal digits without trailing zeros, and where the point is: `0.d1d2… × 10^point`.
struct Digits {
    digits: Vec<u8>,
    point: i64,
}

/// Formats `f` in one of Go's formats `b e E f g G x X`; no precision means the shortest text that reads
/// back as the same number.
pub(crate) fn format_float(f: f64, format: u8, precision: Option<usize>) -> String {
    if f.is_nan() {
        return "NaN".to_owned();
    }
    if f.is_infinite() {
        return if f > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let mut out = String::new();
    if f.is_sign_negative() {
        out.push('-');
    }
    let f = f.abs();
    match format {
        b'b' => format_b(f, &mut out),
        b'x' | b'X' => format_x(f, format, precision, &mut out),
        b'e' | b'E' => {
            let digits = digits(f, precision.map(|p| p + 1));
            let precision = precision.unwrap_or(digits.digits.len().saturating_sub(1));
            format_e(&digits, precision, format, &mut out);
        }
        b'f' => match precision {
            Some(p) => {
                // No value has more digits than these; Rust bounds the precision of a format.
                let digits = p.min(1_100);
                out.push_str(&format!("{f:.digits$}"));
                out.extend(std::iter::repeat_n('0', p - digits));
            }
            None => format_f(&digits(f, None), None, &mut out),
        },
        _ => format_g(f, format, precision, &mut out),
    }
    out
}

fn digits(f: f64, significant: Option<usize>) -> Digits {
    if f == 0.0 {
        return Digits { digits: Vec::new(), point: 0 };
    }
    let text = match significant {
        // More than 800 digits are zeros: the longest exact value has fewer.
        Some(n) => format!("{f:.*e}", n.clamp(1, 800) - 1),
        None => format!("{f:e}"),
    };
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let mut digits: Vec<u8> = mantissa.bytes().filter(u8::is_ascii_digit).collect();
    while digits.last() == Some(&b'0') {
        digits.pop();
    }
    Digits { digits, point: exponent.parse::<i64>().unwrap_or(0) + 1 }
}

fn format_e(d: &Digits, precision: usize, format: u8, out: &mut String) {
    out.push(d.digits.first().map_or('0', |b| char::from(*b)));
    if precision > 0 {
        out.push('.');
        for i in 1..=precision {
            out.push(d.digits.get(i).map_or('0', |b| char::from(*b)));
        }
    }
    out.push(char::from(format));
    let exponent = if d.digits.is_empty() { 0 } else { d.point - 1 };
    out.push(if exponent < 0 { '-' } else { '+' });
    out.push_str(&format!("{:02}", exponent.abs()));
}

fn format_f(d: &Digits, precision: Option<usize>, out: &mut String) {
    let point = usize::try_from(d.point).unwrap_or(0);
    if d.point > 0 {
        (0..point).for_each(|i| out.push(d.digits.get(i).map_or('0', |b| char::from(*b))));
    } else {
        out.push('0');
    }
    let n = i64::try_from(d.digits.len()).unwrap_or(0);
    let precision = precision.unwrap_or(usize::try_from(n - d.point).unwrap_or(0));
    if precision > 0 {
        out.push('.');
        for i in 0..precision {
            let at = d.point + i64::try_from(i).unwrap_or(0);
            let digit = usize::try_from(at).ok().and_then(|at| d.digits.get(at));
            out.push(digit.map_or('0', |b| char::from(*b)));
        }
    }
}

fn format_g(f: f64, format: u8, precision: Option<usize>, out: &mut String) {
    let significant = precision.map(|p| p.max(1));
    let d = digits(f, significant);
    let n = d.digits.len();
    let n_signed = i64::try_from(n).unwrap_or(0);
    let mut threshold = match significant {
        Some(p) => i64::try_from(p).unwrap_or(i64::MAX),
        None => 6,
    };
    if significant.is_some() && threshold > n_signed && n_signed >= d.point {
        threshold = n_signed;
    }
    let exponent = d.point - 1;
    if exponent < -4 || exponent >= threshold {
        let precision = significant.map_or(n, |p| p.min(n));
        let e = if format == b'G' { b'E' } else { b'e' };
        format_e(&d, precision.saturating_sub(1), e, out);
    } else {
        format_f(&d, Some(usize::try_from(n_signed - d.point).unwrap_or(0)), out);
    }
}

fn format_b(f: f64, out: &mut String) {
    let (mantissa, exponent) = parts(f);
    out.push_str(&format!("{mantissa}p{exponent:+}"));
}

/// Returns mantissa and exponent with `f = mantissa × 2^exponent`.
fn parts(f: f64) -> (u64, i64) {
    let bits = f.to_bits();
    let fraction = bits & ((1 << 52) - 1);
    match i64::try_from(bits >> 52 & 0x7ff).unwrap_or(0) {
        0 => (fraction, -1074),
        exponent => (fraction | 1 << 52, exponent - 1075),
    }
}

fn format_x(f: f64, format: u8, precision: Option<usize>, out: &mut String) {
    let (mut mantissa, mut exponent) = parts(f);
    if mantissa == 0 {
        exponent = 0;
    } else {
        exponent += 52;
        mantissa <<= 8;
        while mantissa & 1 << 60 == 0 {
            mantissa <<= 1;
            exponent -= 1;
        }
    }
    if let Some(p) = precision
        && p < 15
    {
        let shift = p * 4;
        let extra = (mantissa << shift) & ((1 << 60) - 1);
        mantissa >>= 60 - shift;
        if extra | (mantissa & 1) > 1 << 59 {
            mantissa += 1;
        }
        mantissa <<= 60 - shift;
        if mantissa & 1 << 61 != 0 {
            mantissa >>= 1;
            exponent += 1;
        }
    }
    let upper = format == b'X';
    let mut text = format!("0x{}", mantissa >> 60 & 1);
    mantissa <<= 4;
    match precision {
        None if mantissa != 0 => {
            text.push('.');
            while mantissa != 0 {
                text.push_str(&format!("{:x}", mantissa >> 60 & 15));
                mantissa <<= 4;
            }
        }
        Some(p) if p > 0 => {
            text.push('.');
            for _ in 0..p {
                text.push_str(&format!("{:x}", mantissa >> 60 & 15));
                mantissa <<= 4;
            }
        }
        _ => {}
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    text.push_str(&format!("p{sign}{:02}", exponent.abs()));
    out.push_str(&if upper { text.to_uppercase() } else { text });
}

#[cfg(test)]
mod tests {
    use super::format_float;

    #[test]
    fn the_shortest_form_changes_to_an_exponent_where_go_does() {
        let check = |f| format_float(f, b'g', None);
        assert_eq!(check(999_999.0), "999999");
        assert_eq!(check(1_000_000.0), "1e+06");
        assert_eq!(check(0.0001), "0.0001");
        assert_eq!(check(0.00001), "1e-05");
        assert_eq!(check(-0.0), "-0");
        assert_eq!(format_float(1e21, b'f', None), "1000000000000000000000");
        assert_eq!(format_float(1.0, b'x', None), "0x1p+00");
        assert_eq!(format_float(2.5, b'f', Some(70_000)).len(), 70_002);
    }
}
