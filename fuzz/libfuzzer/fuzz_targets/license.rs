//! libFuzzer over `fuzz::targets::kinds::license`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::targets::kinds::license(data));
