//! The real `kots` against our kotsadm: real processes for the client, real sockets and state folders for the server,
//! and a proxy between them that cuts, delays and strips.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod harness;
mod images;
mod proxy;

mod airgap_bundles;
mod airgap_pull;
mod airgap_update;
mod deploy;
mod embedded;
mod faults;
mod flags;
#[cfg(feature = "faults")]
mod kills;
mod license;
mod original;
mod push_kills;
mod signals;
mod wrong_input;
