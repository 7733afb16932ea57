//! The kots.io kinds and what they mean: licences, config, channels and releases.
//!
//! Everything here is pure: no file, socket, clock or source of randomness is touched. What a rule
//! needs from the world (the time, random bytes, stored values) is handed in.

pub mod airgap;
pub mod gvk;
pub mod license;
pub mod yaml;

#[cfg(test)]
mod real_data;
