//! Why the database did not do what was asked.

use thiserror::Error;

use crate::flow::State;

/// Why the database did not do what was asked.
#[derive(Debug, Error)]
pub(crate) enum StoreError {
    /// It could not be opened.
    #[error(transparent)]
    Open(#[from] service::sqlite::OpenError),
    /// A statement failed.
    #[error("the database did not {what}")]
    Query {
        /// What it should have done.
        what: &'static str,
        /// The cause.
        #[source]
        source: sqlx::Error,
    },
    /// A stored text is not what this program writes there.
    #[error("the database holds an unreadable {what}: {why}")]
    Unreadable {
        /// What it should be.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// The program is ending.
    #[error("the program is ending")]
    Stopped,
    /// Another run is at work in this folder.
    #[error("the data directory holds another run ({run}) that is in the middle of {state}")]
    OtherRun {
        /// What it is about.
        run: String,
        /// Where it is.
        state: State,
    },
}

/// Turns a driver's error into one that says what was attempted.
pub(super) fn failed(what: &'static str) -> impl FnOnce(sqlx::Error) -> StoreError {
    move |source| StoreError::Query { what, source }
}
