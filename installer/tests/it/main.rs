//! The real `installer` over sockets, with the real `kots` and the vendor's mirror.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod api;
#[cfg(feature = "fixture")]
mod cases;
mod charts;
mod cli;
mod clock;
mod cluster;
mod conformance;
mod harness;
mod headless;
mod load;
mod real;
mod real_preflights;
mod telemetry;
mod terminal;
mod update;
mod walks;
mod wizard;
