//! The wizard: the built files of a web page that drives the API, read once at the start.
//!
//! The page is the original's, unmodified (embedded-cluster, `web/`): its `index.html` is a Go template
//! with two actions, the title and the state it begins with (`web/static.go`). The original carries the
//! files inside itself; here they are in a folder. What is not read at the start is never given out, so
//! no path of a request reaches the disk.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use axum::body::Bytes;
use axum::http::HeaderValue;
use base64::Engine as _;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::flow::Flow;
use crate::release::Release;

/// The file that is the page.
const PAGE: &str = "index.html";
/// The most bytes all files may have.
const BYTES: u64 = 64 << 20;
/// The most files there may be.
const FILES: usize = 4096;

/// Why a folder is no wizard.
#[derive(Debug, Error)]
pub(crate) enum WebError {
    /// It cannot be read.
    #[error("could not read {}", path.display())]
    Read {
        /// What.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// A link or a device, which might lead anywhere.
    #[error("{} is no plain file or folder: links are not followed", path.display())]
    Kind {
        /// What.
        path: PathBuf,
    },
    /// More than a page ever has.
    #[error("{} has more than {FILES} files or {} MiB: it is not the folder of a built page", path.display(), BYTES >> 20)]
    Size {
        /// The folder.
        path: PathBuf,
    },
    /// The page is not one that is told what it is for.
    #[error("{} cannot be the wizard's page: {why}", path.display())]
    Page {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
}

/// A file as it is given out.
#[derive(Debug, Clone)]
pub(crate) struct File {
    pub(crate) bytes: Bytes,
    /// The media type.
    pub(crate) kind: &'static str,
    /// The entity tag.
    pub(crate) tag: HeaderValue,
}

impl File {
    fn new(name: &str, bytes: Vec<u8>) -> Self {
        let digest =
            base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(Sha256::digest(&bytes));
        let tag = HeaderValue::try_from(format!("\"{digest}\""))
            .unwrap_or_else(|_| HeaderValue::from_static("\"\""));
        Self { bytes: Bytes::from(bytes), kind: media_type(name), tag }
    }
}

/// What a path of a request stands for.
#[derive(Debug)]
pub(crate) enum Found<'a> {
    /// The page, with its content security policy.
    Page(&'a File, &'a HeaderValue),
    /// Another file.
    File(&'a File),
    /// Nothing.
    Nothing,
}

/// The wizard.
#[derive(Debug)]
pub(crate) struct Web {
    page: File,
    policy: HeaderValue,
    /// By the paths of requests, such as `/assets/index.js`.
    files: BTreeMap<String, File>,
}

impl Web {
    /// Reads the built page in `folder` and tells it what it is for.
    pub(crate) fn load(folder: &Path, flow: Flow, release: &Release) -> Result<Self, WebError> {
        let mut files = BTreeMap::new();
        let mut left = BYTES;
        // The folder itself may be a link: the operator named it.
        let root = folder.canonicalize().map_err(failed(folder))?;
        read_folder(&root, "", &mut files, &mut left)?;
        let path = folder.join(PAGE);
        let wrong = |why| WebError::Page { path: path.clone(), why };
        let page = files.remove(&format!("/{PAGE}")).ok_or_else(|| wrong("it is not there"))?;
        let text = std::str::from_utf8(&page.bytes).map_err(|_| wrong("it is not UTF-8"))?;
        let state = state(flow, release);
        // As a browser reads lines: the digests of scripts are of what it reads.
        let text = rendered(&text.replace("\r\n", "\n"), &release.title, &state)
            .ok_or_else(|| wrong("it has no `{{ .InitialState }}` to be told what it is for"))?;
        let policy = HeaderValue::try_from(policy(&text))
            .map_err(|_| wrong("its scripts cannot be named in a header"))?;
        Ok(Self { page: File::new(PAGE, text.into_bytes()), policy, files })
    }

    /// What is at a path. Every path that is no file is the page, as its router wants it, besides those
    /// below `/assets`.
    pub(crate) fn find(&self, path: &str) -> Found<'_> {
        match self.files.get(path) {
            Some(file) => Found::File(file),
            None if path.starts_with("/assets/") => Found::Nothing,
            None => Found::Page(&self.page, &self.policy),
        }
    }
}

fn failed(path: &Path) -> impl FnOnce(std::io::Error) -> WebError {
    let path = path.to_owned();
    |source| WebError::Read { path, source }
}

fn read_folder(
    folder: &Path,
    below: &str,
    files: &mut BTreeMap<String, File>,
    left: &mut u64,
) -> Result<(), WebError> {
    for entry in std::fs::read_dir(folder).map_err(failed(folder))? {
        let entry = entry.map_err(failed(folder))?;
        let path = entry.path();
        let too_much = || WebError::Size { path: folder.to_owned() };
        // A name that is no text or is hidden is nothing that a page asks for.
        let Some(name) =
            entry.file_name().to_str().filter(|it| !it.starts_with('.')).map(str::to_owned)
        else {
            continue;
        };
        let kind = entry.file_type().map_err(failed(&path))?;
        let name = format!("{below}/{name}");
        if kind.is_dir() {
            // No build nests that deep, and each level is a call.
            if 16 < name.matches('/').count() {
                return Err(too_much());
            }
            read_folder(&path, &name, files, left)?;
            continue;
        }
        if !kind.is_file() {
            return Err(WebError::Kind { path });
        }
        let mut bytes = Vec::new();
        let file = std::fs::File::open(&path).map_err(failed(&path))?;
        file.take(*left + 1).read_to_end(&mut bytes).map_err(failed(&path))?;
        *left = left.checked_sub(bytes.len() as u64).ok_or_else(too_much)?;
        if FILES <= files.len() {
            return Err(too_much());
        }
        let file = File::new(&name, bytes);
        files.insert(name, file);
    }
    Ok(())
}

/// What the page begins with (`window.__INITIAL_STATE__`).
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct InitialState<'a> {
    title: &'a str,
    icon: &'a str,
    install_target: &'a str,
    mode: &'a str,
    is_airgap: bool,
    requires_infra_upgrade: bool,
}

/// The state as JSON that may stand in a script, as Go writes it.
fn state(flow: Flow, release: &Release) -> String {
    let state = InitialState {
        title: &release.title,
        icon: &release.icon,
        install_target: flow.target.as_str(),
        mode: flow.mode.as_str(),
        // The wizard processes a bundle by the requests of linux, whatever its target is.
        is_airgap: flow.has_airgap_step(),
        requires_infra_upgrade: false,
    };
    let mut text = String::new();
    for character in serde_json::to_string(&state).unwrap_or_default().chars() {
        match character {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(text, "\\u{:04x}", u32::from(character));
            }
            other => text.push(other),
        }
    }
    text
}

/// The page with its two actions carried out; `None` when it does not take the state. Other braces
/// are the page's own.
fn rendered(template: &str, title: &str, state: &str) -> Option<String> {
    let mut text = String::with_capacity(template.len() + state.len());
    let mut rest = template;
    let mut takes_state = false;
    while let Some((before, after)) = rest.split_once("{{") {
        text.push_str(before);
        let action = after.split_once("}}");
        match action.map(|(action, rest)| (action.trim_matches(['-', ' ', '\t']), rest)) {
            Some((".Title", after)) => {
                escape(title, &mut text);
                rest = after;
            }
            Some((".InitialState", after)) => {
                takes_state = true;
                text.push_str(state);
                rest = after;
            }
            _ => {
                text.push_str("{{");
                rest = after;
            }
        }
    }
    text.push_str(rest);
    takes_state.then_some(text)
}

fn escape(text: &str, into: &mut String) {
    for character in text.chars() {
        match character {
            '&' => into.push_str("&amp;"),
            '<' => into.push_str("&lt;"),
            '>' => into.push_str("&gt;"),
            '"' => into.push_str("&#34;"),
            '\'' => into.push_str("&#39;"),
            other => into.push(other),
        }
    }
}

/// What the page may load: what comes from here, and of scripts inside of it those that are there now.
fn policy(page: &str) -> String {
    let mut hashes = String::new();
    for script in inline_scripts(page) {
        let digest = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(script));
        hashes.extend([" 'sha256-", &digest, "'"]);
    }
    format!(
        "default-src 'self'; script-src 'self'{hashes}; style-src 'self' 'unsafe-inline'; \
         img-src 'self' data: https:; font-src 'self' data:; object-src 'none'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'"
    )
}

/// The texts of scripts that are in the page itself.
fn inline_scripts(page: &str) -> impl Iterator<Item = &str> {
    // ASCII only, so that places in both are the same.
    let lower = page.to_ascii_lowercase();
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let open = at + lower[at..].find("<script")?;
            let start = open + lower[open..].find('>')? + 1;
            let end = start + lower[start..].find("</script")?;
            at = end;
            if !lower[open..start].contains("src=") {
                return Some(&page[start..end]);
            }
        }
    })
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "txt" | "md" => "text/plain; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff" => "font/woff",
        "woff2" => "font/woff2",
        "ttf" => "font/ttf",
        "wasm" => "application/wasm",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_told_what_it_is_for() {
        let page =
            "<title>{{ .Title }}</title><script>x = {{- .InitialState -}};</script>{{ mine }} {{";
        insta::assert_snapshot!(
            rendered(page, "A & <B>", r#"{"title":"A"}"#).unwrap_or_default(),
            @r#"<title>A &amp; &lt;B&gt;</title><script>x = {"title":"A"};</script>{{ mine }} {{"#
        );
        assert_eq!(rendered("<title>{{ .Title }}</title>", "A", "{}"), None);
    }

    #[test]
    fn scripts_inside_of_the_page_are_known_by_their_digest() {
        let page = "<SCRIPT>one()</SCRIPT><script type=\"module\" src=\"/a.js\"></script><script>two()</script><script>open";
        assert_eq!(inline_scripts(page).collect::<Vec<_>>(), ["one()", "two()"]);
        let policy = policy("<script>alert('Hello, world.');</script>");
        // The example of the specification.
        let expected = "script-src 'self' 'sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng=';";
        assert!(policy.contains(expected), "{policy}");
    }

    proptest::proptest! {
        #[test]
        fn no_page_breaks_the_reader(page in "(<script|</script|src=|>|\\{\\{|\\}\\}|[.]InitialState|é| ){0,12}") {
            let _ = inline_scripts(&page).count();
            let _ = rendered(&page, "t", "{}");
        }
    }
}
