//! The end of everyone else.

use super::wire::{Answer, Asked, Request, VERSION, receive, send};
use crate::{
    Accepted, Bounds, Commit, CommitError, Committed, Entries, Entry, Filter, Log, LogError,
    PlacedHead,
};
use async_trait::async_trait;
use futures::StreamExt as _;
use headroom_model::{Checkpoint, Record, Seq, Service};
use std::io;
use std::path::{Path, PathBuf};
use tokio::net::UnixStream;

/// A log that another process owns and serves.
#[derive(Clone, Debug)]
pub struct SocketLog {
    path: PathBuf,
}

impl SocketLog {
    /// A client of the socket at `path`. It connects with the first request, and anew with each.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self { path: path.into() }
    }

    fn unavailable(&self, error: &io::Error) -> LogError {
        let mend = match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                "; is `headroom up` running?"
            }
            io::ErrorKind::PermissionDenied => "; only the user who runs `headroom up` may use it",
            _ => "",
        };
        LogError::Unavailable(format!("{}: {error}{mend}", self.path.display()))
    }

    async fn ask(&self, request: Request) -> Result<UnixStream, LogError> {
        let asked = Asked {
            version: VERSION,
            request,
        };
        let sent = async {
            let mut stream = UnixStream::connect(&self.path).await?;
            send(&mut stream, &asked).await?;
            Ok(stream)
        };
        sent.await
            .map_err(|error: io::Error| self.unavailable(&error))
    }

    async fn answer(&self, stream: &mut UnixStream) -> Result<Answer, LogError> {
        match receive(stream).await {
            Ok(Some(Answer::Failed(failure))) => Err(failure.into()),
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => Err(self.unavailable(&io::Error::other("the other end has closed"))),
            Err(error) => Err(self.unavailable(&error)),
        }
    }

    /// Asks, and takes out of the answer what was asked for.
    async fn get<T>(
        &self,
        request: Request,
        expected: impl FnOnce(Answer) -> Option<T>,
    ) -> Result<T, LogError> {
        let mut stream = self.ask(request).await?;
        let answer = self.answer(&mut stream).await?;
        expected(answer).ok_or_else(|| self.nonsense())
    }

    fn nonsense(&self) -> LogError {
        self.unavailable(&io::Error::other("the answer is none to what was asked"))
    }

    async fn entries(&self, request: Request) -> Result<Entries, LogError> {
        let stream = self.ask(request).await?;
        let reading = Some((self.clone(), stream));
        Ok(futures::stream::unfold(reading, |reading| async {
            let (log, mut stream) = reading?;
            let chunk: Vec<Entry> = match log.answer(&mut stream).await {
                Ok(Answer::Chunk(chunk)) => chunk.into_iter().map(Into::into).collect(),
                Ok(Answer::End) => return None,
                Ok(_) => return Some((Err(log.nonsense()), None)),
                Err(error) => return Some((Err(error), None)),
            };
            Some((Ok(chunk), Some((log, stream))))
        })
        .boxed())
    }
}

fn not_the_owner(what: &str) -> LogError {
    LogError::Refused(format!(
        "only the process that owns the log {what}; this one has it by its socket"
    ))
}

#[async_trait]
impl Log for SocketLog {
    async fn append(&self, facts: Vec<Record>) -> Result<Vec<Accepted>, LogError> {
        self.get(Request::Append(facts), |answer| match answer {
            Answer::Accepted(accepted) => Some(accepted),
            _ => None,
        })
        .await
    }

    async fn commit(&self, _: Commit) -> Result<Committed, CommitError> {
        Err(not_the_owner("commits").into())
    }

    async fn reachable(&self) -> Result<(), LogError> {
        self.bounds().await.map(drop)
    }

    async fn head(&self, service: Service) -> Result<Option<PlacedHead>, LogError> {
        self.get(Request::Head(service), |answer| match answer {
            Answer::Head(head) => Some(head),
            _ => None,
        })
        .await
    }

    async fn read(&self, from: Seq, filter: Filter) -> Result<Entries, LogError> {
        self.entries(Request::Read(from, filter)).await
    }

    async fn follow(&self, from: Seq, filter: Filter) -> Result<Entries, LogError> {
        self.entries(Request::Follow(from, filter)).await
    }

    async fn bounds(&self) -> Result<Bounds, LogError> {
        self.get(Request::Bounds, |answer| match answer {
            Answer::Bounds(bounds) => Some(bounds),
            _ => None,
        })
        .await
    }

    async fn save_checkpoint(&self, _: Checkpoint) -> Result<(), LogError> {
        Err(not_the_owner("keeps checkpoints"))
    }

    async fn checkpoint(
        &self,
        service: Service,
        not_after: Seq,
    ) -> Result<Option<Checkpoint>, LogError> {
        self.get(
            Request::Checkpoint(service, not_after),
            |answer| match answer {
                Answer::Checkpoint(checkpoint) => Some(checkpoint),
                _ => None,
            },
        )
        .await
    }

    async fn ledger(&self, from: Seq, filter: Filter) -> Result<Entries, LogError> {
        self.entries(Request::Ledger(from, filter)).await
    }
}
