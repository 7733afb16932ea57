//! What the servers do alike: [`connections`] within limits, the pools of a database ([`sqlite`]).
//!
//! Deliberately absent: routes, schemas, what is in a certificate.

pub mod connections;
pub mod sqlite;
