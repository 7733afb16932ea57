//! libFuzzer over `fuzz::targets::installer::token`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::targets::installer::token(data));
