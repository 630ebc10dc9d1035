//! What goes over the socket.

use crate::{Accepted, Bounds, Entry, Filter, LogError, PlacedHead};
use headroom_model::{Checkpoint, Record, Seq, Service};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::io;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

/// Grows when requests or answers change, so that an old CLI beside a new `up` is told so.
pub(super) const VERSION: u16 = 1;
/// The longest frame: a state of a machine, at most some tens of megabytes. A longer claim is no frame of ours.
const LONGEST: u32 = 256 << 20;

/// What a client asks; the first and only thing it says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Asked {
    /// The version of what both ends say.
    pub(super) version: u16,
    /// The request.
    pub(super) request: Request,
}

/// What a client can ask.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Request {
    /// Add facts; answered by [`Answer::Accepted`].
    Append(Vec<Record>),
    /// Read up to the end; answered by chunks and [`Answer::End`].
    Read(Seq, Filter),
    /// Read on and on; answered by chunks.
    Follow(Seq, Filter),
    /// Read the ledger; answered by chunks and [`Answer::End`].
    Ledger(Seq, Filter),
    /// The newest head of a machine.
    Head(Service),
    /// Where the log begins and ends.
    Bounds,
    /// The newest checkpoint of a machine that is not past a position.
    Checkpoint(Service, Seq),
}

/// What the server says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Answer {
    /// Facts were taken.
    Accepted(Vec<Accepted>),
    /// Some entries.
    Chunk(Vec<WireEntry>),
    /// There are no more entries.
    End,
    /// A head, if there is one.
    Head(Option<PlacedHead>),
    /// Where the log begins and ends.
    Bounds(Bounds),
    /// A checkpoint, if there is one.
    Checkpoint(Option<Checkpoint>),
    /// It was not done.
    Failed(Failure),
}

/// An [`Entry`] that can be sent.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum WireEntry {
    /// An event.
    Event(Record),
    /// The head of a commit.
    Head(PlacedHead),
    /// Something that cannot be read.
    Damaged(Seq, Seq, String),
}

impl From<Entry> for WireEntry {
    fn from(entry: Entry) -> Self {
        match entry {
            Entry::Event(record) => Self::Event(record),
            Entry::Head(head) => Self::Head(head),
            Entry::Damaged {
                first,
                last,
                detail,
            } => Self::Damaged(first, last, detail),
        }
    }
}

impl From<WireEntry> for Entry {
    fn from(entry: WireEntry) -> Self {
        match entry {
            WireEntry::Event(record) => Self::Event(record),
            WireEntry::Head(head) => Self::Head(head),
            WireEntry::Damaged(first, last, detail) => Self::Damaged {
                first,
                last,
                detail,
            },
        }
    }
}

/// A [`LogError`] that can be sent.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Failure {
    /// [`LogError::Unavailable`].
    Unavailable(String),
    /// [`LogError::Refused`].
    Refused(String),
    /// [`LogError::Storage`].
    Storage(String),
}

impl From<LogError> for Failure {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Unavailable(why) => Self::Unavailable(why),
            LogError::Refused(why) => Self::Refused(why),
            LogError::Storage(why) => Self::Storage(why),
        }
    }
}

impl From<Failure> for LogError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Unavailable(why) => Self::Unavailable(why),
            Failure::Refused(why) => Self::Refused(why),
            Failure::Storage(why) => Self::Storage(why),
        }
    }
}

/// Sends one frame.
pub(super) async fn send<T: Serialize + Sync>(
    stream: &mut UnixStream,
    message: &T,
) -> io::Result<()> {
    let mut frame = vec![0; 4];
    rmp_serde::encode::write(&mut frame, message).map_err(io::Error::other)?;
    let length = u32::try_from(frame.len() - 4)
        .ok()
        .filter(|&length| length <= LONGEST)
        .ok_or_else(|| {
            io::Error::other(format!("{} bytes are too many for a frame", frame.len()))
        })?;
    frame[..4].copy_from_slice(&length.to_be_bytes());
    stream.write_all(&frame).await
}

/// Receives one frame; `None` when the other end has closed.
pub(super) async fn receive<T: DeserializeOwned>(stream: &mut UnixStream) -> io::Result<Option<T>> {
    let length = match stream.read_u32().await {
        Ok(length) => length,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    };
    if length > LONGEST {
        return Err(io::Error::other(format!("a frame claims {length} bytes")));
    }
    // Grown as bytes come, so that a mere claim reserves nothing.
    let mut frame = Vec::new();
    let received = stream.take(length.into()).read_to_end(&mut frame).await?;
    if received < length as usize {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    rmp_serde::from_slice(&frame)
        .map(Some)
        .map_err(io::Error::other)
}
