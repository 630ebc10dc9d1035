//! Writing facts from outside: in order, and again and again until the log takes them.

use crate::{Phase, Status};
use headroom_log::{Log, LogError};
use headroom_model::Event;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// At most so many facts wait for the log. One attempt a target is under way at a time, so this is more than the targets
/// of a busy shard can produce while the log elects a leader; beyond it, those who write facts wait.
const WAITING: usize = 1024;

/// Where facts are handed in.
#[derive(Clone, Debug)]
pub struct Facts {
    queue: mpsc::Sender<Event>,
}

impl Facts {
    /// Starts the writer. It ends when every handle is gone and all facts are written.
    #[must_use]
    pub fn start(
        log: Arc<dyn Log>,
        service: &'static str,
        status: Status,
    ) -> (Self, tokio::task::JoinHandle<()>) {
        let (queue, waiting) = mpsc::channel(WAITING);
        (
            Self { queue },
            tokio::spawn(write(log, waiting, service, status)),
        )
    }

    /// Hands a fact in; waits while too many wait already. `false` when the writer has ended.
    pub async fn write(&self, fact: Event) -> bool {
        self.queue.send(fact).await.is_ok()
    }
}

async fn write(
    log: Arc<dyn Log>,
    mut waiting: mpsc::Receiver<Event>,
    service: &'static str,
    status: Status,
) {
    let mut batch = Vec::new();
    while waiting.recv_many(&mut batch, WAITING).await > 0 {
        let records: Vec<_> = batch.drain(..).map(|fact| fact.to_record()).collect();
        let mut pause = Duration::from_millis(50);
        loop {
            match log.append(records.clone()).await {
                Ok(_) => break,
                Err(error @ LogError::Refused(_)) => {
                    tracing::error!(service, %error, "the log refuses a fact; it is lost");
                    break;
                }
                Err(error) => {
                    status.set(
                        service,
                        Phase::Waiting {
                            reason: error.to_string(),
                        },
                    );
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(2));
                }
            }
        }
    }
}
