//! What the fuzzers found interesting, once more.

use headroom_tests::fuzzed;
use std::{fs, panic::catch_unwind, path::Path};

/// Runs each input of a corpus: a line of hexadecimal digits.
fn each(corpus: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let text = fs::read_to_string(folder.join(corpus)).unwrap();
    let mut count = 0;
    for line in text.lines() {
        count += 1;
        let held = catch_unwind(|| run(&bytes(line)));
        assert!(
            held.is_ok(),
            "line {count} of {corpus}; the reason is above"
        );
    }
    assert!(count > 100, "only {count} inputs in {corpus}");
}

fn bytes(line: &str) -> Vec<u8> {
    let digit = |digit: &u8| (*digit as char).to_digit(16).expect("a hexadecimal digit");
    let byte = |pair: &[u8]| u8::try_from(digit(&pair[0]) * 16 + digit(&pair[1]));
    let pairs = line.as_bytes().chunks_exact(2);
    pairs.map(|pair| byte(pair).expect("two digits")).collect()
}

#[test]
fn policies() {
    each("policy.hex", fuzzed::policy);
}

#[test]
fn bodies() {
    each("codec.hex", fuzzed::codec);
}
