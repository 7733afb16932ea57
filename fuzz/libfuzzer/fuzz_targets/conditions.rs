//! libFuzzer over `fuzz::targets::conditions::conditions`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::targets::conditions::conditions(data));
