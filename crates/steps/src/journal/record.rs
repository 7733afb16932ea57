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
pub(super) const RECORD_LIMIT_BYTES: u64 = 256 * 1024;

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

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use proptest::prelude::*;

    use super::*;

    fn key() -> Vec<(String, String)> {
        vec![("run".to_owned(), "deploy".to_owned())]
    }

    /// A header and these records, and where each line ends.
    fn journal(records: &[Record]) -> (Vec<u8>, Vec<usize>) {
        let mut bytes = encode(&Header::new(&key())).expect("a header is JSON");
        let mut ends = vec![bytes.len()];
        for record in records {
            bytes.extend(encode(record).expect("a record is JSON"));
            ends.push(bytes.len());
        }
        (bytes, ends)
    }

    fn state_of(records: &[Record]) -> State {
        let mut state = State::default();
        records.iter().cloned().for_each(|it| state.apply(it));
        state
    }

    fn read_bytes(bytes: &[u8]) -> Result<Contents, JournalError> {
        read(bytes, Path::new("a.journal"))
    }

    /// A line with a right sum around any text.
    fn line(body: &str) -> Vec<u8> {
        let sum = sum(body.as_bytes());
        format!("{{\"sum\":\"{sum}\",\"record\":{body}}}\n").into_bytes()
    }

    /// What reading these bytes says: the error and what to do, or the number of intents.
    fn check(lines: &[Vec<u8>]) -> String {
        match read_bytes(&lines.concat()) {
            Ok(contents) => format!("{} intents", contents.state.intents.len()),
            Err(error) => format!("{error}\nhint: {}", error.hint()),
        }
    }

    fn header() -> Vec<u8> {
        journal(&[]).0
    }

    #[test]
    fn a_line_is_json() {
        let run = Record::Run { pid: 7, at: Timestamp::UNIX_EPOCH };
        let text = String::from_utf8(journal(&[run]).0).expect("a journal is text");
        for line in text.lines() {
            serde_json::from_str::<Value>(line).expect("each line is JSON");
        }
        assert_snapshot!(text, @r#"
        {"sum":"d318009ecdb634ae","record":{"kind":"journal","version":1,"key":[["run","deploy"]]}}
        {"sum":"38239be88479b452","record":{"kind":"run","pid":7,"at":"1970-01-01T00:00:00Z"}}
        "#);
    }

    #[test]
    fn damage_before_the_end_names_line_and_file() {
        assert_snapshot!(check(&[header(), b"{}\n".to_vec(), line("{}")]), @r"
        journal `a.journal` is damaged at line 2: not a line of a journal
        hint: look at what the last run did, then move `a.journal` away (`mv a.journal a.journal.damaged`) and run the command again
        ");
        let mut changed = line(r#"{"kind":"run","pid":1,"at":"1970-01-01T00:00:00Z"}"#);
        changed[40] ^= 1;
        assert_snapshot!(check(&[header(), changed]), @r"
        journal `a.journal` is damaged at line 2: its checksum does not fit its record
        hint: look at what the last run did, then move `a.journal` away (`mv a.journal a.journal.damaged`) and run the command again
        ");
        assert_snapshot!(check(&[header(), line(r#"{"kind":"run","pid":"seven"}"#)]), @r#"
        journal `a.journal` is damaged at line 2: not a record: invalid type: string "seven", expected u32
        hint: look at what the last run did, then move `a.journal` away (`mv a.journal a.journal.damaged`) and run the command again
        "#);
        assert_snapshot!(check(&[header(), line("[1]")]), @r"
        journal `a.journal` is damaged at line 2: not a JSON object: invalid type: sequence, expected a map at line 1 column 0
        hint: look at what the last run did, then move `a.journal` away (`mv a.journal a.journal.damaged`) and run the command again
        ");
        assert_snapshot!(check(&[line(r#"{"kind":"run"}"#)]), @r"
        journal `a.journal` is damaged at line 1: the first record has no version
        hint: look at what the last run did, then move `a.journal` away (`mv a.journal a.journal.damaged`) and run the command again
        ");
    }

    #[test]
    fn what_a_newer_program_wrote_is_told_from_damage() {
        assert_snapshot!(check(&[line(r#"{"kind":"diary","version":2,"keys":{}}"#)]), @r"
        journal `a.journal` has format version 2, this program reads versions up to 1
        hint: run the command with the newer version of this program that wrote it
        ");
        assert_snapshot!(check(&[header(), line(r#"{"kind":"lease"}"#)]), @r"
        journal `a.journal` has at line 2 a record of unknown kind `lease`
        hint: run the command with the newer version of this program that wrote it
        ");
        assert_snapshot!(check(&[header(), line(r#"{"kind":"hint","optional":true}"#)]), @"0 intents");
    }

    #[test]
    fn blocks_that_never_reached_the_disk_are_a_cut_line() {
        let whole = header();
        let cut = [vec![0; 20], b"0Z\"}}\n".to_vec()].concat();
        let contents = read_bytes(&[whole.clone(), cut.clone()].concat()).expect("only a cut line");
        assert_eq!(contents.whole_bytes, whole.len());
        assert!(read_bytes(&[whole.clone(), cut, line("{}")].concat()).is_err());
    }

    fn any_record() -> impl Strategy<Value = Record> {
        let at =
            (0_i64..4_000_000_000).prop_map(|it| Timestamp::from_second(it).expect("in range"));
        let step =
            prop::sample::select(vec!["license", "update", "config"]).prop_map(str::to_owned);
        let value = prop_oneof![
            any::<i64>().prop_map(Value::from),
            any::<bool>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        let facts = prop::collection::vec((any::<String>(), value), 0..4)
            .prop_map(|it| it.into_iter().collect::<Facts>());
        (0..6, step, at, facts, any::<u32>()).prop_map(|(kind, step, at, facts, number)| match kind
        {
            0 => Record::Run { pid: number, at },
            1 => Record::Intent { step, at, attempt: u64::from(number), facts },
            2 => Record::Facts { step, at, facts },
            3 => Record::Confirmed { step, at },
            4 => Record::Void { step, at },
            _ => Record::Ended { at, outcome: RunOutcome::Warned },
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn a_file_cut_anywhere_holds_the_lines_before_the_cut_and_goes_on(
            records in prop::collection::vec(any_record(), 0..12),
            more in any_record(),
            cut in any::<prop::sample::Index>(),
        ) {
            let (bytes, ends) = journal(&records);
            let cut = cut.index(bytes.len() + 1);
            let n_whole = ends.iter().filter(|it| **it <= cut).count();
            let contents = read_bytes(&bytes[..cut]).expect("a cut is no damage");
            prop_assert_eq!(contents.key.is_some(), 0 < n_whole);
            let kept = &records[..n_whole.saturating_sub(1)];
            prop_assert_eq!(contents.whole_bytes, n_whole.checked_sub(1).map_or(0, |it| ends[it]));
            prop_assert_eq!(&contents.state, &state_of(kept));

            if 0 < n_whole {
                let line = encode(&more).expect("a record is JSON");
                let longer = [&bytes[..contents.whole_bytes], &line].concat();
                let expected = state_of(&[kept, &[more]].concat());
                prop_assert_eq!(read_bytes(&longer).expect("goes on").state, expected);
            }
        }

        #[test]
        fn one_changed_byte_is_found(
            records in prop::collection::vec(any_record(), 1..8),
            at in any::<prop::sample::Index>(),
            change in 1_u8..=255,
        ) {
            let (mut bytes, ends) = journal(&records);
            let at = at.index(bytes.len());
            bytes[at] ^= change;
            let last_begins = ends[ends.len() - 2];
            match read_bytes(&bytes) {
                Err(JournalError::Corrupt { line, .. }) => {
                    prop_assert_eq!(line, 1 + ends.iter().filter(|it| **it <= at).count());
                }
                Err(error) => prop_assert!(false, "another error: {error}"),
                // Of the last line it cannot be told from a write that was cut short.
                Ok(contents) => {
                    prop_assert!(last_begins <= at);
                    prop_assert_eq!(contents.whole_bytes, last_begins);
                }
            }
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_bytes(&bytes);
            let _ = read_bytes(&[header(), bytes].concat());
        }
    }
}
