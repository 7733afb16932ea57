//! The kots.io kinds and what they mean: licences, config, channels and releases.
//!
//! Everything here is pure: no file, socket or clock is touched. What a rule needs from the world
//! (the time, stored values) is handed in.

pub mod airgap;
pub mod application;
pub mod cipher;
pub mod config;
pub mod context;
pub mod gvk;
pub mod helm_chart;
pub mod installation;
pub mod license;
pub mod multitype;
pub mod preflight;
pub mod release;
pub mod yaml;

#[cfg(test)]
mod golden;
#[cfg(test)]
mod real_data;
