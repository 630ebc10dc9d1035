//! Restore and fold: from the newest checkpoint to the end of the log as it is now.

use super::{End, Shell};
use crate::Phase;
use crate::identity::steady_clock;
use futures::StreamExt as _;
use headroom_log::{Entry, Filter, PlacedHead};
use headroom_model::machine::{Fold, Live};
use headroom_model::{Machine, Seq};
use tokio_util::sync::CancellationToken;

/// What a machine reads: its inputs, its own outputs and its heads.
pub(super) fn filter<M: Machine>() -> Filter {
    Filter {
        machines: vec![M::SERVICE],
        ..Filter::kinds(M::inputs().iter().cloned())
    }
}

impl Shell<'_> {
    /// Folds what is recorded, and goes live at the newest head.
    pub(super) async fn catch_up<M: Machine + Send>(
        &self,
        shutdown: &CancellationToken,
    ) -> Result<Live<M>, End> {
        let service = M::SERVICE.token();
        let newest = self.log.head(M::SERVICE).await?;
        let fold = self.restore::<M>(newest.as_ref()).await?;
        let end = newest.as_ref().map_or(Seq::ZERO, |placed| {
            Seq(placed.seq.0 + u64::from(placed.head.outputs))
        });
        let last = self.log.bounds().await?.last;
        let mut entries = self.log.read(fold.seen().next(), filter::<M>()).await?;
        let mut history = History::Folding(fold, end, newest);
        while let Some(chunk) = tokio::select! {
            chunk = entries.next() => chunk,
            () = shutdown.cancelled() => return Err(End::Asked),
        } {
            for entry in chunk? {
                history = self.take_history(history, entry)?;
            }
            self.status.set(
                service,
                Phase::CatchingUp {
                    seq: history.seen(),
                    last,
                },
            );
        }
        match history {
            History::Folding(fold, _, newest) => Ok(self.go_live(fold, newest)),
            History::Live(live) => Ok(live),
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
            tracing::error!(service, %first, "the log does not begin at its beginning and there is no checkpoint: older policies are unknown until applied again");
        }
        Ok(Fold::default())
    }

    fn go_live<M: Machine>(&self, fold: Fold<M>, newest: Option<PlacedHead>) -> Live<M> {
        let head = newest.map(|placed| (placed.seq, placed.head));
        let Self {
            identity, options, ..
        } = self;
        Live::start(
            fold,
            head,
            &identity.instance,
            identity.nonce,
            options.lease,
            steady_clock(),
        )
    }

    fn take_history<M: Machine>(
        &self,
        history: History<M>,
        entry: Entry,
    ) -> Result<History<M>, End> {
        match history {
            History::Folding(mut fold, end, newest) if entry.seq() <= end => {
                self.fold_entry(&mut fold, entry);
                Ok(History::Folding(fold, end, newest))
            }
            History::Folding(fold, _, newest) => {
                self.take_history(History::Live(self.go_live(fold, newest)), entry)
            }
            History::Live(mut live) => {
                self.take_in(&mut live, vec![entry])?;
                Ok(History::Live(live))
            }
        }
    }

    fn fold_entry<M: Machine>(&self, fold: &mut Fold<M>, entry: Entry) {
        let service = M::SERVICE.token();
        match entry {
            Entry::Event(record) => {
                let seq = record.envelope.seq;
                if let Err(error) = fold.record(record) {
                    tracing::error!(service, %seq, %error, "an event cannot be read and is passed over");
                }
            }
            Entry::Head(placed) => fold.head(placed.seq, placed.stamp, &placed.head),
            Entry::Damaged {
                first,
                last,
                detail,
            } => {
                tracing::error!(service, %first, %last, detail, "a part of the log is damaged and is passed over");
            }
        }
    }
}

/// Where a machine is in its history.
#[expect(
    clippy::large_enum_variant,
    reason = "there is one of it, on the way from one variant to the other"
)]
enum History<M> {
    /// Up to the position where the newest head's outputs end.
    Folding(Fold<M>, Seq, Option<PlacedHead>),
    /// Beyond it: answering, and waiting for the answers to be in the log.
    Live(Live<M>),
}

impl<M: Machine> History<M> {
    fn seen(&self) -> Seq {
        match self {
            Self::Folding(fold, ..) => fold.seen(),
            Self::Live(live) => live.seen(),
        }
    }
}
