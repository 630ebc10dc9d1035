//! Where the log begins and ends, beside the log itself.
//!
//! When its own file is damaged, sled may quietly open without some of its values. This file gives that away: missing
//! positions are named as damage; they are neither taken for forgotten nor given a second time.

use crate::Bounds;
use headroom_model::{Seq, Timestamp};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// First and last position, the last stamp, and the CRC-32 of them.
const LENGTH: usize = 28;

/// The file, overwritten in place after each flush. It is not flushed itself: that it survives a crash of the process
/// is enough, since with the machine's power the newest values may go as well.
#[derive(Debug)]
pub(super) struct HighWater(File);

impl HighWater {
    /// Opens or makes the file and says what it holds; `None` when it is new or not to be believed.
    pub(super) fn open(path: &Path) -> io::Result<(Self, Option<Bounds>)> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        let mut bytes = [0; LENGTH];
        let known = file
            .read_exact_at(&mut bytes, 0)
            .ok()
            .and_then(|()| read(&bytes));
        Ok((Self(file), known))
    }

    /// Notes what was acknowledged, or what is about to be forgotten.
    pub(super) fn note(&self, bounds: Bounds) -> io::Result<()> {
        let mut bytes = [0; LENGTH];
        bytes[..8].copy_from_slice(&bounds.first.0.to_le_bytes());
        bytes[8..16].copy_from_slice(&bounds.last.0.to_le_bytes());
        bytes[16..24].copy_from_slice(&bounds.last_stamp.0.to_le_bytes());
        let checksum = crc32fast::hash(&bytes[..24]);
        bytes[24..].copy_from_slice(&checksum.to_le_bytes());
        self.0.write_all_at(&bytes, 0)
    }
}

fn read(bytes: &[u8; LENGTH]) -> Option<Bounds> {
    let checksum = u32::from_le_bytes(bytes[24..].try_into().ok()?);
    (crc32fast::hash(&bytes[..24]) == checksum).then_some(())?;
    Some(Bounds {
        first: Seq(u64::from_le_bytes(bytes[..8].try_into().ok()?)),
        last: Seq(u64::from_le_bytes(bytes[8..16].try_into().ok()?)),
        last_stamp: Timestamp(i64::from_le_bytes(bytes[16..24].try_into().ok()?)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_back_and_not_believed_when_damaged() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("high-water");
        let (file, known) = HighWater::open(&path).unwrap();
        assert_eq!(known, None);
        let bounds = |last: u64| Bounds {
            first: Seq(3),
            last: Seq(last),
            last_stamp: Timestamp(9),
        };
        file.note(bounds(7)).unwrap();
        file.note(bounds(8)).unwrap();
        let (_, known) = HighWater::open(&path).unwrap();
        assert_eq!(known, Some(bounds(8)));
        file.0.write_all_at(&[1], 3).unwrap();
        assert_eq!(HighWater::open(&path).unwrap().1, None);
    }
}
