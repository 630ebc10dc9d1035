//! Sealed blocks: frames one after the other in plain files, each named by the position of its first entry.
//!
//! They are not values of sled: sled rewrites neighbours together, so that the same blocks take 1.4 to 2.5 times the
//! space there, and after a crash it reads again all that was written since it was opened.

use super::frame::{self, Header, MAGIC};
use headroom_model::Seq;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

const EXTENSION: &str = "blocks";
/// A file that is longer than this gets a successor. Retention removes whole files: at 1,000 observations a second one
/// lasts 40 minutes.
const LONGEST: u64 = 64 << 20;
/// Files that readers have open at most.
const OPEN: usize = 16;

/// Where a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    /// The file, by the position of its first entry.
    pub(super) file: Seq,
    /// Where in the file it begins.
    pub(super) offset: u64,
    /// Its bytes.
    pub(super) length: u64,
}

/// The files, for reading.
#[derive(Debug)]
pub(super) struct Files {
    dir: PathBuf,
    open: Mutex<BTreeMap<Seq, Arc<File>>>,
}

impl Files {
    /// Makes the directory unless it is there.
    pub(super) fn open(dir: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&dir)?;
        Ok(Self {
            dir,
            open: Mutex::default(),
        })
    }

    fn path(&self, file: Seq) -> PathBuf {
        self.dir.join(format!("{:020}.{EXTENSION}", file.0))
    }

    /// Every file, in order.
    pub(super) fn list(&self) -> io::Result<Vec<Seq>> {
        let mut files = Vec::new();
        for file in fs::read_dir(&self.dir)? {
            files.extend(parse(&file?.path()));
        }
        files.sort_unstable();
        Ok(files)
    }

    fn file(&self, file: Seq) -> io::Result<Arc<File>> {
        let mut open = self
            .open
            .lock()
            .expect("no holder of this lock runs code that can panic");
        if let Some(file) = open.get(&file) {
            return Ok(Arc::clone(file));
        }
        if open.len() >= OPEN {
            open.pop_first();
        }
        let opened = Arc::new(File::open(self.path(file))?);
        open.insert(file, Arc::clone(&opened));
        Ok(opened)
    }

    /// The bytes of a block.
    pub(super) fn read(&self, place: Place) -> io::Result<Vec<u8>> {
        let length = usize::try_from(place.length).map_err(io::Error::other)?;
        let mut bytes = vec![0; length];
        self.file(place.file)?
            .read_exact_at(&mut bytes, place.offset)?;
        Ok(bytes)
    }

    /// All of a file from `offset` on.
    pub(super) fn read_from(&self, file: Seq, offset: u64) -> io::Result<Vec<u8>> {
        let handle = self.file(file)?;
        let length = handle.metadata()?.len().saturating_sub(offset);
        self.read(Place {
            file,
            offset,
            length,
        })
    }

    /// Removes a file.
    pub(super) fn remove(&self, file: Seq) -> io::Result<()> {
        self.open
            .lock()
            .expect("no holder of this lock runs code that can panic")
            .remove(&file);
        fs::remove_file(self.path(file))
    }
}

fn parse(path: &Path) -> Option<Seq> {
    let name = path.file_name()?.to_str()?;
    let first = name.strip_suffix(EXTENSION)?.strip_suffix('.')?;
    first.parse().ok().map(Seq)
}

/// A frame that was found in a row of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Where it begins.
    pub(super) offset: usize,
    /// What it says about itself.
    pub(super) header: Header,
}

/// Every whole frame in a row of bytes; damage between them is passed by.
pub(super) fn scan(bytes: &[u8]) -> Vec<Found> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if let Ok(frame) = frame::open(&bytes[at..]) {
            found.push(Found {
                offset: at,
                header: frame.header,
            });
            at += frame.header.frame();
            continue;
        }
        let next = bytes[at + 1..]
            .windows(MAGIC.len())
            .position(|window| window == MAGIC);
        let Some(next) = next else { break };
        at += 1 + next;
    }
    found
}

/// The end of the newest file, for writing.
#[derive(Debug)]
pub(super) struct Writer {
    dir: PathBuf,
    current: Option<(Seq, File)>,
    end: u64,
}

impl Writer {
    /// Goes on at `end` of `file`; what lies behind it was never acknowledged and is cut off.
    pub(super) fn resume(files: &Files, newest: Option<(Seq, u64)>) -> io::Result<Self> {
        let mut writer = Self {
            dir: files.dir.clone(),
            current: None,
            end: LONGEST,
        };
        if let Some((name, end)) = newest {
            let file = OpenOptions::new().write(true).open(files.path(name))?;
            if file.metadata()?.len() > end {
                file.set_len(end)?;
            }
            (writer.current, writer.end) = (Some((name, file)), end);
        }
        Ok(writer)
    }

    /// Adds frames and flushes them, power cuts included. `first` is the position of the first entry.
    pub(super) fn append(&mut self, first: Seq, frames: &[Vec<u8>]) -> io::Result<Vec<Place>> {
        if self.end >= LONGEST {
            self.begin_file(first)?;
        }
        let (name, file) = self
            .current
            .as_ref()
            .expect("without a file the end is beyond the longest, so one was begun");
        let mut places = Vec::with_capacity(frames.len());
        let mut offset = self.end;
        for frame in frames {
            file.write_all_at(frame, offset)?;
            let length = frame.len() as u64;
            places.push(Place {
                file: *name,
                offset,
                length,
            });
            offset += length;
        }
        file.sync_data()?;
        self.end = offset;
        Ok(places)
    }

    fn begin_file(&mut self, first: Seq) -> io::Result<()> {
        let path = self.dir.join(format!("{:020}.{EXTENSION}", first.0));
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open(path)?;
        File::open(&self.dir)?.sync_all()?;
        (self.current, self.end) = (Some((first, file)), 0);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedded::{columns, testing};

    fn frame(first: u64) -> Vec<u8> {
        let entries: Vec<_> = (first..first + 10)
            .map(|seq| testing::observed(seq, "web"))
            .collect();
        columns::encode(&entries, true)
    }

    #[test]
    fn damage_between_frames_is_passed_by_and_a_torn_end_is_no_frame() {
        let mut bytes: Vec<u8> = [1, 11, 21, 31]
            .iter()
            .flat_map(|&first| frame(first))
            .collect();
        let second = frame(1).len();
        bytes[second + 70] ^= 1;
        bytes.truncate(bytes.len() - 1);
        let firsts: Vec<_> = scan(&bytes)
            .iter()
            .map(|found| found.header.first.0)
            .collect();
        assert_eq!(firsts, [1, 21]);
    }

    #[test]
    fn what_was_written_is_found_again_and_a_torn_end_is_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::open(dir.path().into()).unwrap();
        let mut writer = Writer::resume(&files, None).unwrap();
        let places = writer.append(Seq(1), &[frame(1), frame(11)]).unwrap();
        writer.append(Seq(21), &[frame(21)]).unwrap();
        let end = places[1].offset + places[1].length;
        let mut writer = Writer::resume(&files, Some((Seq(1), end))).unwrap();
        writer.append(Seq(21), &[frame(31)]).unwrap();
        assert_eq!(files.list().unwrap(), [Seq(1)]);
        assert_eq!(files.read(places[1]).unwrap(), frame(11));
        let firsts: Vec<_> = scan(&files.read_from(Seq(1), 0).unwrap())
            .iter()
            .map(|found| found.header.first.0)
            .collect();
        assert_eq!(firsts, [1, 11, 31]);
    }
}
