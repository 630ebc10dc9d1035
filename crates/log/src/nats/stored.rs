//! Single messages, asked of a stream's leader: a follower may not have the newest one yet.

use super::api::{Api, Failure};
use async_nats::{
    datetime::DateTime,
    jetstream::{
        ErrorCode,
        message::StreamMessage,
        stream::{Info, RawMessage},
    },
};
use headroom_model::Timestamp;
use serde::{Deserialize, Serialize};

/// Which message.
#[derive(Clone, Debug, Serialize)]
pub(super) enum Which<'a> {
    /// That at a position.
    #[serde(rename = "seq")]
    At(u64),
    /// The last one of a subject, which may have wildcards.
    #[serde(rename = "last_by_subj")]
    Last(&'a str),
}

#[derive(Deserialize)]
struct Found {
    message: RawMessage,
}

/// The message, or `None` when the stream has none.
pub(super) async fn message(
    api: &Api,
    stream: &str,
    which: &Which<'_>,
) -> Result<Option<StreamMessage>, Failure> {
    let endpoint = format!("STREAM.MSG.GET.{stream}");
    match api.call::<Found>(&endpoint, which).await {
        Ok(found) => StreamMessage::try_from(found.message)
            .map(Some)
            .map_err(|error| Failure::Impossible(format!("stream {stream}, {which:?}: {error}"))),
        Err(Failure::Server(error)) if error.err_code == ErrorCode::NO_MESSAGE_FOUND => Ok(None),
        Err(other) => Err(other),
    }
}

/// What the leader of a stream says about it.
pub(super) async fn info(api: &Api, stream: &str) -> Result<Info, Failure> {
    api.call(&format!("STREAM.INFO.{stream}"), &()).await
}

/// The server's time of a message, as the log's stamp.
pub(super) fn stamp(time: DateTime) -> Timestamp {
    let milliseconds = time.unix_timestamp_nanos().div_euclid(1_000_000);
    Timestamp(i64::try_from(milliseconds).expect("years up to 9999 fit"))
}
