//! The functions that are run.

pub mod archive;
pub mod conditions;
pub mod installer;
pub mod kinds;
pub mod multipart;
