//! URLs, as Go's net/url reads and writes them.

mod parse;

use super::args::{NIL_POINTER, map, string, text};
use super::{Answer, Registry};
use crate::error::FuncError;
use crate::strconv::quote;
use crate::types::Type::{Map as Dict, String as Text};
use crate::value::{Map, Str, Value};

use parse::{Mode, Url, Userinfo, escape};

pub(super) fn register(to: &mut Registry) {
    to.typed("urlParse", &[Text], |a| url_parse(text(a, 0)));
    to.typed("urlJoin", &[Dict], |a| url_join(&map(a, 0)));
}

fn url_parse(text: &[u8]) -> Answer {
    let url =
        Url::parse(text).map_err(|error| FuncError(format!("unable to parse url: {error}")))?;
    let dict = Map::new();
    let hostname = url.hostname();
    dict.set("scheme", Value::string(url.scheme));
    dict.set("host", Value::string(url.host));
    dict.set("hostname", Value::string(hostname));
    dict.set("path", Value::string(url.path));
    dict.set("query", Value::string(url.query));
    dict.set("opaque", Value::string(url.opaque));
    dict.set("fragment", Value::string(url.fragment));
    dict.set(
        "userinfo",
        Value::string(url.user.as_ref().map(Userinfo::string).unwrap_or_default()),
    );
    Ok(Value::Map(dict))
}

fn part(dict: &Map, key: &str) -> Result<Str, FuncError> {
    match dict.get(key.as_bytes()) {
        None => Ok(Str::default()),
        Some(Value::String(text)) => Ok(text),
        Some(Value::Nil) => Err(NIL_POINTER.into()),
        Some(other) => {
            let kind = other.kind().name();
            Err(FuncError(format!(
                "unable to parse {key} key, must be of type string, but {kind} found"
            )))
        }
    }
}

fn url_join(dict: &Map) -> Answer {
    let (scheme, host, path) = (part(dict, "scheme")?, part(dict, "host")?, part(dict, "path")?);
    let (query, opaque) = (part(dict, "query")?, part(dict, "opaque")?);
    let (fragment, userinfo) = (part(dict, "fragment")?, part(dict, "userinfo")?);
    let user = if userinfo.is_empty() {
        None
    } else {
        let url = [b"proto://", &userinfo[..], b"@host"].concat();
        Url::parse(&url)
            .map_err(|e| FuncError(format!("unable to parse userinfo in dict: {e}")))?
            .user
    };
    let mut out: Vec<u8> = Vec::new();
    if !scheme.is_empty() {
        out.extend_from_slice(&scheme);
        out.push(b':');
    }
    if opaque.is_empty() {
        if !scheme.is_empty() || !host.is_empty() || user.is_some() {
            if !host.is_empty() || !path.is_empty() || user.is_some() {
                out.extend_from_slice(b"//");
            }
            if let Some(user) = user {
                out.extend_from_slice(&user.string());
                out.push(b'@');
            }
            out.extend_from_slice(&escape(&host, Mode::Host));
        }
        let path = if &path[..] == b"*" { b"*".to_vec() } else { escape(&path, Mode::Path) };
        if !path.is_empty() && path[0] != b'/' && !host.is_empty() {
            out.push(b'/');
        }
        let first = path.split(|b| *b == b'/').next().unwrap_or_default();
        if out.is_empty() && first.contains(&b':') {
            // Else the segment would read as a scheme.
            out.extend_from_slice(b"./");
        }
        out.extend_from_slice(&path);
    } else {
        out.extend_from_slice(&opaque);
    }
    if !query.is_empty() {
        out.push(b'?');
        out.extend_from_slice(&query);
    }
    if !fragment.is_empty() {
        out.push(b'#');
        out.extend_from_slice(&escape(&fragment, Mode::Fragment));
    }
    string(out)
}

/// Returns the text of Go's `url.Error`.
fn url_error(url: &[u8], message: &str) -> String {
    format!("parse {}: {message}", quote(url))
}
