//! `kotsadm`: the admin console's HTTP API that an application upgrade needs.
//!
//! ```text
//! cli/ | http/ ─► update/ license config/ install ─► versions ─► release/ (what a version is)
//!                                                        ├► archives, store/ (what exists)
//!                                      preflight ─► deploy/ ─► target/ (where it goes)
//! ```
//!
//! Only `cli/` sees clap, only `http/` sees axum, only `store/` sees SQL.

mod archives;
pub mod cli;
mod config;
mod context;
mod deploy;
pub mod env;
pub mod faults;
mod http;
mod images;
mod install;
mod license;
pub mod offline;
mod preflight;
mod registry_settings;
pub mod release;
pub(crate) mod render;
pub mod secrets;
pub mod serve;
mod store;
pub mod target;
mod update;
mod uploads;
mod vendor;
mod versions;

pub use archives::ArchiveError;
pub use store::StoreError;
