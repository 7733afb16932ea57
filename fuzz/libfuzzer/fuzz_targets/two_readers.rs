//! libFuzzer over `fuzz::targets::archive::two_readers`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::targets::archive::two_readers(data));
