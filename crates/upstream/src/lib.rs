//! The vendor's upstream protocol: a client, and the server half that `kotsadm mirror` uses.
//!
//! * [`Client`] asks for licences, pending releases and releases. It says which release it wants,
//!   and refuses another one.
//! * [`mirror`] serves the same protocol from a folder.
//!
//! Deliberately absent: which endpoint to ask (the server decides), whether a licence is genuine
//! (`kinds::license` verifies it), whether a release may be taken now (`kinds::release` decides).

mod answer;
mod client;
mod download;
mod error;
mod fault;
mod headers;
pub mod mirror;
mod proxies;
mod target;

pub use client::{
    Client, LicenseFormat, Options, Pending, PendingQuery, PreflightReport, Reporting,
};
pub use download::{Download, ReleaseQuery};
pub use error::{RetryEnd, UpstreamError};
pub use headers::ReleaseMeta;
pub use proxies::Proxies;
