//! The real `installer` over sockets, with the real `kots` and the vendor's mirror.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod api;
mod cli;
mod harness;
mod headless;
mod walks;
