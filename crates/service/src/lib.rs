//! What the servers do alike: [`connections`] within limits, the pools of a database ([`sqlite`]), programs that are
//! run for their output ([`child`]), a [`clock`] that nobody puts back.
//!
//! Deliberately absent: routes, schemas, what is in a certificate.

pub mod child;
pub mod clock;
pub mod connections;
pub mod sqlite;
