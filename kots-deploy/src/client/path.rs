//! Paths and queries, escaped byte for byte as Go's `net/url` does.

use std::fmt::Write as _;

/// Escapes one path segment as `url.PathEscape`.
pub fn segment(text: &str) -> String {
    escape(text, |it| it.is_ascii_alphanumeric() || b"-_.~$&+:=@".contains(&it), false)
}

/// Joins a query as `url.Values.Encode`: keys sorted, spaces as `+`.
pub fn query(pairs: &[(&str, &str)]) -> String {
    let mut pairs = pairs.to_vec();
    pairs.sort_unstable();
    let plain = |it: u8| it.is_ascii_alphanumeric() || b"-_.~".contains(&it);
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(key, value)| format!("{}={}", escape(key, plain, true), escape(value, plain, true)))
        .collect();
    pairs.join("&")
}

fn escape(text: &str, plain: impl Fn(u8) -> bool, plus: bool) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut out, it| {
        if plain(it) {
            out.push(char::from(it));
        } else if plus && it == b' ' {
            out.push('+');
        } else {
            let _ = write!(out, "%{it:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_go() {
        assert_eq!(segment("my app/é?#%;,"), "my%20app%2F%C3%A9%3F%23%25%3B%2C");
        assert_eq!(segment("a-b_c.d~$&+:=@"), "a-b_c.d~$&+:=@");
        assert_eq!(query(&[("b", "2 3&"), ("a", "x/y")]), "a=x%2Fy&b=2+3%26");
        assert_eq!(query(&[]), "");
    }
}
