//! Restore and fold: from the newest checkpoint to the end of the log as it is now.

use super::{End, Shell};
use crate::Phase;
use crate::identity::steady_clock;
use futures::StreamExt as _;
use headroom_log::{Filter, LogError, PlacedHead};
use headroom_model::machine::{Fold, Live, Writer};
use headroom_model::{Machine, Seq};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// What a machine reads: its inputs, its own outputs and its heads.
pub(super) fn filter<M: Machine>() -> Filter {
    Filter {
        machines: vec![M::SERVICE],
        ..Filter::kinds(M::inputs().iter().cloned())
    }
}

impl Shell<'_> {
    /// Folds what is recorded, and goes live at the end of it.
    pub(super) async fn catch_up<M: Machine + Send>(
        &mut self,
        shutdown: &CancellationToken,
    ) -> Result<Live<M>, End> {
        let service = M::SERVICE.token();
        let newest = self.log.head(M::SERVICE).await?;
        let mut fold = self.restore::<M>(newest.as_ref()).await?;
        let last = self.log.bounds().await?.last;
        let mut entries = self.log.read(fold.seen().next(), filter::<M>()).await?;
        while let Some(chunk) = tokio::select! {
            chunk = entries.next() => chunk,
            () = shutdown.cancelled() => return Err(End::Asked),
        } {
            for entry in chunk? {
                self.fold_entry(&mut fold, entry);
            }
            let seq = fold.seen();
            self.status.set(service, Phase::CatchingUp { seq, last });
        }
        if fold.is_amid_commit() {
            let seen = fold.seen();
            return Err(LogError::Unavailable(format!(
                "the log ends amid a commit, at {seen}; the rest of it will come"
            ))
            .into());
        }
        Ok(self.go_live(fold, newest))
    }

    async fn restore<M: Machine>(&self, newest: Option<&PlacedHead>) -> Result<Fold<M>, End> {
        let service = M::SERVICE.token();
        let first = self.log.bounds().await?.first;
        let mut not_after = newest.map_or(Seq::ZERO, |placed| placed.head.through.seq);
        while let Some(checkpoint) = self.log.checkpoint(M::SERVICE, not_after).await? {
            match Fold::from_checkpoint(&checkpoint) {
                Ok(fold) => {
                    if checkpoint.through.next() < first {
                        tracing::error!(service, %first, through = %checkpoint.through,
                            "the log was cut behind the newest checkpoint: events in between are lost to this machine");
                    }
                    return Ok(fold);
                }
                Err(reason) => tracing::warn!(service, reason, "a checkpoint is of no use"),
            }
            let Some(before) = checkpoint.through.0.checked_sub(1) else {
                break;
            };
            not_after = Seq(before);
        }
        if first > Seq(1) && newest.is_some() {
            tracing::error!(service, %first, "the log does not begin at its beginning and there is no checkpoint: older policies are unknown until applied again");
        }
        Ok(Fold::default())
    }

    fn go_live<M: Machine>(&self, fold: Fold<M>, newest: Option<PlacedHead>) -> Live<M> {
        let head = newest.map(|placed| (placed.seq, placed.head));
        let Self {
            identity, options, ..
        } = self;
        let writer = Writer {
            instance: Arc::clone(&identity.instance),
            nonce: identity.nonce,
            beats: options.lease,
            one_by_one: self.log.prefers_single_outputs(),
        };
        Live::start(fold, head, writer, steady_clock())
    }
}
