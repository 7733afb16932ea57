//! Writes YAML whose texts are templates that are still to be rendered.

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{Error, to_string, to_value};

/// Writes a value so that every template in it (`{{repl … }}`, `repl{{ … }}`) stands in the text
/// word for word.
///
/// A quoted text with escapes would be YAML too, but its template could no longer be rendered: the
/// quotes inside would carry backslashes. Templates that can stand bare do, so that what they render
/// to may become a number.
///
/// # Errors
///
/// [`Error::Write`].
pub fn to_template_string(value: &Value) -> Result<String, Error> {
    // A word that occurs nowhere else: no text can hold the digest of itself.
    let digest = Sha256::digest(value.to_string());
    let word = format!("kots-template-{}-", hex::encode(&digest[..8]));
    let mut texts = Vec::new();
    let marked = mark(value, &word, &mut texts);
    let written = to_string(&marked)?;
    let mut result = String::with_capacity(written.len());
    for line in written.split_inclusive('\n') {
        put_back(line, &word, &texts, &mut result);
    }
    Ok(result)
}

/// Replaces every text that holds a template by a word that needs no quotes.
fn mark(value: &Value, word: &str, texts: &mut Vec<String>) -> Value {
    match value {
        Value::String(text) if is_template(text) => {
            texts.push(text.clone());
            Value::String(format!("{word}{}x", texts.len() - 1))
        }
        Value::Array(list) => list.iter().map(|value| mark(value, word, texts)).collect(),
        Value::Object(map) => {
            let entries = map.iter().map(|(key, value)| (key.clone(), mark(value, word, texts)));
            Value::Object(entries.collect())
        }
        other => other.clone(),
    }
}

fn is_template(text: &str) -> bool {
    text.contains("repl{{") || text.contains("{{repl")
}

fn put_back(line: &str, word: &str, texts: &[String], result: &mut String) {
    let bare = line.trim_end_matches('\n');
    let found = bare.rsplit(' ').next().and_then(|last| {
        let index = last.strip_prefix(word)?.strip_suffix('x')?;
        let text = texts.get(index.parse::<usize>().ok()?)?;
        Some((&bare[..bare.len() - last.len()], text))
    });
    match found {
        Some((before, text)) => {
            result.push_str(before);
            result.push_str(&styled(text, before));
            result.push('\n');
        }
        None => result.push_str(line),
    }
}

/// The text as it can stand after `before` on its line: bare, in single quotes, or as a block.
fn styled(text: &str, before: &str) -> String {
    let is_line = !text.contains(['\n', '\r', '\t']);
    let reads_back =
        |written: &str| to_value(&format!("k: {written}\n")).is_ok_and(|value| value["k"] == *text);
    if is_line && reads_back(text) {
        return text.to_owned();
    }
    let quoted = format!("'{text}'");
    if is_line && !text.contains('\'') && reads_back(&quoted) {
        return quoted;
    }
    block(text, before)
}

fn block(text: &str, before: &str) -> String {
    let body = text.trim_end_matches('\n');
    let chomping = match text.len() - body.len() {
        0 => "-",
        1 => "",
        _ => "+",
    };
    let pad = " ".repeat(parent_indent(before) + 2);
    // The digit is needed when the first line starts with a space, and never wrong.
    let mut block = format!("|2{chomping}");
    for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
        block.push('\n');
        if !line.is_empty() {
            block.push_str(&pad);
            block.push_str(line);
        }
    }
    block
}

/// The column of the mapping or list that the text belongs to.
fn parent_indent(before: &str) -> usize {
    let mut column = before.len() - before.trim_start_matches(' ').len();
    let mut rest = &before[column..];
    while let Some(after) = rest.strip_prefix("- ") {
        if after.trim().is_empty() {
            break;
        }
        let spaces = after.len() - after.trim_start_matches(' ').len();
        column += 2 + spaces;
        rest = &after[spaces..];
    }
    column
}
