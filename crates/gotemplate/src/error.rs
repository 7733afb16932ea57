//! What can go wrong, in Go's words.

use std::fmt;

/// What kind of failure an [`Error`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The text is no template.
    Parse,
    /// The template failed on its data.
    Exec,
    /// A bound of [`crate::Limits`] was reached.
    Limit,
}

/// A template that could not be parsed or rendered.
///
/// `Display` is the text of Go's error: it names the template, the line, when known the column, and the
/// function or field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What kind of failure this is.
    pub kind: ErrorKind,
    /// The name of the template that was parsed.
    pub template: String,
    /// The line, from 1; 0 when unknown.
    pub line: usize,
    /// The column in bytes as Go counts it, from 0; only errors of rendering have one.
    pub column: Option<usize>,
    /// The whole text, in Go's words.
    pub message: String,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// What a function answers when it cannot give a value: the text after `error calling NAME: `.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FuncError(pub String);

impl FuncError {
    /// Returns an error with this text.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for FuncError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for FuncError {}

impl From<&str> for FuncError {
    fn from(message: &str) -> Self {
        Self(message.to_owned())
    }
}

impl From<String> for FuncError {
    fn from(message: String) -> Self {
        Self(message)
    }
}
