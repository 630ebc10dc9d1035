#![no_main]

#[path = "../../src/fuzzed/policy.rs"]
mod fuzzed;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzed::policy(bytes));
