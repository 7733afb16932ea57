//! `kots`: the client that carries one application upgrade from start to proven end.
//!
//! * [`cli`] reads the command line; only it knows flags.
//! * [`deploy`] plans one upgrade and carries it out in steps; [`install`] does the same for a first version.
//! * [`bundle`] inspects, verifies and makes air-gap bundles.
//! * [`reach`] finds the way to the admin console, [`client`] speaks to it over a [`transport`], and [`fault`] tells
//!   what its answers mean.
//! * [`license`] tells whether a licence holds.
//! * [`registry`](mod@registry) settles where images go and pushes them.
//! * [`output`] is what a person or a program sees of it.

pub mod airgap_update;
pub mod bundle;
pub mod cli;
pub mod client;
pub mod cluster;
pub mod deploy;
pub mod embedded;
pub mod fault;
pub mod get;
pub mod install;
pub mod license;
pub mod output;
pub mod push_images;
pub mod reach;
pub mod registry;
pub mod signals;
pub mod transport;
pub mod tunnel;
