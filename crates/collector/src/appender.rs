//! The one task that writes: it takes facts from a bounded queue and hands them to the log, again and again if need be.

use crate::status::Status;
use headroom_log::{Accepted, Log, LogError};
use headroom_model::Record;
use std::{sync::Arc, time::Duration};
use tokio::{sync::mpsc, time::timeout};

/// Facts that wait at a time. At most 256 KiB each, so 64 MiB at worst; at 5 ms an append it is room for 50,000 facts a
/// second. Who finds it full waits, and its next instants are skipped.
pub(crate) const QUEUE: usize = 256;
/// An append that takes longer has failed: the same facts are sent again, and the log keeps one of each.
const APPEND_TIMEOUT: Duration = Duration::from_secs(5);
/// The first and the longest pause between two tries.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// Writes until every sender is gone and the queue is empty.
pub(crate) async fn write(
    log: Arc<dyn Log>,
    mut queue: mpsc::Receiver<Record>,
    status: Arc<Status>,
) {
    let mut batch = Vec::with_capacity(QUEUE);
    while queue.recv_many(&mut batch, QUEUE).await > 0 {
        match append(&*log, &batch, &status).await {
            Ok(accepted) => count(&accepted, &status),
            Err(_) => one_by_one(&*log, &batch, &status).await,
        }
        batch.clear();
    }
}

/// Appends, however long the log is out of reach; fails only when the log refuses.
async fn append(log: &dyn Log, batch: &[Record], status: &Status) -> Result<Vec<Accepted>, String> {
    let (mut pause, longest) = PAUSES;
    loop {
        let answer = timeout(APPEND_TIMEOUT, log.append(batch.to_vec())).await;
        let problem = match answer {
            Ok(Err(LogError::Refused(reason))) => {
                reached(status);
                return Err(reason);
            }
            Ok(Ok(accepted)) => {
                reached(status);
                return Ok(accepted);
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer in {} s", APPEND_TIMEOUT.as_secs()),
        };
        if status.is_reachable() {
            tracing::warn!(%problem, "the log takes no facts; scraping stops until it does");
        }
        status.set_reachable(false);
        tokio::time::sleep(pause).await;
        pause = longest.min(pause * 2);
    }
}

fn reached(status: &Status) {
    if !status.is_reachable() {
        tracing::info!("the log takes facts again");
    }
    status.set_reachable(true);
}

/// Finds the facts that made the log refuse the batch, and drops only those.
async fn one_by_one(log: &dyn Log, batch: &[Record], status: &Status) {
    for record in batch {
        match append(log, std::slice::from_ref(record), status).await {
            Ok(accepted) => count(&accepted, status),
            Err(reason) => {
                let envelope = &record.envelope;
                tracing::error!(id = %envelope.id, kind = %envelope.kind, workload = %envelope.subject, %reason, "the log refuses a fact; it is lost");
                status.dropped();
            }
        }
    }
}

fn count(accepted: &[Accepted], status: &Status) {
    let duplicates = accepted.iter().filter(|one| one.duplicate).count();
    status.accepted(accepted.len(), duplicates);
}
