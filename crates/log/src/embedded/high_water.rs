//! The highest position that was ever acknowledged, beside the log itself.
//!
//! When its own file is damaged, sled may quietly open without its newest values. This file gives that away: the
//! missing positions are named as damage instead of being given a second time.

use headroom_model::{Seq, Timestamp};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// Position, stamp, and the CRC-32 of both.
const LENGTH: usize = 20;

/// The file, overwritten in place after each flush. It is not flushed itself: that it survives a crash of the process
/// is enough, since with the machine's power the newest values may go as well.
#[derive(Debug)]
pub(super) struct HighWater(File);

impl HighWater {
    /// Opens or makes the file and says what it holds; `None` when it is new or not to be believed.
    pub(super) fn open(path: &Path) -> io::Result<(Self, Option<(Seq, Timestamp)>)> {
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

    /// Notes what was acknowledged.
    pub(super) fn raise(&self, last: Seq, stamp: Timestamp) -> io::Result<()> {
        let mut bytes = [0; LENGTH];
        bytes[..8].copy_from_slice(&last.0.to_le_bytes());
        bytes[8..16].copy_from_slice(&stamp.0.to_le_bytes());
        let checksum = crc32fast::hash(&bytes[..16]);
        bytes[16..].copy_from_slice(&checksum.to_le_bytes());
        self.0.write_all_at(&bytes, 0)
    }
}

fn read(bytes: &[u8; LENGTH]) -> Option<(Seq, Timestamp)> {
    let checksum = u32::from_le_bytes(bytes[16..].try_into().ok()?);
    (crc32fast::hash(&bytes[..16]) == checksum).then_some(())?;
    let last = u64::from_le_bytes(bytes[..8].try_into().ok()?);
    let stamp = i64::from_le_bytes(bytes[8..16].try_into().ok()?);
    Some((Seq(last), Timestamp(stamp)))
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
        file.raise(Seq(7), Timestamp(9)).unwrap();
        file.raise(Seq(8), Timestamp(10)).unwrap();
        let (_, known) = HighWater::open(&path).unwrap();
        assert_eq!(known, Some((Seq(8), Timestamp(10))));
        file.0.write_all_at(&[1], 3).unwrap();
        assert_eq!(HighWater::open(&path).unwrap().1, None);
    }
}
