//! A frame: some consecutive entries, framed so that damage is noticed and a reader can find its way again.
//!
//! | bytes | what |
//! | --- | --- |
//! | 4 | `HRF2`, where a scan finds its footing again |
//! | 1 + 3 | encoding of the columns (0 plain, 1 zstd); zero |
//! | 4 | CRC-32 of the four bytes before it and of all that follows |
//! | 4, 4 | length of the payload; length of the columns once unpacked |
//! | 4 | entries |
//! | 8, 8 | first and last position |
//! | 8, 8 | first and last stamp |
//! | … | payload: the ids of the entries, which no compressor can shorten, then the [`columns`](super::columns) |
//!
//! Numbers are little-endian.

use headroom_model::{Seq, Timestamp};
use std::borrow::Cow;

/// What every frame begins with; the last byte is the version of the form.
pub(super) const MAGIC: [u8; 4] = *b"HRF2";
/// Bytes before the payload.
pub(super) const HEADER: usize = 56;
/// Where the bytes after the checksum begin.
const COVERED: usize = 12;
/// Bytes of an id.
pub(super) const ID: usize = 16;
/// No payload is longer, and none unpacks to more: longer claims are damage, not a reason to reserve memory.
const LONGEST: u32 = 1 << 30;

/// What a frame says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Whether the columns are packed with zstd.
    pub(super) packed: bool,
    /// Bytes after the header.
    pub(super) payload: u32,
    /// Bytes of the columns once unpacked.
    pub(super) columns: u32,
    /// How many entries there are.
    pub(super) entries: u32,
    /// The position of the first entry.
    pub(super) first: Seq,
    /// The position of the last entry.
    pub(super) last: Seq,
    /// The stamp of the first entry.
    pub(super) first_stamp: Timestamp,
    /// The stamp of the last entry.
    pub(super) last_stamp: Timestamp,
}

/// Why bytes are no frame; reads as the rest of a sentence about them.
pub(super) type Damage = Cow<'static, str>;

impl Header {
    /// Bytes of the whole frame.
    pub(super) fn frame(&self) -> usize {
        HEADER + self.payload as usize
    }
}

/// Puts a header before a payload.
pub(super) fn seal(header: &Header, ids: &[u8], columns: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + ids.len() + columns.len());
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&[u8::from(header.packed), 0, 0, 0]);
    bytes.extend_from_slice(&[0; 4]);
    for number in [header.payload, header.columns, header.entries] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    for number in [header.first.0, header.last.0] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    for stamp in [header.first_stamp.0, header.last_stamp.0] {
        bytes.extend_from_slice(&stamp.to_le_bytes());
    }
    bytes.extend_from_slice(ids);
    bytes.extend_from_slice(columns);
    let checksum = checksum(&bytes);
    bytes[COVERED - 4..COVERED].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

/// Of all but the magic, which is looked at, and itself.
fn checksum(frame: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&frame[MAGIC.len()..COVERED - 4]);
    hasher.update(&frame[COVERED..]);
    hasher.finalize()
}

/// Reads a header. It is to be believed only once [`open`] has seen the checksum.
pub(super) fn header(bytes: &[u8]) -> Result<Header, Damage> {
    let bytes: &[u8; HEADER] = bytes
        .first_chunk()
        .ok_or("is shorter than the header of a frame")?;
    if bytes[..4] != MAGIC {
        return Err("does not begin like a frame".into());
    }
    let word =
        |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    let long = |at: usize| u64::from(word(at)) | u64::from(word(at + 4)) << 32;
    let header = Header {
        packed: match bytes[4] {
            0 => false,
            1 => true,
            other => return Err(format!("has the unknown encoding {other}").into()),
        },
        payload: word(12),
        columns: word(16),
        entries: word(20),
        first: Seq(long(24)),
        last: Seq(long(32)),
        first_stamp: Timestamp(long(40).cast_signed()),
        last_stamp: Timestamp(long(48).cast_signed()),
    };
    let ids = u64::from(header.entries) * ID as u64;
    if header.payload > LONGEST || header.columns > LONGEST || ids > u64::from(header.payload) {
        return Err("claims lengths that cannot be".into());
    }
    if header.entries == 0 || header.first > header.last {
        return Err("claims entries that cannot be".into());
    }
    Ok(header)
}

/// A frame whose checksum is right.
#[derive(Debug)]
pub(super) struct Frame<'a> {
    /// What it says about itself.
    pub(super) header: Header,
    /// The ids of its entries, one after the other.
    pub(super) ids: &'a [u8],
    /// Its columns, as they are stored.
    pub(super) columns: &'a [u8],
}

/// Checks the frame at the beginning of `bytes`; more may follow it.
pub(super) fn open(bytes: &[u8]) -> Result<Frame<'_>, Damage> {
    let header = header(bytes)?;
    let bytes = bytes
        .get(..header.frame())
        .ok_or("is cut off in the middle")?;
    let told = u32::from_le_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]);
    let found = checksum(bytes);
    if told != found {
        return Err(
            format!("fails its checksum: {told:08x} is written, {found:08x} was found").into(),
        );
    }
    let (ids, columns) = bytes[HEADER..].split_at(header.entries as usize * ID);
    Ok(Frame {
        header,
        ids,
        columns,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<u8> {
        let header = Header {
            packed: false,
            payload: 32 + 5,
            columns: 5,
            entries: 2,
            first: Seq(7),
            last: Seq(8),
            first_stamp: Timestamp(-3),
            last_stamp: Timestamp(9),
        };
        seal(&header, &[9; 32], b"hello")
    }

    #[test]
    fn what_is_sealed_opens_again() {
        let mut bytes = sample();
        bytes.extend_from_slice(b"what follows is no part of it");
        let frame = open(&bytes).unwrap();
        assert_eq!(frame.header.frame(), sample().len());
        assert_eq!((frame.header.first, frame.header.last), (Seq(7), Seq(8)));
        assert_eq!(frame.header.first_stamp, Timestamp(-3));
        assert_eq!((frame.ids, frame.columns), (&[9; 32][..], &b"hello"[..]));
    }

    #[test]
    fn any_flipped_bit_and_any_cut_is_noticed() {
        let good = sample();
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[at] ^= 1 << bit;
                assert!(open(&bad).is_err(), "bit {bit} of byte {at}");
            }
            assert!(open(&good[..at]).is_err(), "cut at {at}");
        }
    }
}
