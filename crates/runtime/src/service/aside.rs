//! What goes on beside the loop of a machine and never holds it up: saving a checkpoint, and asking after the log.

use futures::FutureExt as _;
use futures::future::BoxFuture;
use headroom_log::{Log, LogError};
use headroom_model::Checkpoint;
use std::time::Duration;
use tokio::time::Instant;

/// How often the log is asked whether it can be reached.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// A log that takes longer to answer is out of reach.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);

/// The checkpoint that is being saved, if one is.
pub(super) struct Saving<'a>(Option<BoxFuture<'a, ()>>);

impl<'a> Saving<'a> {
    pub(super) fn nothing() -> Self {
        Self(None)
    }

    pub(super) fn is_idle(&self) -> bool {
        self.0.is_none()
    }

    pub(super) fn start(&mut self, log: &'a dyn Log, checkpoint: Checkpoint) {
        let (service, through) = (checkpoint.service, checkpoint.through);
        let saving = async move {
            match log.save_checkpoint(checkpoint).await {
                Ok(()) => tracing::info!(%service, %through, "checkpoint saved"),
                Err(error) => {
                    tracing::warn!(%service, %through, %error, "checkpoint not saved; the next one will be")
                }
            }
        };
        self.0 = Some(saving.boxed());
    }

    /// Completes when the checkpoint is saved, or cannot be; never while there is none.
    pub(super) async fn done(&mut self) {
        match &mut self.0 {
            Some(saving) => saving.await,
            None => std::future::pending().await,
        }
        self.0 = None;
    }
}

/// Asks after the log again and again: who follows it does not learn from silence that it is out of reach.
pub(super) struct Reach<'a> {
    log: &'a dyn Log,
    asking: Option<BoxFuture<'a, Result<(), LogError>>>,
    ask_at: Instant,
    lost: Option<String>,
}

impl<'a> Reach<'a> {
    pub(super) fn new(log: &'a dyn Log) -> Self {
        Self {
            log,
            asking: None,
            ask_at: Instant::now() + ASK_EVERY,
            lost: None,
        }
    }

    /// Why the log is out of reach; `None` while it is not.
    pub(super) fn lost(&self) -> Option<&str> {
        self.lost.as_deref()
    }

    /// Completes when the log was asked and what is known of it may have changed.
    pub(super) async fn asked(&mut self) {
        let (log, ask_at) = (self.log, self.ask_at);
        let asking = self.asking.get_or_insert_with(|| {
            async move {
                tokio::time::sleep_until(ask_at).await;
                let answer = tokio::time::timeout(ANSWER_WITHIN, log.reachable()).await;
                answer.unwrap_or_else(|_| Err(LogError::Unavailable("no answer".to_owned())))
            }
            .boxed()
        });
        self.lost = asking.await.err().map(|error| error.to_string());
        self.asking = None;
        self.ask_at = Instant::now() + ASK_EVERY;
    }
}
