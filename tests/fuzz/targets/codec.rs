#![no_main]

#[path = "../../src/fuzzed/codec.rs"]
mod fuzzed;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzed::codec(bytes));
