//! Why a request is refused: the status and what `ApiError` says.

use std::error::Error;

use crate::flow::State;
use crate::http::types::ApiError;
use crate::store::StoreError;

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) message: String,
    /// What is wrong with each field: its name and the words.
    pub(crate) fields: Vec<(String, String)>,
    /// After how many seconds it may be asked for again.
    pub(crate) retry_after: Option<u64>,
}

impl Refusal {
    pub(crate) fn new(status: u16, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), fields: Vec::new(), retry_after: None }
    }

    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Self::new(400, message)
    }

    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        Self::new(409, message)
    }

    pub(crate) fn unauthorized() -> Self {
        Self::new(401, "Unauthorized")
    }

    pub(crate) fn internal(error: &(dyn Error + 'static)) -> Self {
        Self::new(500, chain(error))
    }

    /// Another request holds the machine.
    pub(crate) fn locked() -> Self {
        Self::conflict("lock already acquired")
    }

    /// The machine has no such way.
    pub(crate) fn transition(from: State, to: State) -> Self {
        Self::conflict(format!("invalid transition from {from} to {to}"))
    }

    /// Fields that are wrong, in the order they were checked.
    pub(crate) fn fields(fields: Vec<(String, String)>) -> Self {
        Self { fields, ..Self::bad("field errors") }
    }

    /// The body.
    pub(crate) fn body(&self) -> ApiError {
        let child = |(field, message): &(String, String)| ApiError {
            message: message.clone(),
            field: Some(field.clone()),
            ..ApiError::default()
        };
        ApiError {
            status_code: Some(self.status),
            message: self.message.clone(),
            field: None,
            errors: self.fields.iter().map(child).collect(),
        }
    }

    /// One line: the message and what is wrong with each field.
    pub(crate) fn line(&self) -> String {
        let fields: Vec<_> = self.fields.iter().map(|(_, message)| message.as_str()).collect();
        if fields.is_empty() {
            self.message.clone()
        } else {
            format!("{}: {}", self.message, fields.join("; "))
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::internal(&error)
    }
}

/// An error with everything beneath it, outermost first; what an error repeats of the one beneath it
/// once.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        if !texts.last().is_some_and(|last| last.ends_with(&text)) {
            texts.push(text);
        }
        next = error.source();
    }
    texts.join(": ")
}
