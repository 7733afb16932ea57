//! Names of images, as docker reads them.
//!
//! `ParseDockerRef` of `distribution/reference`: Docker Hub and its `library` are filled in, a bare name gets `latest`,
//! and a name with both a tag and a digest loses the tag.

use std::fmt;

use thiserror::Error;

use crate::digest::Digest;

/// A full name of an image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    /// The registry, with its port where it has one.
    pub host: String,
    /// The path of the repository there.
    pub path: String,
    /// What it points at.
    pub version: Version,
}

/// The part of a name that says which image of a repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// A tag.
    Tag(String),
    /// A digest.
    Digest(Digest),
}

/// Text that names no image.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{name}` is not a name of an image: {fault}")]
pub struct ReferenceError {
    name: String,
    fault: &'static str,
}

impl Reference {
    /// Reads a name.
    ///
    /// # Errors
    ///
    /// Says why it is none.
    pub fn parse(name: &str) -> Result<Self, ReferenceError> {
        parse(name).map_err(|fault| ReferenceError { name: name.chars().filter(|it| !it.is_control()).take(255).collect(), fault })
    }

    /// The last part of the path.
    pub fn base_name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.path)?;
        match &self.version {
            Version::Tag(tag) => write!(f, ":{tag}"),
            Version::Digest(digest) => write!(f, "@{digest}"),
        }
    }
}

fn parse(name: &str) -> Result<Reference, &'static str> {
    let (rest, digest) = match name.split_once('@') {
        None => (name, None),
        Some((rest, digest)) => {
            (rest, Some(Digest::parse(digest).ok_or("its digest is not `sha256:` and 64 hex digits")?))
        }
    };
    let last = rest.rfind('/').map_or(0, |it| it + 1);
    let (rest, tag) = match rest[last..].find(':') {
        None => (rest, None),
        Some(at) => (&rest[..last + at], Some(&rest[last + at + 1..])),
    };
    if tag.is_some_and(|it| !is_tag(it)) {
        return Err("its tag is not one");
    }
    let (host, path) = match rest.split_once('/') {
        Some((host, path)) if is_host_like(host) => (host, path.to_owned()),
        _ => ("docker.io", rest.to_owned()),
    };
    let host = if host == "index.docker.io" { "docker.io" } else { host };
    let path = if host == "docker.io" && !path.contains('/') { format!("library/{path}") } else { path };
    if !is_host(host) {
        return Err("its host is not one");
    }
    if path.len() + host.len() > 255 || !path.split('/').all(is_component) {
        return Err("its path may hold lower-case letters, digits, and `.`, `_`, `-` between them");
    }
    let version = match (digest, tag) {
        (Some(digest), _) => Version::Digest(digest),
        (None, tag) => Version::Tag(tag.unwrap_or("latest").to_owned()),
    };
    Ok(Reference { host: host.to_owned(), path, version })
}

fn is_host_like(part: &str) -> bool {
    part.contains(['.', ':']) || part == "localhost" || part.bytes().any(|it| it.is_ascii_uppercase())
}

fn is_host(host: &str) -> bool {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, Some(port)),
        _ => (host, None),
    };
    let is_port = port.is_none_or(|it| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit()));
    let bracketed = name.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    let is_name = match bracketed {
        Some(address) => {
            !address.is_empty() && address.bytes().all(|it| it.is_ascii_hexdigit() || it == b':')
        }
        None => name.split('.').all(|it| {
            !it.is_empty()
                && it.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-')
                && !it.starts_with('-')
                && !it.ends_with('-')
        }),
    };
    is_port && is_name
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn is_component(part: &str) -> bool {
    let is_inner = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit();
    let bytes = part.as_bytes();
    let ends = bytes.first().copied().is_some_and(is_inner) && bytes.last().copied().is_some_and(is_inner);
    ends && bytes
        .split(|it| is_inner(*it))
        .all(|it| matches!(it, b"" | b"." | b"_" | b"__") || it.iter().all(|it| *it == b'-'))
}

/// `[\w][\w.-]{0,127}`
pub(crate) fn is_tag(tag: &str) -> bool {
    let is_word = |it: u8| it.is_ascii_alphanumeric() || it == b'_';
    tag.len() <= 128
        && tag.bytes().next().is_some_and(is_word)
        && tag.bytes().all(|it| is_word(it) || matches!(it, b'.' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str) -> String {
        match Reference::parse(name) {
            Ok(it) => it.to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn names_are_completed_as_docker_does() {
        let hex = "17c5b4ad11a2b1d3".repeat(4);
        assert_eq!(check("alpine"), "docker.io/library/alpine:latest");
        assert_eq!(check("someorg/debian:0.1"), "docker.io/someorg/debian:0.1");
        assert_eq!(check("quay.io/someorg/debian:0.1"), "quay.io/someorg/debian:0.1");
        assert_eq!(check("localhost/a"), "localhost/a:latest");
        assert_eq!(check("localhost:5000/a/b__c:x"), "localhost:5000/a/b__c:x");
        assert_eq!(check("index.docker.io/alpine:3"), "docker.io/library/alpine:3");
        assert_eq!(
            check(&format!("quay.io/someorg/debian:0.1@sha256:{hex}")),
            format!("quay.io/someorg/debian@sha256:{hex}")
        );
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for name in ["", "a:", "a:b:c", "a/../b", "A", "a//b", "a:-x", "a b", "quay.io/", "a_-b", "-a", "a\u{1b}"] {
            assert!(check(name).contains("is not a name of an image"), "{name}: {}", check(name));
        }
        assert!(check("a@sha256:12").contains("its digest is not"));
    }
}
