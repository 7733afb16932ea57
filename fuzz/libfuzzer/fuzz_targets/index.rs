//! libFuzzer over `fuzz::targets::archive::index`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::targets::archive::index(data));
