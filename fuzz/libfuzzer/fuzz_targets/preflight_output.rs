//! libFuzzer over `fuzz::targets::kinds::preflight_output`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::targets::kinds::preflight_output(data));
