//! Whether a version has the config values that are to be deployed.
//!
//! The original keeps no digest of the document it was given, so the answer is pieced together, best evidence
//! first: what this machine knows it sent, the digest our kotsadm tells, and the resolved config of the version.
//! Passwords come back encrypted; where nothing else is known they count as equal, and that is said.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use kinds::config::{ConfigValue, ConfigValues};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use wire::config::{ConfigGroup, ConfigItem};

/// The document to deploy.
#[derive(Debug, Clone)]
pub struct Values {
    /// The file, byte for byte.
    pub bytes: Vec<u8>,
    /// What it says.
    pub parsed: ConfigValues,
    /// Hex sha256 of the bytes.
    pub sha256: String,
}

/// What a comparison found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    /// The version has these values.
    Same {
        /// Password items that could not be compared.
        not_compared: Vec<String>,
    },
    /// The version has others.
    Differs {
        /// Names of items that differ; empty when it is only known that something does.
        items: Vec<String>,
    },
}

/// What is known of a version's values besides its resolved config.
#[derive(Debug, Clone, Copy, Default)]
pub struct Evidence<'a> {
    /// This run key sent them and saw the version being made.
    pub sent: bool,
    /// What this machine sent to that version.
    pub memory: Option<&'a Memory>,
    /// Hex sha256 of the document, as our kotsadm tells it.
    pub digest: Option<&'a str>,
}

/// Compares the document with a version. `groups` is its resolved config.
pub fn compare(values: &Values, evidence: Evidence<'_>, groups: &[ConfigGroup]) -> Match {
    if evidence.sent || evidence.digest == Some(&values.sha256) {
        return Match::Same { not_compared: Vec::new() };
    }
    let items: BTreeMap<&str, &ConfigItem> =
        groups.iter().flat_map(|it| &it.items).map(|it| (it.name.as_str(), it)).collect();
    let (mut differing, mut not_compared) = (Vec::new(), Vec::new());
    for (name, given) in &values.parsed.values {
        match items.get(name.as_str()) {
            Some(item) if item.kind == "password" => {
                match evidence.memory.and_then(|it| it.knows(name, plain(given))) {
                    Some(true) => {}
                    Some(false) => differing.push(name.clone()),
                    None => not_compared.push(name.clone()),
                }
            }
            Some(item) if !is_equal(given, item) => differing.push(name.clone()),
            // An item that is gone (or an option of a choice) has no say.
            Some(_) | None => {}
        }
    }
    // Another document for certain, and only a password can be what differs.
    if differing.is_empty() && evidence.digest.is_some() && !not_compared.is_empty() {
        return Match::Differs { items: not_compared };
    }
    if differing.is_empty() {
        Match::Same { not_compared }
    } else {
        Match::Differs { items: differing }
    }
}

fn plain(given: &ConfigValue) -> &str {
    if given.value.is_empty() { &given.value_plaintext } else { &given.value }
}

/// Precedence of the server: value, plain text, then default (`pkg/handlers/config.go:1130`).
fn is_equal(given: &ConfigValue, item: &ConfigItem) -> bool {
    let value = plain(given);
    let is_bool = item.kind == "bool";
    if value.is_empty() {
        let effective = if item.value.is_empty() { &item.default } else { &item.value };
        let left = normal(&given.default, is_bool);
        return left == normal(&item.value, is_bool)
            || left == normal(effective, is_bool)
            || left.is_empty();
    }
    normal(value, is_bool) == normal(&item.value, is_bool)
}

fn normal(text: &str, is_bool: bool) -> &str {
    match text {
        "true" | "True" | "TRUE" | "t" | "T" if is_bool => "1",
        "false" | "False" | "FALSE" | "f" | "F" if is_bool => "0",
        it => it,
    }
}

/// What this machine sent to one version of one application: salted digests per item, never values.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// The version that was made of it.
    pub sequence: i64,
    salt: String,
    items: BTreeMap<String, String>,
}

/// The most that is read of a memory file.
const MEMORY_LIMIT_BYTES: u64 = 16 << 20;

impl Memory {
    /// Remembers what was sent, with a salt of the caller's.
    pub fn of(values: &Values, sequence: i64, salt: [u8; 16]) -> Self {
        let salt = hex::encode(salt);
        let items = values
            .parsed
            .values
            .iter()
            .map(|(name, given)| (name.clone(), salted(&salt, plain(given))))
            .collect();
        Self { sequence, salt, items }
    }

    fn knows(&self, name: &str, value: &str) -> Option<bool> {
        self.items.get(name).map(|it| *it == salted(&self.salt, value))
    }

    /// Reads the memory of `id`; one that cannot be read is none.
    pub fn load(dir: &Path, id: &str) -> Option<Self> {
        let path = path(dir, id);
        let meta = std::fs::metadata(&path).ok()?;
        if !meta.is_file() || meta.len() > MEMORY_LIMIT_BYTES {
            return None;
        }
        serde_json::from_slice(&std::fs::read(path).ok()?).ok()
    }

    /// Writes the memory of `id` in one piece, readable by its owner only.
    ///
    /// # Errors
    ///
    /// When the disk fails; nothing but a comparison of passwords is lost by that.
    pub fn store(&self, dir: &Path, id: &str) -> std::io::Result<()> {
        use std::io::Write as _;
        use std::os::unix::fs::OpenOptionsExt as _;
        let path = path(dir, id);
        let unfinished = path.with_extension(format!("{}.tmp", std::process::id()));
        let written = (|| {
            let mut file = std::fs::OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&unfinished)?;
            file.write_all(&serde_json::to_vec(self)?)?;
            file.sync_all()?;
            std::fs::rename(&unfinished, &path)
        })();
        if written.is_err() {
            let _ = std::fs::remove_file(&unfinished);
        }
        written
    }
}

fn path(dir: &Path, id: &str) -> PathBuf {
    dir.join(format!("{id}.values.json"))
}

fn salted(salt: &str, value: &str) -> String {
    let mut digest = Sha256::new();
    digest.update(salt.as_bytes());
    digest.update(value.as_bytes());
    hex::encode(digest.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Values {
        let parsed = ConfigValues::parse(&format!(
            "apiVersion: kots.io/v1beta1\nkind: ConfigValues\nspec:\n  values:\n{text}"
        ))
        .expect("the values are well formed");
        Values { bytes: text.into(), parsed, sha256: "mine".to_owned() }
    }

    fn server() -> Vec<ConfigGroup> {
        let item = |name: &str, kind: &str, default: &str, value: &str| ConfigItem {
            name: name.to_owned(),
            kind: kind.to_owned(),
            default: default.to_owned(),
            value: value.to_owned(),
            ..ConfigItem::default()
        };
        let items = vec![
            item("host", "text", "", "a.example"),
            item("port", "text", "80", ""),
            item("tls", "bool", "0", "1"),
            item("secret", "password", "", "3nCrYpTeD"),
        ];
        vec![ConfigGroup { items, ..ConfigGroup::default() }]
    }

    /// The only place in these tests that knows the API under test.
    fn check(text: &str, evidence: Evidence<'_>) -> String {
        match compare(&values(text), evidence, &server()) {
            Match::Same { not_compared } => format!("same, not compared {not_compared:?}"),
            Match::Differs { items } => format!("differs in {items:?}"),
        }
    }

    #[test]
    fn what_the_document_says_is_compared_with_the_version() {
        let none = Evidence::default();
        insta::assert_snapshot!(
            [
                check("    host: {value: a.example}\n", none),
                check("    host: {value: b.example}\n", none),
                check("    host: {valuePlaintext: a.example}\n", none),
                check("    port: {default: '80'}\n", none),
                check("    port: {value: '80'}\n", none),
                check("    tls: {value: 'true'}\n", none),
                check("    tls: {value: '0'}\n", none),
                check("    gone: {value: x}\n", none),
                check("    secret: {value: s}\n", none),
                check("    host: {value: b}\n    secret: {value: s}\n", none),
            ]
            .join("\n"),
            @r#"
            same, not compared []
            differs in ["host"]
            same, not compared []
            same, not compared []
            differs in ["port"]
            same, not compared []
            differs in ["tls"]
            same, not compared []
            same, not compared ["secret"]
            differs in ["host"]
            "#
        );
    }

    #[test]
    fn better_evidence_wins() {
        let secret = "    secret: {value: new}\n";
        let old = Memory::of(&values("    secret: {value: old}\n"), 3, [7; 16]);
        let new = Memory::of(&values(secret), 3, [8; 16]);
        let of = |memory, digest, sent| Evidence { sent, memory, digest };
        insta::assert_snapshot!(
            [
                check(secret, of(None, None, true)),
                check(secret, of(None, Some("mine"), false)),
                check(secret, of(None, Some("theirs"), false)),
                check("    host: {value: a.example}\n", of(None, Some("theirs"), false)),
                check(secret, of(Some(&old), None, false)),
                check(secret, of(Some(&new), None, false)),
                check(secret, of(Some(&new), Some("theirs"), false)),
            ]
            .join("\n"),
            @r#"
            same, not compared []
            same, not compared []
            differs in ["secret"]
            same, not compared []
            differs in ["secret"]
            same, not compared []
            same, not compared []
            "#
        );
    }
}
