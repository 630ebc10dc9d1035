//! The sender's side of a push over NATS.

use super::{Push, PushValue, nats::subject_of, request, request::Reply};
use async_nats::{Client, Request, client::RequestErrorKind};
use headroom_log::Accepted;
use headroom_model::{Seq, WorkloadId};
use std::time::Duration;
use thiserror::Error;

/// How long an answer is waited for: somewhat longer than a collector waits for the log, so that it is the collector who
/// says that the log did not answer.
const PATIENCE: Duration = Duration::from_secs(8);

/// A push over NATS that nobody is known to have taken.
#[derive(Debug, Error)]
pub enum SendError {
    /// Not a number, or an infinity: JSON has none.
    #[error("{0} is no finite number, and only those can be pushed over NATS")]
    NotFinite(f64),
    /// More than a collector reads.
    #[error(
        "the push has {0} bytes, and collectors take at most {most}; shorten the names of its replicas, or give one value for \
         the whole workload",
        most = request::LARGEST
    )]
    TooLarge(usize),
    /// Nobody listens on the subject, as far as this login can reach.
    #[error(
        "no collector takes pushes on {0}: none is running on this log, or this login may not reach it; \
         see deploy/nats for the account of those who push"
    )]
    Nobody(String),
    /// No answer in time. It may have been taken.
    #[error(
        "no answer from a collector on {0} in {secs} s; if this login may publish there, send the reading again",
        secs = PATIENCE.as_secs()
    )]
    TimedOut(String),
    /// The collector did not take it, and says why.
    #[error("{0}")]
    Refused(String),
    /// The connection failed, or the answer was no answer.
    #[error("no answer that can be read came from {subject}: {detail}")]
    Unclear {
        /// Where the push went.
        subject: String,
        /// What is wrong.
        detail: String,
    },
}

/// Sends one reading to the collectors of a shard, and waits until one of them has it in the log.
///
/// # Errors
/// When it was not taken, or nobody said so.
pub async fn send(
    client: &Client,
    shard: &str,
    workload: &WorkloadId,
    push: &Push,
) -> Result<Accepted, SendError> {
    if let PushValue::Total(value) = push.value
        && !value.is_finite()
    {
        return Err(SendError::NotFinite(value));
    }
    let body = request::write(push);
    if body.len() > request::LARGEST {
        return Err(SendError::TooLarge(body.len()));
    }
    let subject = subject_of(shard, workload);
    let request = Request::new().payload(body.into()).timeout(Some(PATIENCE));
    let unclear = |detail: String| SendError::Unclear {
        subject: subject.clone(),
        detail,
    };
    let answer = client
        .send_request(subject.clone(), request)
        .await
        .map_err(|error| match error.kind() {
            RequestErrorKind::NoResponders => SendError::Nobody(subject.clone()),
            RequestErrorKind::TimedOut => SendError::TimedOut(subject.clone()),
            _ => unclear(error.to_string()),
        })?;
    match serde_json::from_slice(&answer.payload).map_err(|error| unclear(error.to_string()))? {
        Reply::Taken { seq, duplicate } => Ok(Accepted {
            seq: Seq(seq),
            duplicate,
        }),
        Reply::Refused { error } => Err(SendError::Refused(error)),
    }
}
