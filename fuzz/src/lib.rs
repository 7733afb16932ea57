//! What reads hostile bytes, one function each.
//!
//! [`TARGETS`] is the list; the test of this crate and the programs in `libfuzzer/` both run it. A target panics when
//! something is wrong, and otherwise returns whatever it is given.

pub mod mutate;
pub mod seeds;
pub mod targets;

/// A named target with the inputs that mutations start from.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, also of the program in `libfuzzer/`.
    pub name: &'static str,
    /// What is run.
    pub run: fn(&[u8]),
    /// Good inputs, and bad ones that were once a fault.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All targets.
pub const TARGETS: &[Target] = &[
    Target { name: "gzip", run: targets::archive::gzip, seeds: seeds::archives },
    Target { name: "tar", run: targets::archive::tar, seeds: seeds::tars },
    Target { name: "release", run: targets::archive::release, seeds: seeds::archives },
    Target { name: "bundle", run: targets::archive::bundle, seeds: seeds::bundles },
    Target { name: "index", run: targets::archive::index, seeds: seeds::image_bundles },
    Target { name: "two_readers", run: targets::archive::two_readers, seeds: seeds::tars },
    Target { name: "airgap_yaml", run: targets::kinds::airgap_yaml, seeds: seeds::airgap_yaml },
    Target { name: "license", run: targets::kinds::license, seeds: seeds::licenses },
    Target { name: "config", run: targets::kinds::config, seeds: seeds::configs },
    Target {
        name: "config_values",
        run: targets::kinds::config_values,
        seeds: seeds::config_values,
    },
    Target { name: "conditions", run: targets::conditions::conditions, seeds: seeds::conditions },
    Target { name: "request_body", run: targets::installer::request_body, seeds: seeds::bodies },
    Target { name: "kots_lines", run: targets::installer::kots_lines, seeds: seeds::kots_lines },
    Target { name: "token", run: targets::installer::token, seeds: seeds::tokens },
    Target {
        name: "preflight_output",
        run: targets::kinds::preflight_output,
        seeds: seeds::preflight_outputs,
    },
    Target { name: "multipart", run: targets::multipart::multipart, seeds: seeds::multiparts },
];
