//! The loop of a machine at work or on standby. Nothing that takes long is waited for in it: it is polled beside.

use super::aside::{Reach, Saving};
use super::commit::{Answer, InFlight};
use super::leaving::Leaving;
use super::{End, Hands, Shell, history};
use crate::Phase;
use crate::identity::steady_clock;
use futures::StreamExt as _;
use headroom_log::{Log, LogError};
use headroom_model::machine::{Committed, Live, Unanswered};
use headroom_model::{Checkpoint, Machine};
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

/// How often time is looked at when nothing happens: a tenth of the shortest span that matters.
const BEAT: Duration = Duration::from_millis(100);
/// The pause before a commit is sent again that was not answered for.
const SEND_AGAIN_AFTER: Duration = Duration::from_millis(200);

/// What is under way beside the machine.
pub(super) struct UnderWay<'a> {
    log: &'a dyn Log,
    pub(super) commit: InFlight<'a>,
    pub(super) saving: Saving<'a>,
    /// The checkpoint that the commit under way names.
    named: Option<Checkpoint>,
    reach: Reach<'a>,
    checkpoint_at: Instant,
}

impl<'a> UnderWay<'a> {
    fn new(log: &'a dyn Log, checkpoint_every: Duration) -> Self {
        Self {
            log,
            commit: InFlight::none(),
            saving: Saving::nothing(),
            named: None,
            reach: Reach::new(log),
            checkpoint_at: Instant::now() + checkpoint_every,
        }
    }

    /// Sends what the machine has put in flight.
    pub(super) fn send<M: Machine>(&mut self, live: &Live<M>, pause: Duration) {
        if let Some(proposal) = live.in_flight() {
            self.commit.send(self.log, M::SERVICE, proposal, pause);
        }
    }

    /// Takes a checkpoint, and sends the commit that names it. `false` while the machine cannot have one.
    pub(super) fn checkpoint<M: Machine>(&mut self, live: &mut Live<M>) -> bool {
        let Some((checkpoint, _)) = live.checkpoint(steady_clock()) else {
            return false;
        };
        self.named = Some(checkpoint);
        self.send(live, Duration::ZERO);
        true
    }

    /// The commit that was under way is in the log.
    fn committed(&mut self) {
        if let Some(checkpoint) = self.named.take() {
            self.saving.start(self.log, checkpoint);
        }
    }
}

impl<'a> Shell<'a> {
    /// Attends to a machine until `shutdown`, and then until it has left.
    pub(super) async fn attend<M: Machine + Send + Sync>(
        &mut self,
        mut live: Live<M>,
        hands: &mut impl Hands<M>,
        shutdown: &CancellationToken,
    ) -> Result<(), End> {
        let live = &mut live;
        let filter = history::filter::<M>();
        let mut entries = self.log.follow(live.seen().next(), filter).await?;
        let mut under_way = UnderWay::new(self.log, self.options.checkpoint_every);
        let mut beat = tokio::time::interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut leaving: Option<Leaving> = None;
        loop {
            self.show(live, under_way.reach.lost());
            match &mut leaving {
                None => self.send_what_is_due(live, &mut under_way),
                Some(leaving) => {
                    if leaving.go_on(live, hands, &mut under_way).await {
                        return Ok(());
                    }
                }
            }
            hands.moved(live).await;
            let reads = leaving.as_ref().is_none_or(|_| Leaving::reads(live));
            tokio::select! {
                biased;
                () = shutdown.cancelled(), if leaving.is_none() => leaving = Some(Leaving::begin(live, hands)),
                answer = under_way.commit.answer() => {
                    let committed = self.answered(live, &mut under_way, answer)?;
                    committed.inspect(|committed| hands.committed(committed));
                }
                () = under_way.saving.done() => {}
                () = under_way.reach.asked() => {}
                () = hands.wake() => {}
                chunk = entries.next(), if reads => {
                    let chunk = chunk.unwrap_or_else(|| Err(LogError::Unavailable("the log ended its stream".to_owned())))?;
                    for committed in self.take_in(live, chunk)? {
                        hands.committed(&committed);
                        if live.in_flight().is_none() {
                            under_way.commit = InFlight::none();
                            under_way.committed();
                        }
                    }
                }
                _ = beat.tick() => {}
            }
        }
    }

    fn send_what_is_due<M: Machine>(&self, live: &mut Live<M>, under_way: &mut UnderWay<'a>) {
        if !under_way.commit.is_idle() {
            return;
        }
        let due = Instant::now() >= under_way.checkpoint_at && under_way.saving.is_idle();
        if due && under_way.checkpoint(live) {
            under_way.checkpoint_at = Instant::now() + self.options.checkpoint_every;
        } else if live.next_commit(steady_clock()).is_some() {
            under_way.send(live, Duration::ZERO);
        }
    }

    fn answered<M: Machine>(
        &self,
        live: &mut Live<M>,
        under_way: &mut UnderWay<'a>,
        answer: Answer,
    ) -> Result<Option<Committed>, End> {
        let service = M::SERVICE.token();
        if live.in_flight().is_none() {
            return Ok(None); // it was read back before its ack came
        }
        let committed = match answer {
            Answer::Taken { at, took } => {
                self.metrics.commit_seconds.observe(took.as_secs_f64());
                Some(live.committed(at, steady_clock()))
            }
            Answer::Refused { newest } => {
                self.metrics.conflicts.with_label_values(&[service]).inc();
                let newest = newest.as_ref().map(|placed| (placed.seq, &placed.head));
                live.refused(newest, steady_clock())?
            }
            Answer::Nothing { reason } => {
                self.status.set(service, Phase::Waiting { reason });
                if live.unanswered() == Unanswered::SendAgain {
                    under_way.send(live, SEND_AGAIN_AFTER);
                }
                return Ok(None);
            }
            Answer::Unusable(error) => return Err(error.into()),
        };
        match &committed {
            Some(committed) => {
                tracing::debug!(service, at = %committed.at, outputs = committed.outputs.len(), "committed");
                under_way.committed();
            }
            None => under_way.named = None,
        }
        Ok(committed)
    }

    /// Says what the machine does, on `/metrics` and `/readyz`.
    fn show<M: Machine>(&self, live: &Live<M>, lost: Option<&str>) {
        let service = M::SERVICE.token();
        let position = i64::try_from(live.seen().0).unwrap_or(i64::MAX);
        let gauge = self.metrics.log_sequence.with_label_values(&[service]);
        gauge.set(position);
        let gauge = self.metrics.working.with_label_values(&[service]);
        gauge.set(i64::from(live.leading()));
        let waiting = matches!(self.status.of(service), Phase::Waiting { .. });
        let phase = match lost {
            Some(_) if waiting => return, // for the same thing, in other words
            Some(reason) => Phase::Waiting {
                reason: reason.to_owned(),
            },
            None if waiting && live.in_flight().is_some() => return,
            None if live.leading() => Phase::Working,
            None => Phase::Standby,
        };
        self.status.set(service, phase);
    }
}
