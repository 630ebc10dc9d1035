//! A quick hash for maps that live within this process.
//!
//! Its keys are ids, which are hashes or random themselves, and names of workloads, which operators choose; SipHash would
//! cost more than all the rest of an append.

use std::hash::{BuildHasherDefault, Hasher};

/// How the maps of this log hash.
pub(super) type Fast = BuildHasherDefault<FastHasher>;

/// Multiplies and rotates, eight bytes at a time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FastHasher(u64);

impl FastHasher {
    fn word(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

impl Hasher for FastHasher {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks();
        for word in words {
            self.word(u64::from_le_bytes(*word));
        }
        let last = rest
            .iter()
            .fold(rest.len() as u64, |word, &byte| word << 8 | u64::from(byte));
        self.word(last);
    }

    fn write_u64(&mut self, number: u64) {
        self.word(number);
    }

    fn write_usize(&mut self, number: usize) {
        self.word(number as u64);
    }

    fn finish(&self) -> u64 {
        // The map looks at the highest and the lowest bits; multiplying leaves the lowest poor.
        self.0 ^ (self.0 >> 32)
    }
}
