//! What the installer reads: bodies and tokens of requests, and what `kots` writes, ours or the original's.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::seeds;

/// See `build.rs`.
mod decode {
    include!(concat!(env!("OUT_DIR"), "/installer_decode.rs"));

    /// Lets what is private be called.
    pub(super) fn run<T: DeserializeOwned + Default>(bytes: &[u8]) -> Result<T, String> {
        decode(bytes, &["values"])
    }
}

/// See `build.rs`.
mod token {
    include!(concat!(env!("OUT_DIR"), "/installer_token.rs"));

    /// The token of a session, and the session of a header, for keys of this module.
    pub(super) fn run(header: &[u8], key: &str) -> Option<(String, String)> {
        let session = session_of(header, key.as_bytes())?;
        let again = make(&session, key.as_bytes()).expect("a token");
        Some((session, again))
    }
}

/// See `build.rs`.
mod classify {
    include!(concat!(env!("OUT_DIR"), "/installer_classify.rs"));

    /// Whether a line is one of our `kots`, and the line as people see it.
    pub(super) fn run(line: &str) -> (bool, String) {
        let is_ours = match classify(line) {
            Line::Event(event, value) => {
                assert_eq!(value["index"], event.index);
                true
            }
            Line::Report(report) => {
                assert!(serde_json::to_value(&report).is_ok());
                true
            }
            Line::Plain(text) => {
                assert_eq!(text, line);
                false
            }
        };
        (is_ours, plain(line))
    }
}

/// Answers as a request has them.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Answers {
    values: BTreeMap<String, Answer>,
}

#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Answer {
    value: String,
    filename: String,
}

/// A body is refused with words, or means the same when it is written and read again.
pub fn request_body(data: &[u8]) {
    match decode::run::<Answers>(data) {
        Ok(answers) => {
            let text = serde_json::to_vec(&answers).expect("JSON");
            assert_eq!(decode::run::<Answers>(&text), Ok(answers));
        }
        Err(why) => assert!(!why.is_empty()),
    }
}

/// A line is told apart, and what people see of it has nothing for a terminal in it.
pub fn kots_lines(data: &[u8]) {
    for line in String::from_utf8_lossy(data).lines() {
        let (_, shown) = classify::run(line);
        assert!(!shown.chars().any(|it| it.is_control() && it != '\t'), "{shown:?}");
        assert_eq!(classify::run(&shown).1, shown, "what is shown once is shown so again");
    }
}

/// What a header names was made with the key, and a token of it names the same.
pub fn token(data: &[u8]) {
    assert_eq!(token::run(data, "another key"), None, "a token of one key is none of another");
    if let Some((session, again)) = token::run(data, seeds::TOKEN_KEY) {
        let header = format!("Bearer {again}");
        let named = token::run(header.as_bytes(), seeds::TOKEN_KEY).map(|it| it.0);
        assert_eq!(named.as_ref(), Some(&session));
        // Whoever does not have the key has nothing but what was made.
        assert!(seeds::TOKEN_SESSIONS.contains(&session.as_str()), "{session:?} was made up");
    }
}
