//! libFuzzer over `fuzz::targets::archive::tar`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::targets::archive::tar(data));
