//! The lines of a journal, as bytes and as records. Pure: touches no file.
//!
//! A line is `{"sum":"<16 hex digits>","record":<JSON object>}` and a newline, where the sum is the
//! first 8 bytes of the sha256 over exactly the bytes of the object. That frame is the same in all
//! versions; what the objects mean is told by the version in the first one.

use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::{JournalError, State};
use crate::outcome::RunOutcome;
use crate::step::Facts;

/// The format this program writes, and the newest it reads.
pub(super) const VERSION: u64 = 1;
/// The most bytes of one record.
pub(super) const RECORD_LIMIT_BYTES: usize = 256 * 1024;

const OPENING: &[u8] = b"{\"sum\":\"";
const SUM_DIGITS: usize = 16;
const MIDDLE: &[u8] = b"\",\"record\":";
const CLOSING: &[u8] = b"}";

/// What a line after the first says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Record {
    /// A process opened the journal.
    Run { pid: u32, at: Timestamp },
    /// A step is about to act.
    Intent { step: String, at: Timestamp, attempt: u64, facts: Facts },
    /// The step learnt something while acting.
    Facts { step: String, at: Timestamp, facts: Facts },
    /// The effect happened.
    Confirmed { step: String, at: Timestamp },
    /// The effect did not happen.
    Void { step: String, at: Timestamp },
    /// The run ended.
    Ended { at: Timestamp, outcome: RunOutcome },
}

const KNOWN_KINDS: [&str; 6] = ["run", "intent", "facts", "confirmed", "void", "ended"];

/// The first line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Header {
    kind: HeaderKind,
    version: u64,
    /// The fields of the run key.
    pub(super) key: Vec<(String, String)>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum HeaderKind {
    Journal,
}

impl Header {
    pub(super) fn new(key: &[(String, String)]) -> Self {
        Self { kind: HeaderKind::Journal, version: VERSION, key: key.to_vec() }
    }
}

/// What the bytes of a journal hold.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Contents {
    /// The fields of the key; none when not even the first line is whole.
    pub(super) key: Option<Vec<(String, String)>>,
    /// What the records say, taken together.
    pub(super) state: State,
    /// Bytes of whole lines. What follows is a line that was cut short.
    pub(super) whole_bytes: usize,
}

/// Returns the line for a record or a header, with its newline.
pub(super) fn encode(record: &impl Serialize) -> Result<Vec<u8>, serde_json::Error> {
    let body = serde_json::to_vec(record)?;
    Ok([OPENING, sum(&body).as_bytes(), MIDDLE, &body, CLOSING, b"\n"].concat())
}

/// Reads a whole journal. `path` is for messages only.
pub(super) fn read(bytes: &[u8], path: &Path) -> Result<Contents, JournalError> {
    let mut contents = Contents::default();
    for (at, line) in bytes.split_inclusive(|it| *it == b'\n').enumerate() {
        let line_number = at + 1;
        let is_last = contents.whole_bytes + line.len() == bytes.len();
        let Some(text) = line.strip_suffix(b"\n") else { break };
        // After a power cut, blocks of the last write that never reached the disk read as zeros.
        if is_last && text.contains(&0) {
            break;
        }
        let corrupt = |found| JournalError::Corrupt { path: path.into(), line: line_number, found };
        let body = unframe(text).map_err(corrupt)?;
        if contents.key.is_none() {
            contents.key = Some(read_header(body, path)?);
        } else if let Some(record) = read_record(body, path, line_number)? {
            contents.state.apply(record);
        }
        contents.whole_bytes += line.len();
    }
    Ok(contents)
}

/// Whether a line can be read back: its depth and its numbers are those of JSON that serde reads.
pub(super) fn check(line: &[u8]) -> Result<(), String> {
    let body = unframe(line.strip_suffix(b"\n").unwrap_or(line))?;
    serde_json::from_slice::<Map<String, Value>>(body).map(|_| ()).map_err(|it| it.to_string())
}

fn read_header(body: &[u8], path: &Path) -> Result<Vec<(String, String)>, JournalError> {
    let corrupt = |found| JournalError::Corrupt { path: path.into(), line: 1, found };
    let fields: Map<String, Value> = object(body).map_err(corrupt)?;
    // The version is read before the rest, which another version may lay out in another way.
    match fields.get("version").and_then(Value::as_u64) {
        Some(found) if VERSION < found => {
            return Err(JournalError::Version { path: path.into(), found, supported: VERSION });
        }
        Some(1..) => {}
        _ => return Err(corrupt("the first record has no version".to_owned())),
    }
    let header: Header = serde_json::from_value(Value::Object(fields))
        .map_err(|it| corrupt(format!("not the first record of a journal: {it}")))?;
    Ok(header.key)
}

/// Reads a record. None for a kind that is not known but says that it may be passed over.
fn read_record(body: &[u8], path: &Path, line: usize) -> Result<Option<Record>, JournalError> {
    let corrupt = |found| JournalError::Corrupt { path: path.into(), line, found };
    let fields = object(body).map_err(corrupt)?;
    let kind = fields.get("kind").and_then(Value::as_str).unwrap_or_default();
    if !KNOWN_KINDS.contains(&kind) {
        if fields.get("optional") == Some(&Value::Bool(true)) {
            return Ok(None);
        }
        return Err(JournalError::UnknownRecord { path: path.into(), line, kind: kind.to_owned() });
    }
    let record = serde_json::from_value(Value::Object(fields));
    record.map(Some).map_err(|it| corrupt(format!("not a record: {it}")))
}

fn object(body: &[u8]) -> Result<Map<String, Value>, String> {
    serde_json::from_slice(body).map_err(|it| format!("not a JSON object: {it}"))
}

/// Takes the frame off a line and compares the sum.
fn unframe(line: &[u8]) -> Result<&[u8], String> {
    let split = || {
        let rest = line.strip_prefix(OPENING)?;
        let (found, rest) = rest.split_at_checked(SUM_DIGITS)?;
        let body = rest.strip_prefix(MIDDLE)?.strip_suffix(CLOSING)?;
        Some((found, body))
    };
    let (found, body) = split().ok_or("not a line of a journal")?;
    if found != sum(body).as_bytes() {
        return Err("its checksum does not fit its record".to_owned());
    }
    Ok(body)
}

fn sum(body: &[u8]) -> String {
    hex::encode(&Sha256::digest(body)[..SUM_DIGITS / 2])
}
