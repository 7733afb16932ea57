//! libFuzzer over `fuzz::targets::kinds::airgap_yaml`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::targets::kinds::airgap_yaml(data));
