//! libFuzzer over `fuzz::targets::multipart::multipart`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::targets::multipart::multipart(data));
