//! Restore and fold: from the newest checkpoint to the end of the log as it is now.

use super::{End, Shell};
use crate::Phase;
use crate::identity::steady_clock;
use futures::StreamExt as _;
use headroom_log::{Entry, Filter, LogError, PlacedHead};
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
        let mut history = History::Folding(self.restore::<M>(newest.as_ref()).await?);
        let end = match &newest {
            Some(placed) => headroom_log::last_written(self.log, placed).await?,
            None => Seq::ZERO,
        };
        let last = self.log.bounds().await?.last;
        let from = history.seen().next();
        let mut entries = self.log.read(from, filter::<M>()).await?;
        while let Some(chunk) = tokio::select! {
            chunk = entries.next() => chunk,
            () = shutdown.cancelled() => return Err(End::Asked),
        } {
            for entry in chunk? {
                history = self.take_history(history, entry, end, newest.as_ref())?;
            }
            let seq = history.seen();
            self.status.set(service, Phase::CatchingUp { seq, last });
        }
        match history {
            History::Folding(fold) if fold.unfinished_commit() > Some(last) => {
                Err(LogError::Unavailable(format!(
                    "the log ends amid a commit, at {last}; the rest of it will come"
                ))
                .into())
            }
            History::Folding(fold) => Ok(self.go_live(fold, newest)),
            History::Live(live) => Ok(live),
        }
    }

    /// Folds up to `end`, the last that the machine wrote. What follows is answered as it comes: it may be much.
    fn take_history<M: Machine>(
        &mut self,
        history: History<M>,
        entry: Entry,
        end: Seq,
        newest: Option<&PlacedHead>,
    ) -> Result<History<M>, End> {
        match history {
            History::Folding(mut fold) if entry.seq() <= end => {
                self.fold_entry(&mut fold, entry);
                Ok(History::Folding(fold))
            }
            History::Folding(fold) => {
                let live = self.go_live(fold, newest.cloned());
                self.take_history(History::Live(live), entry, end, newest)
            }
            History::Live(mut live) => {
                self.take_in(&mut live, vec![entry])?;
                Ok(History::Live(live))
            }
        }
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
            tracing::error!(service, %first, "the log does not begin at its beginning and there is no checkpoint: older policies are unknown until they are applied again (`headroom apply --again`)");
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

/// Where a machine is in its history.
enum History<M> {
    /// Up to the last that the machine wrote.
    Folding(Fold<M>),
    /// Beyond it: answering, and waiting for the answers to be in the log.
    Live(Live<M>),
}

impl<M: Machine> History<M> {
    fn seen(&self) -> Seq {
        match self {
            Self::Folding(fold) => fold.seen(),
            Self::Live(live) => live.seen(),
        }
    }
}
