//! libFuzzer over `fuzz::targets::kinds::config_values`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::targets::kinds::config_values(data));
