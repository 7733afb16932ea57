//! libFuzzer over `fuzz::targets::installer::request_body`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::targets::installer::request_body(data));
