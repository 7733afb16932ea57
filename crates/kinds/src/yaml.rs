//! YAML as the original's Go decoder (`sigs.k8s.io/yaml` over `yaml.v2`) reads it.
//!
//! Every YAML text of the project goes through this module. A text is first turned into a JSON
//! value by the rules below and only then into a type, exactly as the original does, so that a
//! number is never silently taken for a string.
//!
//! | text (plain) | value | why |
//! |---|---|---|
//! | `y Y yes Yes YES on On ON true True TRUE` | `true` | YAML 1.1 words as yaml.v2 knows them; `yEs` stays text |
//! | `n N no No NO off Off OFF false False FALSE` | `false` | the same |
//! | `0644`, `0o644`, `0b101`, `0x1F`, `1_000` | integers | Go's `ParseInt` with base 0, underscores removed |
//! | `08`, `5.`, `.5`, `1e3`, `1.232435e+06` | numbers | whole numbers become integers, as in Go's JSON |
//! | `2001-01-01`, `12:30:45`, `1e400` | text | timestamps and sexagesimals stay text |
//! | `~`, `null`, `Null`, `NULL`, nothing | null | |
//! | `.inf`, `.nan` | refused | JSON has no such number |
//!
//! One rule is stricter than the original on purpose: a mapping with the same key twice is
//! refused (the original takes the last one without a word).
//!
//! Deliberately absent: comments and positions of the input do not survive; a file that must keep
//! them is edited as text.

mod parse;
mod scalar;
mod split;
mod template;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use thiserror::Error;

pub use split::{Document, split_documents};
pub use template::to_template_string;

/// The longest text that is read, in bytes.
pub const MAX_BYTES: usize = 16 * 1024 * 1024;
/// The most nodes (scalars, sequences and mappings, aliases expanded) a text may hold.
pub const MAX_NODES: usize = 1_000_000;
/// The deepest nesting a text may have.
pub const MAX_DEPTH: usize = 100;

/// Why a text could not be read or written as YAML.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Error {
    /// The text is longer than [`MAX_BYTES`].
    #[error("the YAML text is {found} bytes long, at most {MAX_BYTES} are allowed")]
    TooLong {
        /// The length found, in bytes.
        found: usize,
    },
    /// The text holds more than [`MAX_NODES`] nodes once its aliases are expanded.
    #[error("line {line}: the YAML text holds more than {MAX_NODES} nodes")]
    TooManyNodes {
        /// The line at which the limit was passed, from 1.
        line: usize,
    },
    /// The text is nested deeper than [`MAX_DEPTH`].
    #[error("line {line}: the YAML text is nested deeper than {MAX_DEPTH} levels")]
    TooDeep {
        /// The line at which the limit was passed, from 1.
        line: usize,
    },
    /// The text is not YAML.
    #[error("line {line}, column {column}: {what}")]
    Syntax {
        /// The line of the fault, from 1.
        line: usize,
        /// The column of the fault, from 1.
        column: usize,
        /// What the parser says.
        what: String,
    },
    /// A mapping has the same key twice.
    #[error("line {line}: the key `{key}` occurs twice in one mapping")]
    DuplicateKey {
        /// The line of the second one, from 1.
        line: usize,
        /// The key.
        key: String,
    },
    /// A value that JSON, and therefore Kubernetes, cannot hold.
    #[error("line {line}: {what}")]
    Unsupported {
        /// The line of the value, from 1.
        line: usize,
        /// What was found and what is allowed.
        what: String,
    },
    /// More than one document where one is allowed.
    #[error("line {line}: a second YAML document starts here, one is allowed")]
    SecondDocument {
        /// The line at which the second document starts, from 1.
        line: usize,
    },
    /// The text is YAML, but does not fit the type asked for.
    #[error("`{path}`: {what}")]
    Type {
        /// The dotted path of the field (`.` is the whole document).
        path: String,
        /// What was found and what is allowed.
        what: String,
    },
    /// A value could not be written.
    #[error("the value cannot be written as YAML: {what}")]
    Write {
        /// What the writer says.
        what: String,
    },
}

/// Reads one document into `T`.
///
/// The document is first made a JSON value by the rules of the module, so a field of type
/// `String` refuses an unquoted number.
///
/// # Errors
///
/// Any [`enum@Error`] but [`Error::Write`].
pub fn from_str<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    from_value(to_value(text)?)
}

/// Reads one document as a JSON value. An empty text is `null`.
///
/// # Errors
///
/// Any [`enum@Error`] but [`Error::Type`] and [`Error::Write`].
pub fn to_value(text: &str) -> Result<Value, Error> {
    parse::document(text, scalar::plain)
}

/// Reads one document as kustomize does, which makes the objects that are deployed: as [`to_value`],
/// but words such as `yes` and `on` are text, and a date becomes a time.
///
/// # Errors
///
/// Those of [`to_value`].
pub fn to_manifest(text: &str) -> Result<Value, Error> {
    parse::document(text, scalar::plain_manifest)
}

/// Turns a value into `T`, naming the field that does not fit.
///
/// # Errors
///
/// [`Error::Type`].
pub fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, Error> {
    serde_path_to_error::deserialize(value).map_err(|error| Error::Type {
        path: error.path().to_string(),
        what: error.into_inner().to_string(),
    })
}

/// Writes a value as YAML text that a YAML 1.1 reader (Go) and a YAML 1.2 reader read alike.
///
/// Long lines are not folded, so that the same value always gives the same text.
///
/// # Errors
///
/// [`Error::Write`] when the value has no YAML form.
pub fn to_string<T: Serialize>(value: &T) -> Result<String, Error> {
    let options = serde_saphyr::ser_options! {
        folded_wrap_chars: usize::MAX,
    };
    serde_saphyr::to_string_with_options(value, options)
        .map_err(|error| Error::Write { what: error.to_string() })
}

#[cfg(test)]
mod tests;
