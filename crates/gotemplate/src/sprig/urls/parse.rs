//! Taking a URL apart.

use super::super::strings::find;
use super::url_error;
use crate::strconv::quote;

/// What part of a URL a text is: each has its own characters that need no escape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Path,
    Host,
    Zone,
    User,
    Fragment,
}

#[derive(Debug, Default)]
pub(super) struct Url {
    pub(super) scheme: Vec<u8>,
    pub(super) opaque: Vec<u8>,
    pub(super) user: Option<Userinfo>,
    pub(super) host: Vec<u8>,
    pub(super) path: Vec<u8>,
    pub(super) query: Vec<u8>,
    pub(super) fragment: Vec<u8>,
}

#[derive(Debug)]
pub(super) struct Userinfo {
    name: Vec<u8>,
    password: Option<Vec<u8>>,
}

impl Userinfo {
    pub(super) fn string(&self) -> Vec<u8> {
        let mut out = escape(&self.name, Mode::User);
        if let Some(password) = &self.password {
            out.push(b':');
            out.extend(escape(password, Mode::User));
        }
        out
    }
}

fn needs_no_escape(b: u8, mode: Mode) -> bool {
    if b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~') {
        return true;
    }
    let others: &[u8] = match mode {
        Mode::Path => b"$&+,/:;=@",
        Mode::Host | Mode::Zone => b"!\"$&'()*+,:;<=>[]",
        Mode::User => b"$&+,;=",
        Mode::Fragment => b"!$&()*+,/:;=?@",
    };
    others.contains(&b)
}

pub(super) fn escape(text: &[u8], mode: Mode) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for b in text {
        if needs_no_escape(*b, mode) {
            out.push(*b);
        } else {
            out.extend_from_slice(format!("%{b:02X}").as_bytes());
        }
    }
    out
}

fn unescape(text: &[u8], mode: Mode) -> Result<Vec<u8>, String> {
    let mut out = Vec::with_capacity(text.len());
    let mut i = 0;
    while i < text.len() {
        let b = text[i];
        if b != b'%' {
            if matches!(mode, Mode::Host | Mode::Zone) && b < 0x80 && !needs_no_escape(b, mode) {
                return Err(format!("invalid character {} in host name", quote(&[b])));
            }
            out.push(b);
            i += 1;
            continue;
        }
        let hex = |at: usize| {
            text.get(at)
                .and_then(|b| char::from(*b).to_digit(16))
                .and_then(|d| u8::try_from(d).ok())
        };
        let bad = |end: usize| {
            Err(format!("invalid URL escape {}", quote(&text[i..end.min(text.len())])))
        };
        let (Some(high), Some(low)) = (hex(i + 1), hex(i + 2)) else { return bad(i + 3) };
        let value = high << 4 | low;
        let percent = &text[i..i + 3] == b"%25";
        if mode == Mode::Host && high < 8 && !percent {
            return bad(i + 3);
        }
        if mode == Mode::Zone && !percent && value != b' ' && !needs_no_escape(value, Mode::Host) {
            return bad(i + 3);
        }
        out.push(value);
        i += 3;
    }
    Ok(out)
}

fn cut(text: &[u8], at: u8) -> (&[u8], Option<&[u8]>) {
    match text.iter().position(|b| *b == at) {
        Some(i) => (&text[..i], Some(&text[i + 1..])),
        None => (text, None),
    }
}

impl Url {
    /// `url.Parse`; the error is Go's text.
    pub(super) fn parse(text: &[u8]) -> Result<Self, String> {
        let (main, fragment) = cut(text, b'#');
        let mut url = Self::parse_main(main).map_err(|e| url_error(main, &e))?;
        if let Some(fragment) = fragment.filter(|f| !f.is_empty()) {
            url.fragment = unescape(fragment, Mode::Fragment).map_err(|e| url_error(text, &e))?;
        }
        Ok(url)
    }

    fn parse_main(text: &[u8]) -> Result<Self, String> {
        if text.iter().any(|b| *b < b' ' || *b == 0x7f) {
            return Err("net/url: invalid control character in URL".to_owned());
        }
        let mut url = Self::default();
        if text == b"*" {
            url.path = b"*".to_vec();
            return Ok(url);
        }
        let (scheme, rest) = scheme(text)?;
        url.scheme = scheme.to_ascii_lowercase();
        let (mut rest, query) = cut(rest, b'?');
        url.query = query.unwrap_or_default().to_vec();
        if !rest.starts_with(b"/") {
            if !url.scheme.is_empty() {
                url.opaque = rest.to_vec();
                return Ok(url);
            }
            if cut(rest, b'/').0.contains(&b':') {
                return Err("first path segment in URL cannot contain colon".to_owned());
            }
        }
        if (!url.scheme.is_empty() || !rest.starts_with(b"///")) && rest.starts_with(b"//") {
            let authority = &rest[2..];
            let end = authority.iter().position(|b| *b == b'/').unwrap_or(authority.len());
            rest = &authority[end..];
            (url.user, url.host) = parse_authority(&url.scheme, &authority[..end])?;
        }
        url.path = unescape(rest, Mode::Path)?;
        Ok(url)
    }

    /// Returns the host without port and brackets.
    pub(super) fn hostname(&self) -> Vec<u8> {
        let mut host = &self.host[..];
        if let Some(colon) = host.iter().rposition(|b| *b == b':')
            && host[colon + 1..].iter().all(u8::is_ascii_digit)
        {
            host = &host[..colon];
        }
        host.strip_prefix(b"[").and_then(|h| h.strip_suffix(b"]")).unwrap_or(host).to_vec()
    }
}

fn scheme(text: &[u8]) -> Result<(&[u8], &[u8]), String> {
    for (i, b) in text.iter().enumerate() {
        match b {
            b if b.is_ascii_alphabetic() => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if i > 0 => {}
            b':' if i == 0 => return Err("missing protocol scheme".to_owned()),
            b':' => return Ok((&text[..i], &text[i + 1..])),
            _ => break,
        }
    }
    Ok((b"", text))
}

fn parse_authority(scheme: &[u8], authority: &[u8]) -> Result<(Option<Userinfo>, Vec<u8>), String> {
    let Some(at) = authority.iter().rposition(|b| *b == b'@') else {
        return Ok((None, parse_host(scheme, authority)?));
    };
    let host = parse_host(scheme, &authority[at + 1..])?;
    let userinfo = &authority[..at];
    let valid = |b: &u8| b.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(b);
    if !userinfo.iter().all(valid) {
        return Err("net/url: invalid userinfo".to_owned());
    }
    let (name, password) = cut(userinfo, b':');
    let user = Userinfo {
        name: unescape(name, Mode::User)?,
        password: password.map(|p| unescape(p, Mode::User)).transpose()?,
    };
    Ok((Some(user), host))
}

fn check_port(port: &[u8]) -> Result<(), String> {
    match port {
        [] => Ok(()),
        [b':', digits @ ..] if digits.iter().all(u8::is_ascii_digit) => Ok(()),
        _ => Err(format!("invalid port {} after host", quote(port))),
    }
}

fn parse_host(scheme: &[u8], host: &[u8]) -> Result<Vec<u8>, String> {
    match host.iter().rposition(|b| *b == b'[') {
        Some(0) => return parse_ip_literal(host),
        Some(_) => return Err("invalid IP-literal".to_owned()),
        None => {}
    }
    if let Some(first) = host.iter().position(|b| *b == b':') {
        let last = host.iter().rposition(|b| *b == b':').unwrap_or(first);
        // Other schemes may have colons in the host.
        let strict = matches!(scheme, b"http" | b"https");
        check_port(&host[if strict { first } else { last }..])?;
    }
    unescape(host, Mode::Host)
}

fn parse_ip_literal(host: &[u8]) -> Result<Vec<u8>, String> {
    let Some(end) = host.iter().rposition(|b| *b == b']') else {
        return Err("missing ']' in host".to_owned());
    };
    let port = &host[end + 1..];
    check_port(port)?;
    let port = unescape(port, Mode::Host)?;
    let name = &host[1..end];
    let name = match find(name, b"%25") {
        Some(zone) => {
            let mut out = unescape(&name[..zone], Mode::Host)?;
            out.extend(unescape(&name[zone..], Mode::Zone)?);
            out
        }
        None => unescape(name, Mode::Host)?,
    };
    check_address(&name)?;
    Ok([b"[", &name[..], b"]", &port].concat())
}

fn check_address(name: &[u8]) -> Result<(), String> {
    let text = String::from_utf8_lossy(name);
    let bad = |message: &str| Err(format!("invalid host: ParseAddr({}): {message}", quote(name)));
    let address = match text.split_once('%') {
        Some((_, "")) => return bad("zone must be a non-empty string"),
        Some((address, _)) => address,
        None => &text,
    };
    if address.parse::<std::net::Ipv6Addr>().is_ok() {
        return Ok(());
    }
    if address.parse::<std::net::Ipv4Addr>().is_ok() {
        return Err("invalid IP-literal".to_owned());
    }
    if !text.contains([':', '.', '%']) {
        return bad("unable to parse IP");
    }
    bad("unexpected character, want colon")
}
