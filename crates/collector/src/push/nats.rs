//! Pushes over NATS: `headroom.push.v1.<shard>.<namespace>.<name>`.
//!
//! These subjects are not among those of the log's stream, so that a push is no event before the collector has made one
//! of it, and the answer that a sender gets is the collector's.

pub use super::request::schemas;
pub use super::send::{SendError, send};

use super::{Pusher, request, request::Reply};
use crate::status::PushOutcome;
use async_nats::{Client, Message, SubscribeError};
use futures::StreamExt as _;
use headroom_model::WorkloadId;
use tokio_util::sync::CancellationToken;

/// Collectors of one log share the work: each push goes to one of them.
pub const QUEUE_GROUP: &str = "headroom-collector";
/// Pushes under way at a time. Further ones wait in the client's queue, which is bounded too.
const AT_A_TIME: usize = 64;

/// The subject of pushes to any workload of a shard; dots in a namespace or name are written `=2E`.
#[must_use]
pub fn subject(shard: &str) -> String {
    format!("headroom.push.v1.{shard}.*.*")
}

/// The subject of pushes to one workload.
pub(super) fn subject_of(shard: &str, workload: &WorkloadId) -> String {
    format!("headroom.push.v1.{shard}.{}", workload.subject_tokens())
}

/// Takes pushes until `shutdown`. Each is answered, where a reply is asked for, once the log has it or when it is refused.
///
/// # Errors
/// When the subscription is refused.
pub async fn serve(
    client: Client,
    shard: &str,
    pusher: Pusher,
    shutdown: CancellationToken,
) -> Result<(), SubscribeError> {
    let messages = client
        .queue_subscribe(subject(shard), QUEUE_GROUP.to_owned())
        .await?;
    messages
        .take_until(shutdown.cancelled())
        .for_each_concurrent(AT_A_TIME, |message| answer(&client, &pusher, message))
        .await;
    Ok(())
}

async fn answer(client: &Client, pusher: &Pusher, message: Message) {
    let reply = match request::read(&message.subject, &message.payload) {
        Ok((workload, push)) => Reply::of(pusher.push(&workload, push).await),
        Err(error) => {
            pusher.status.pushed(PushOutcome::Bad);
            Reply::Refused { error }
        }
    };
    if let Reply::Refused { error } = &reply {
        tracing::debug!(subject = %message.subject, %error, "a push was not taken");
    }
    if let Some(to) = message.reply
        && let Err(error) = client.publish(to, reply.to_json().into()).await
    {
        tracing::debug!(%error, "the answer to a push could not be sent");
    }
}
