//! Requests to the JetStream API, and what their errors mean for a log.

use crate::LogError;
use async_nats::{
    Client, Request,
    client::{RequestError, RequestErrorKind},
    connection::State,
    jetstream::ErrorCode,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{fmt, time::Duration};

/// Another message of the subject came first. The second is what a cluster says while the first is still on its way.
pub(super) const CONFLICTS: [ErrorCode; 2] = [
    ErrorCode::STREAM_WRONG_LAST_SEQUENCE,
    ErrorCode::STREAM_WRONG_LAST_SEQUENCE_CONSTANT,
];

/// Errors that pass: a batch that lost a message on the way or found too many others in flight, an id that another
/// writer is just storing, a cluster that is choosing a leader, a server that is just starting or stopping, or has more to
/// store than it can at the moment.
const PASSING: [ErrorCode; 6] = [
    ErrorCode::ATOMIC_PUBLISH_INCOMPLETE_BATCH,
    ErrorCode::ATOMIC_PUBLISH_TOO_MANY_INFLIGHT,
    ErrorCode::STREAM_DUPLICATE_MESSAGE_CONFLICT,
    ErrorCode::CLUSTER_NOT_AVAILABLE,
    ErrorCode::CLUSTER_NOT_LEADER,
    ErrorCode::JETSTREAM_NOT_ENABLED,
];

/// What it means when nobody receives a message of ours.
pub(super) const NOBODY: &str =
    "no NATS server answers for the stream; it may be choosing a leader";

/// Errors for want of room.
const STORAGE: [ErrorCode; 5] = [
    ErrorCode::ACCOUNT_RESOURCES_EXCEEDED,
    ErrorCode::INSUFFICIENT_RESOURCES,
    ErrorCode::MEMORY_RESOURCES_EXCEEDED,
    ErrorCode::STORAGE_RESOURCES_EXCEEDED,
    ErrorCode::STREAM_STORE_FAILED,
];

/// An error as JetStream says it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct ServerError {
    #[serde(default)]
    pub(super) code: u16,
    #[serde(default)]
    pub(super) err_code: ErrorCode,
    #[serde(default)]
    pub(super) description: String,
}

impl From<&async_nats::jetstream::Error> for ServerError {
    fn from(error: &async_nats::jetstream::Error) -> Self {
        Self {
            code: u16::try_from(error.code()).unwrap_or(u16::MAX),
            err_code: error.error_code(),
            description: error.to_string(),
        }
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (NATS error {})", self.description, self.err_code.0)
    }
}

/// Why a request gave nothing.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server refused it.
    Server(ServerError),
    /// It certainly had no effect: nobody was there to receive it.
    Unreached(String),
    /// Whether it had an effect is not known.
    Unanswered(String),
    /// It can never be sent as it is.
    Impossible(String),
}

impl From<Failure> for LogError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Server(error) if passes(&error) => Self::Unavailable(error.to_string()),
            Failure::Server(error) if is_storage(&error) => Self::Storage(error.to_string()),
            Failure::Server(error) => Self::Refused(format!("NATS refused: {error}")),
            Failure::Unreached(detail) | Failure::Unanswered(detail) => Self::Unavailable(detail),
            Failure::Impossible(detail) => Self::Refused(detail),
        }
    }
}

/// Whether waiting may help.
pub(super) fn passes(error: &ServerError) -> bool {
    PASSING.contains(&error.err_code)
        || error.code == 429
        || (error.code == 503 && !is_storage(error))
}

fn is_storage(error: &ServerError) -> bool {
    STORAGE.contains(&error.err_code)
}

impl Failure {
    /// What a failed request means. Only "no responders" proves that nobody received it.
    pub(super) fn from_request(error: &RequestError) -> Self {
        match error.kind() {
            RequestErrorKind::NoResponders => Self::Unreached(NOBODY.to_owned()),
            RequestErrorKind::TimedOut => {
                Self::Unanswered("NATS did not answer in time".to_owned())
            }
            RequestErrorKind::InvalidSubject | RequestErrorKind::MaxPayloadExceeded => {
                Self::Impossible(chain(error))
            }
            RequestErrorKind::Other => Self::Unanswered(chain(error)),
        }
    }
}

/// An error with its causes, in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

/// What an answer to something sent to `subject` says.
pub(super) fn read<T: DeserializeOwned>(subject: &str, answer: &[u8]) -> Result<T, Failure> {
    let strange = |error: serde_json::Error| Failure::Unanswered(format!("{subject}: {error}"));
    let refusal: Refusal = serde_json::from_slice(answer).map_err(strange)?;
    match refusal.error {
        Some(error) => Err(Failure::Server(error)),
        None => serde_json::from_slice(answer).map_err(strange),
    }
}

/// A connection with the JetStream API behind it.
#[derive(Clone, Debug)]
pub(super) struct Api {
    pub(super) client: Client,
    pub(super) timeout: Duration,
}

#[derive(Deserialize)]
struct Refusal {
    error: Option<ServerError>,
}

impl Api {
    /// Asks an endpoint such as `STREAM.INFO.S`.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        endpoint: &str,
        question: &impl Serialize,
    ) -> Result<T, Failure> {
        let question = serde_json::to_vec(question)
            .map_err(|error| Failure::Impossible(format!("{endpoint}: {error}")))?;
        let request = Request::new().payload(question.into());
        self.send(format!("$JS.API.{endpoint}"), request).await
    }

    /// Sends any request and reads the JSON answer.
    pub(super) async fn send<T: DeserializeOwned>(
        &self,
        subject: String,
        request: Request,
    ) -> Result<T, Failure> {
        self.reachable()?;
        let answer = self
            .client
            .send_request(subject.clone(), request.timeout(Some(self.timeout)))
            .await
            .map_err(|error| match Failure::from_request(&error) {
                Failure::Unanswered(detail) => Failure::Unanswered(format!("{subject}: {detail}")),
                other => other,
            })?;
        read(&subject, &answer.payload)
    }

    /// Refuses while there is no connection: what is sent then would lie in the client and come out at any later time.
    pub(super) fn reachable(&self) -> Result<(), Failure> {
        match self.client.connection_state() {
            State::Connected => Ok(()),
            State::Pending | State::Disconnected => Err(Failure::Unreached(
                "there is no connection to NATS; it is being made again".to_owned(),
            )),
        }
    }
}
