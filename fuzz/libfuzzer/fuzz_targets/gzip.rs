//! libFuzzer over `fuzz::targets::archive::gzip`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::targets::archive::gzip(data));
