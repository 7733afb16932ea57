//! The real `kotsadm` over real sockets, against the real mirror.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod api;
mod bundle;
mod cluster;
mod cluster_helm;
mod cluster_informers;
mod cluster_native;
mod cluster_real;
mod cluster_site;
mod config;
mod config_command;
mod copies;
mod deploy;
mod disk;
#[cfg(feature = "faults")]
mod faults;
mod harness;
mod hostile;
mod idempotency;
mod license;
mod memory;
mod online;
mod preflight;
mod preflight_real;
mod real;
mod registry_settings;
mod render_command;
mod screens;
mod uploads;
