//! A part of a file.
//!
//! | bytes | what |
//! | --- | --- |
//! | 4 | `HRX1`, where a scan finds its footing again |
//! | 4 | CRC-32 of all that follows |
//! | 1 + 3 | what it holds; zero |
//! | 4, 4 | length of the payload; its length once unpacked |
//! | 8, 8 | first and last position |
//! | … | payload: MessagePack with named fields, packed with zstd |
//!
//! Numbers are little-endian.

use super::FileError;
use serde::{Serialize, de::DeserializeOwned};

/// What every part begins with.
pub(crate) const MAGIC: [u8; 4] = *b"HRX1";
/// Bytes before the payload.
pub(crate) const HEADER: usize = 36;
/// Where the bytes begin that the checksum covers.
const COVERED: usize = 8;
/// zstd: an export is written once, and this still packs faster than a disk writes.
const LEVEL: i32 = 3;

/// What a part holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// An [`About`](super::About).
    About,
    /// Entries, in order.
    Entries,
    /// One checkpoint; both positions are where it was taken.
    Checkpoint,
    /// Entries from before the first position that the ledger kept.
    Ledger,
    /// The last part: the [`About`](super::About) once more.
    End,
}

impl What {
    const ALL: [(Self, u8); 5] = [
        (Self::About, 1),
        (Self::Entries, 2),
        (Self::Checkpoint, 3),
        (Self::Ledger, 4),
        (Self::End, 5),
    ];

    fn code(self) -> u8 {
        let of_self = Self::ALL.iter().find(|(what, _)| *what == self);
        of_self.expect("every variant is in the table").1
    }

    fn of(code: u8) -> Option<Self> {
        let found = Self::ALL.iter().find(|(_, known)| *known == code);
        found.map(|(what, _)| *what)
    }
}

/// What a part says about itself; to be believed once [`check`] has seen the checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) checksum: u32,
    pub(crate) what: Option<What>,
    pub(crate) packed: u32,
    pub(crate) unpacked: u32,
    pub(crate) first: u64,
    pub(crate) last: u64,
}

impl Header {
    /// Reads a header; `None` when the bytes do not begin like a part.
    pub(crate) fn read(bytes: &[u8; HEADER]) -> Option<Self> {
        let word = |at: usize| u32::from_le_bytes([0, 1, 2, 3].map(|i| bytes[at + i]));
        let long = |at: usize| u64::from(word(at)) | u64::from(word(at + 4)) << 32;
        (bytes[..4] == MAGIC).then(|| Self {
            checksum: word(4),
            what: What::of(bytes[8]),
            packed: word(12),
            unpacked: word(16),
            first: long(20),
            last: long(28),
        })
    }
}

/// Packs a value into a part.
pub(crate) fn seal(
    what: What,
    (first, last): (u64, u64),
    value: &impl Serialize,
) -> Result<Vec<u8>, FileError> {
    let plain = rmp_serde::to_vec_named(value)
        .expect("parts hold only what MessagePack can encode: entries, checkpoints, an about");
    let packed =
        zstd::bulk::compress(&plain, LEVEL).expect("packing in memory fails only without memory");
    let length =
        |bytes: &[u8]| u32::try_from(bytes.len()).map_err(|_| FileError::TooLarge(bytes.len()));
    let mut bytes = Vec::with_capacity(HEADER + packed.len());
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&[what.code(), 0, 0, 0]);
    bytes.extend_from_slice(&length(&packed)?.to_le_bytes());
    bytes.extend_from_slice(&length(&plain)?.to_le_bytes());
    bytes.extend_from_slice(&first.to_le_bytes());
    bytes.extend_from_slice(&last.to_le_bytes());
    bytes.extend_from_slice(&packed);
    let checksum = crc32fast::hash(&bytes[COVERED..]);
    bytes[4..COVERED].copy_from_slice(&checksum.to_le_bytes());
    Ok(bytes)
}

/// Whether the checksum of a whole part is right.
pub(crate) fn check(header: &Header, head: &[u8; HEADER], payload: &[u8]) -> bool {
    let mut checksum = crc32fast::Hasher::new();
    checksum.update(&head[COVERED..]);
    checksum.update(payload);
    checksum.finalize() == header.checksum
}

/// Unpacks the payload of a part whose checksum is right.
pub(crate) fn open<T: DeserializeOwned>(unpacked: u32, payload: &[u8]) -> Result<T, String> {
    let plain = zstd::bulk::decompress(payload, unpacked as usize)
        .map_err(|error| format!("cannot be unpacked: {error}"))?;
    rmp_serde::from_slice(&plain).map_err(|error| format!("cannot be decoded: {error}"))
}
