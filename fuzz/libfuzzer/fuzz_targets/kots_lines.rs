//! libFuzzer over `fuzz::targets::installer::kots_lines`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::targets::installer::kots_lines(data));
