//! The functions that are run.

pub mod archive;
pub mod kinds;
pub mod multipart;
