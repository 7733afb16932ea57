//! What the servers do alike: [`connections`] within limits, which end so that the client has its answer, the pools of a database ([`sqlite`]), programs that are
//! run for their output ([`child`]), a [`clock`] that nobody puts back.
//!
//! Deliberately absent: routes, schemas, what is in a certificate.

pub mod child;
pub mod clock;
pub mod connections;
pub mod sqlite;
mod unread;
