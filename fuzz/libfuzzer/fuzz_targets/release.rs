//! libFuzzer over `fuzz::targets::archive::release`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::targets::archive::release(data));
