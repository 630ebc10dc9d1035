//! The end of the process that owns the log.

use super::wire::{Answer, Asked, Request, VERSION, receive, send};
use crate::{Entries, Log, LogError};
use futures::StreamExt as _;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thiserror::Error;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Connections served at a time, each with one request; more wait to be accepted. A CLI has one or two.
const CONNECTIONS: usize = 256;

/// Why a log cannot be served.
#[derive(Debug, Error)]
pub enum ServeError {
    /// Someone answers on that socket already.
    #[error(
        "{0} is served by another process; is `headroom up` running? Stop it, or choose another directory"
    )]
    InUse(PathBuf),
    /// There is something else in its place.
    #[error("{0} is there and no socket; move it away, or choose another directory")]
    NotASocket(PathBuf),
    /// The socket cannot be made.
    #[error("cannot listen on {path}; look after the rights and the length of the path")]
    Listen {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// Serves a log on a Unix socket of mode 0600 until `shutdown` is done; then the socket is removed and connections are
/// closed. A socket that nobody answers on any more is replaced.
///
/// # Errors
/// When the socket cannot be made, or belongs to a living process.
pub async fn serve(
    log: Arc<dyn Log>,
    path: &Path,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), ServeError> {
    let listener = listen(path).await?;
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => continue,
            accepted = accept(&listener, &room) => accepted,
        };
        match accepted {
            Ok((stream, permit)) => {
                let log = Arc::clone(&log);
                connections.spawn(async move {
                    if let Err(error) = answer(log, stream).await {
                        tracing::debug!(%error, "a client of the log's socket went away");
                    }
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the log's socket cannot accept a client");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        }
    }
    connections.shutdown().await;
    if let Err(error) = fs::remove_file(path) {
        tracing::warn!(path = %path.display(), %error, "the log's socket cannot be removed");
    }
    Ok(())
}

async fn accept(
    listener: &UnixListener,
    room: &Arc<Semaphore>,
) -> io::Result<(UnixStream, tokio::sync::OwnedSemaphorePermit)> {
    let permit = Arc::clone(room)
        .acquire_owned()
        .await
        .map_err(io::Error::other)?;
    Ok((listener.accept().await?.0, permit))
}

/// Makes the socket under another name, so that at no moment others may connect, and moves it into place.
async fn listen(path: &Path) -> Result<UnixListener, ServeError> {
    match fs::symlink_metadata(path) {
        Ok(found) if !std::os::unix::fs::FileTypeExt::is_socket(&found.file_type()) => {
            return Err(ServeError::NotASocket(path.into()));
        }
        Ok(_) if UnixStream::connect(path).await.is_ok() => {
            return Err(ServeError::InUse(path.into()));
        }
        Ok(_) | Err(_) => {}
    }
    let failed = |source| ServeError::Listen {
        path: path.into(),
        source,
    };
    let unfinished = path.with_extension(format!("{}", std::process::id()));
    let _ = fs::remove_file(&unfinished);
    let listener = UnixListener::bind(&unfinished).map_err(failed)?;
    fs::set_permissions(&unfinished, fs::Permissions::from_mode(0o600)).map_err(failed)?;
    fs::rename(&unfinished, path).map_err(failed)?;
    Ok(listener)
}

async fn answer(log: Arc<dyn Log>, mut stream: UnixStream) -> io::Result<()> {
    let Some(asked) = receive::<Asked>(&mut stream).await? else {
        return Ok(());
    };
    if asked.version != VERSION {
        let why = format!(
            "the log's socket speaks version {VERSION}, and this program version {}; use the same headroom for both",
            asked.version
        );
        return send(&mut stream, &Answer::Failed(LogError::Refused(why).into())).await;
    }
    match asked.request {
        Request::Read(from, filter) => entries(log.read(from, filter).await, &mut stream).await,
        Request::Follow(from, filter) => entries(log.follow(from, filter).await, &mut stream).await,
        Request::Ledger(from, filter) => entries(log.ledger(from, filter).await, &mut stream).await,
        request => {
            let answer = at_once(&*log, request).await;
            send(
                &mut stream,
                &answer.unwrap_or_else(|error| Answer::Failed(error.into())),
            )
            .await
        }
    }
}

async fn at_once(log: &dyn Log, request: Request) -> Result<Answer, LogError> {
    Ok(match request {
        Request::Append(facts) => Answer::Accepted(log.append(facts).await?),
        Request::Head(service) => Answer::Head(log.head(service).await?),
        Request::Bounds => Answer::Bounds(log.bounds().await?),
        Request::Checkpoint(service, not_after) => {
            Answer::Checkpoint(log.checkpoint(service, not_after).await?)
        }
        Request::Read(..) | Request::Follow(..) | Request::Ledger(..) => Answer::End,
    })
}

/// Sends what a stream has, for as long as the client listens. Nothing is read ahead of what the socket takes.
async fn entries(entries: Result<Entries, LogError>, stream: &mut UnixStream) -> io::Result<()> {
    let mut entries = match entries {
        Ok(entries) => entries,
        Err(error) => return send(stream, &Answer::Failed(error.into())).await,
    };
    loop {
        let next = tokio::select! {
            next = entries.next() => next,
            () = gone(stream) => return Ok(()),
        };
        let answer = match next {
            Some(Ok(chunk)) => Answer::Chunk(chunk.into_iter().map(Into::into).collect()),
            Some(Err(error)) => Answer::Failed(error.into()),
            None => Answer::End,
        };
        send(stream, &answer).await?;
        if !matches!(answer, Answer::Chunk(_)) {
            return Ok(());
        }
    }
}

/// Ends when the client has closed its end, or says something, which it has no reason to.
async fn gone(stream: &UnixStream) {
    while stream.readable().await.is_ok() {
        // What `readable` tells may be left over from the request; only reading shows.
        match stream.try_read(&mut [0]) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Ok(_) | Err(_) => return,
        }
    }
}
