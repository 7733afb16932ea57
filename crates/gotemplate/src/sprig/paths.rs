//! Paths with slashes; the machine's own are the same.

use super::Registry;
use super::args::{boolean, string, text};
use crate::types::Type::String as Text;

pub(super) fn register(to: &mut Registry) {
    for (path, file) in
        [("base", "osBase"), ("dir", "osDir"), ("clean", "osClean"), ("ext", "osExt")]
    {
        for name in [path, file] {
            to.typed(name, &[Text], move |a| {
                string(match path {
                    "base" => base(text(a, 0)),
                    "dir" => dir(text(a, 0)),
                    "clean" => clean(text(a, 0)),
                    _ => ext(text(a, 0)).to_vec(),
                })
            });
        }
    }
    for name in ["isAbs", "osIsAbs"] {
        to.typed(name, &[Text], |a| boolean(text(a, 0).starts_with(b"/")));
    }
}

fn clean(path: &[u8]) -> Vec<u8> {
    let rooted = path.starts_with(b"/");
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|b| *b == b'/') {
        match part {
            b"" | b"." => {}
            b".." => match parts.last() {
                Some(last) if *last != b".." => {
                    parts.pop();
                }
                _ if rooted => {}
                _ => parts.push(part),
            },
            part => parts.push(part),
        }
    }
    let joined = parts.join(&b'/');
    match (rooted, joined.is_empty()) {
        (true, _) => [b"/", &joined[..]].concat(),
        (false, true) => b".".to_vec(),
        (false, false) => joined,
    }
}

fn dir(path: &[u8]) -> Vec<u8> {
    let end = path.iter().rposition(|b| *b == b'/').map_or(0, |at| at + 1);
    clean(&path[..end])
}

fn base(path: &[u8]) -> Vec<u8> {
    if path.is_empty() {
        return b".".to_vec();
    }
    let end = path.iter().rposition(|b| *b != b'/').map_or(0, |at| at + 1);
    let path = &path[..end];
    let name = path.rsplit(|b| *b == b'/').next().unwrap_or_default();
    if name.is_empty() { b"/".to_vec() } else { name.to_vec() }
}

fn ext(path: &[u8]) -> &[u8] {
    let name = path.rsplit(|b| *b == b'/').next().unwrap_or_default();
    name.iter().rposition(|b| *b == b'.').map_or(&[], |at| &name[at..])
}
