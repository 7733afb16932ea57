//! libFuzzer over `fuzz::targets::kinds::config`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::targets::kinds::config(data));
