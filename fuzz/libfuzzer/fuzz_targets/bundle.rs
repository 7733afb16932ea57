//! libFuzzer over `fuzz::targets::archive::bundle`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::targets::archive::bundle(data));
