//! The file that an incident is carried away in: a part of a log, exactly as the log has it, and what is needed to verify
//! and explain it anywhere without a server.
//!
//! A file is a row of parts, each with its own checksum: what it is of ([`About`], first and once more at the end),
//! what the ledger keeps of the time before, checkpoints, and the entries. So a cut or a flipped byte costs one part, which
//! is named by its positions, and the rest is still readable.

pub(crate) mod frame;
mod reader;
mod scan;
mod writer;

pub use reader::FileLog;
pub use writer::Writer;

use headroom_log::{Entry, PlacedHead};
use headroom_model::{Record, Seq, Timestamp};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The version of the form that this build writes and reads.
pub const FORMAT: u16 = 1;

/// What a file says about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The version of the file's form.
    pub format: u16,
    /// The version of Headroom that wrote it.
    pub headroom: String,
    /// The shard, or whatever else names the log that it is a part of.
    pub shard: String,
    /// The first position that was asked for. The file may begin earlier: at the checkpoints that a replay needs.
    pub asked_first: Seq,
    /// The first position.
    pub first: Seq,
    /// The last position; before `first` when the log had nothing there.
    pub last: Seq,
    /// The stamp of the first entry.
    pub first_stamp: Timestamp,
    /// The stamp of the last entry.
    pub last_stamp: Timestamp,
}

/// A part of the file that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DamagedPart {
    /// Where in the file it begins, in bytes.
    pub offset: u64,
    /// What is wrong with it.
    pub detail: String,
}

/// Why a file cannot be read or written.
#[derive(Debug, Error)]
pub enum FileError {
    /// The file system did not do something.
    #[error("cannot {doing} {path}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What it said.
        #[source]
        source: std::io::Error,
    },
    /// It was not written by `headroom log export`, or nothing of it is left.
    #[error(
        "{path} is no exported log, or its first and its last part are both damaged ({detail}); export it again from the log it came from"
    )]
    NotALog {
        /// The file.
        path: PathBuf,
        /// What was found.
        detail: String,
    },
    /// It was written by a later version.
    #[error(
        "{path} has form {found}, written by Headroom {headroom}, and this build reads form {FORMAT}; use that version or a later one"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its form.
        found: u16,
        /// Its writer.
        headroom: String,
    },
    /// A part would be larger than the form allows.
    #[error("a part of {0} bytes does not fit the file; the form allows 4 GiB")]
    TooLarge(usize),
}

impl FileError {
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io {
            doing,
            path,
            source,
        }
    }
}

/// An entry as the file has it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kept {
    Event(Record),
    Head(PlacedHead),
    Damaged {
        first: Seq,
        last: Seq,
        detail: String,
    },
}

impl From<Entry> for Kept {
    fn from(entry: Entry) -> Self {
        match entry {
            Entry::Event(record) => Self::Event(record),
            Entry::Head(head) => Self::Head(head),
            Entry::Damaged {
                first,
                last,
                detail,
            } => Self::Damaged {
                first,
                last,
                detail,
            },
        }
    }
}

impl From<Kept> for Entry {
    fn from(kept: Kept) -> Self {
        match kept {
            Kept::Event(record) => Self::Event(record),
            Kept::Head(head) => Self::Head(head),
            Kept::Damaged {
                first,
                last,
                detail,
            } => Self::Damaged {
                first,
                last,
                detail,
            },
        }
    }
}

/// The last position that an entry covers.
pub(crate) fn last_of(entry: &Entry) -> Seq {
    match entry {
        Entry::Damaged { last, .. } => *last,
        entry => entry.seq(),
    }
}
