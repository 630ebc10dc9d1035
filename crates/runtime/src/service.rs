//! The one loop that every machine lives in: restore, fold, go live, commit, stand by, take over, drain.

mod commit;
mod history;

use crate::identity::steady_clock;
use crate::metrics::Metrics;
use crate::{Identity, Phase, Status};
use async_trait::async_trait;
use commit::InFlight;
use futures::StreamExt as _;
use headroom_log::{CommitError, Entry, Log, LogError};
use headroom_model::machine::{Committed, Live, Stop, Taken, Unanswered};
use headroom_model::{Checkpoint, Machine, Seq};
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use tokio_util::sync::CancellationToken;

/// What a machine's shell does besides: nothing, for machines that do not act on the world.
#[async_trait]
pub trait Hands<M: Machine>: Send {
    /// The machine has moved on, or time has: start what is outstanding, stop what must not go on.
    async fn moved(&mut self, live: &Live<M>);
    /// Outputs of this instance are in the log.
    fn committed(&mut self, committed: &Committed);
    /// Completes when [`Hands::moved`] should be called though the log is silent.
    async fn wake(&mut self);
    /// Finish what has begun; there is little time.
    async fn drain(&mut self);
}

/// The hands of a machine that only thinks.
#[derive(Debug, Default)]
pub struct NoHands;

#[async_trait]
impl<M: Machine + Sync> Hands<M> for NoHands {
    async fn moved(&mut self, _live: &Live<M>) {}
    fn committed(&mut self, _committed: &Committed) {}
    async fn wake(&mut self) {
        std::future::pending().await
    }
    async fn drain(&mut self) {}
}

/// How a service runs.
#[derive(Clone, Debug)]
pub struct Options {
    /// Who this process is.
    pub identity: Identity,
    /// How often a checkpoint is taken; one is also taken when the service stops.
    pub checkpoint_every: Duration,
    /// Whether the head is renewed every second: the lease of a machine that acts on the world.
    pub lease: bool,
}

/// Why a service ended though nobody asked it to.
#[derive(Debug, Error)]
pub enum ServiceError {
    /// It must not go on.
    #[error("the {service} stops: {stop}")]
    Stopped {
        /// Which service.
        service: &'static str,
        /// Why.
        stop: Stop,
    },
    /// The log refuses it.
    #[error("the {service} cannot use the log: {source}")]
    Log {
        /// Which service.
        service: &'static str,
        /// What the log says.
        source: LogError,
    },
}

/// How one life of a machine ended.
enum End {
    Asked,
    Stop(Stop),
    Log(LogError),
}

impl From<Stop> for End {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

impl From<LogError> for End {
    fn from(error: LogError) -> Self {
        Self::Log(error)
    }
}

/// Runs a machine until `shutdown`. While the log is out of reach it waits, says so, and goes on.
///
/// # Errors
/// When a newer version is at work, when the record contradicts this version, or when the log refuses to work with it.
pub async fn run<M: Machine + Send + Sync + 'static>(
    log: Arc<dyn Log>,
    options: Options,
    mut hands: impl Hands<M>,
    status: Status,
    metrics: Metrics,
    shutdown: CancellationToken,
) -> Result<(), ServiceError> {
    let service = M::SERVICE.token();
    let mut pause = Duration::from_millis(100);
    for life in 0_u64.. {
        let identity = Identity {
            nonce: options.identity.nonce.wrapping_add(life),
            ..options.identity.clone()
        };
        let shell = Shell {
            log: &*log,
            identity,
            options: &options,
            status: &status,
            metrics: &metrics,
        };
        match shell.live::<M>(&mut hands, &shutdown).await {
            End::Asked => break,
            End::Stop(stop @ Stop::FoldAgain { .. }) => {
                tracing::warn!(service, %stop, "folding again")
            }
            End::Stop(stop) => {
                hands.drain().await;
                status.set(
                    service,
                    Phase::Stopped {
                        reason: stop.to_string(),
                    },
                );
                return Err(ServiceError::Stopped { service, stop });
            }
            End::Log(source @ LogError::Refused(_)) => {
                hands.drain().await;
                status.set(
                    service,
                    Phase::Stopped {
                        reason: source.to_string(),
                    },
                );
                return Err(ServiceError::Log { service, source });
            }
            End::Log(error) => {
                status.set(
                    service,
                    Phase::Waiting {
                        reason: error.to_string(),
                    },
                );
                tokio::select! {
                    () = tokio::time::sleep(pause) => pause = (pause * 2).min(Duration::from_secs(2)),
                    () = shutdown.cancelled() => break,
                }
            }
        }
    }
    status.set(
        service,
        Phase::Stopped {
            reason: "asked to".to_owned(),
        },
    );
    Ok(())
}

/// One life of a machine, from fold to end.
struct Shell<'a> {
    log: &'a dyn Log,
    identity: Identity,
    options: &'a Options,
    status: &'a Status,
    metrics: &'a Metrics,
}

/// How long a draining service may take.
const DRAIN: Duration = Duration::from_secs(5);
/// How often time is looked at when nothing happens: a tenth of the shortest span that matters.
const BEAT: Duration = Duration::from_millis(100);

impl<'a> Shell<'a> {
    async fn live<M: Machine + Send + Sync>(
        &self,
        hands: &mut impl Hands<M>,
        shutdown: &CancellationToken,
    ) -> End {
        let end = match self.catch_up::<M>(shutdown).await {
            Ok(live) => self.work(live, hands, shutdown).await,
            Err(end) => end,
        };
        if !matches!(end, End::Asked) {
            hands.drain().await; // whatever was in hand is outstanding again in the next life
        }
        end
    }

    async fn work<M: Machine + Send + Sync>(
        &self,
        mut live: Live<M>,
        hands: &mut impl Hands<M>,
        shutdown: &CancellationToken,
    ) -> End {
        match self.attend(&mut live, hands, shutdown).await {
            Ok(()) => self.drain(live, hands).await,
            Err(end) => end,
        }
    }

    async fn attend<M: Machine + Send + Sync>(
        &self,
        live: &mut Live<M>,
        hands: &mut impl Hands<M>,
        shutdown: &CancellationToken,
    ) -> Result<(), End> {
        let filter = history::filter::<M>();
        let mut entries = self.log.follow(live.seen().next(), filter).await?;
        let mut in_flight = InFlight::none();
        let mut beat = tokio::time::interval(BEAT);
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut checkpoint_at = tokio::time::Instant::now() + self.options.checkpoint_every;
        let mut saving = None;
        loop {
            if in_flight.is_idle() {
                if tokio::time::Instant::now() >= checkpoint_at
                    && saving.is_none()
                    && let Some((checkpoint, proposal)) = live.checkpoint(steady_clock())
                {
                    in_flight.send(self.log, proposal, Duration::ZERO);
                    saving = Some(checkpoint);
                    checkpoint_at += self.options.checkpoint_every;
                }
                if in_flight.is_idle()
                    && let Some(proposal) = live.next_commit(steady_clock())
                {
                    in_flight.send(self.log, proposal, Duration::ZERO);
                }
            }
            self.show(live);
            hands.moved(live).await;
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                result = in_flight.result() => {
                    if let Some(committed) = self.answered(live, &mut in_flight, result).await? {
                        self.count(&committed);
                        hands.committed(&committed);
                        self.save(saving.take()).await;
                    } else if live.in_flight().is_none() {
                        saving = None;
                    }
                }
                chunk = entries.next() => {
                    let chunk = chunk.unwrap_or_else(|| Err(LogError::Unavailable("the log ended its stream".to_owned())))?;
                    if let Some(committed) = self.take_in(live, chunk)? {
                        hands.committed(&committed);
                        if live.in_flight().is_none() {
                            in_flight = InFlight::none();
                            self.save(saving.take()).await;
                        }
                    }
                }
                () = hands.wake() => {}
                _ = beat.tick() => {}
            }
        }
        Ok(())
    }

    /// Takes a chunk in. `Some` when it showed that the commit in flight is in the log.
    fn take_in<M: Machine>(
        &self,
        live: &mut Live<M>,
        chunk: Vec<Entry>,
    ) -> Result<Option<Committed>, End> {
        let service = M::SERVICE.token();
        let mut seen_own = None;
        let mut inputs = 0;
        for entry in chunk {
            let now = steady_clock();
            match entry {
                Entry::Event(record) => {
                    inputs += u64::from(M::is_input(
                        record.envelope.producer.service,
                        &record.envelope.kind,
                    ));
                    let seq = record.envelope.seq;
                    let own = record.envelope.producer.service == M::SERVICE;
                    if own {
                        self.metrics.committed(&record);
                    }
                    match live.record(record, now)? {
                        Taken::In => {}
                        Taken::Committed(committed) => seen_own = Some(committed),
                        Taken::Unreadable(error) => {
                            self.metrics.unreadable.with_label_values(&[service]).inc();
                            tracing::error!(service, %seq, %error, "an event cannot be read and is passed over");
                        }
                    }
                }
                Entry::Head(placed) => {
                    if let Some(committed) =
                        live.on_head(placed.seq, placed.stamp, &placed.head, now)?
                    {
                        seen_own = Some(committed);
                    }
                }
                Entry::Damaged {
                    first,
                    last,
                    detail,
                } => {
                    self.metrics.unreadable.with_label_values(&[service]).inc();
                    tracing::error!(service, %first, %last, detail, "a part of the log is damaged and is passed over");
                }
            }
        }
        self.metrics
            .inputs
            .with_label_values(&[service])
            .inc_by(inputs);
        Ok(seen_own)
    }

    async fn answered<M: Machine + Send + Sync>(
        &self,
        live: &mut Live<M>,
        in_flight: &mut InFlight<'a>,
        (result, took): (Result<Seq, CommitError>, Duration),
    ) -> Result<Option<Committed>, End> {
        let service = M::SERVICE.token();
        if live.in_flight().is_none() {
            return Ok(None); // it was read back before its ack came
        }
        match result {
            Ok(head) => {
                self.metrics.commit_seconds.observe(took.as_secs_f64());
                Ok(Some(live.committed(head, steady_clock())))
            }
            Err(CommitError::Conflict) => {
                self.metrics.conflicts.with_label_values(&[service]).inc();
                let newest = self.log.head(M::SERVICE).await?;
                let newest = newest.as_ref().map(|placed| (placed.seq, &placed.head));
                Ok(live.refused(newest, steady_clock())?)
            }
            Err(CommitError::Log(error @ LogError::Refused(_))) => Err(End::Log(error)),
            Err(CommitError::Unknown(reason)) => {
                self.send_again(live, in_flight, reason);
                Ok(None)
            }
            Err(CommitError::Log(error)) => {
                self.send_again(live, in_flight, error.to_string());
                Ok(None)
            }
        }
    }

    fn send_again<M: Machine>(
        &self,
        live: &mut Live<M>,
        in_flight: &mut InFlight<'a>,
        reason: String,
    ) {
        self.status
            .set(M::SERVICE.token(), Phase::Waiting { reason });
        if live.unanswered() == Unanswered::SendAgain
            && let Some(proposal) = live.in_flight()
        {
            in_flight.send(self.log, proposal, Duration::from_millis(200));
        }
    }

    async fn save(&self, checkpoint: Option<Checkpoint>) {
        let Some(checkpoint) = checkpoint else { return };
        let (service, through) = (checkpoint.service, checkpoint.through);
        match self.log.save_checkpoint(checkpoint).await {
            Ok(()) => tracing::info!(%service, %through, "checkpoint saved"),
            Err(error) => {
                tracing::warn!(%service, %through, %error, "checkpoint not saved; the next one will be")
            }
        }
    }

    fn count(&self, committed: &Committed) {
        tracing::debug!(at = %committed.at, outputs = committed.outputs.len(), "committed");
    }

    fn show<M: Machine>(&self, live: &Live<M>) {
        let service = M::SERVICE.token();
        let position = i64::try_from(live.seen().0).unwrap_or(i64::MAX);
        self.metrics
            .log_sequence
            .with_label_values(&[service])
            .set(position);
        self.metrics
            .working
            .with_label_values(&[service])
            .set(i64::from(live.leading()));
        if live.in_flight().is_none() || !matches!(self.status.of(service), Phase::Waiting { .. }) {
            self.status.set(
                service,
                if live.leading() {
                    Phase::Working
                } else {
                    Phase::Standby
                },
            );
        }
    }

    /// Stop taking work, finish what has begun, take a checkpoint, give the machine up; with a deadline.
    async fn drain<M: Machine + Send + Sync>(
        &self,
        mut live: Live<M>,
        hands: &mut impl Hands<M>,
    ) -> End {
        hands.drain().await;
        if live.leading()
            && tokio::time::timeout(DRAIN, self.settle(&mut live))
                .await
                .is_err()
        {
            tracing::warn!(
                service = M::SERVICE.token(),
                "stopped before everything was committed; the next instance will do it"
            );
        }
        End::Asked
    }

    async fn settle<M: Machine + Send + Sync>(&self, live: &mut Live<M>) {
        let mut checkpointed = None;
        let mut released = false;
        while !released {
            let now = steady_clock();
            if live.in_flight().is_none() && live.settled() && checkpointed.is_none() {
                checkpointed = live.checkpoint(now).map(|(checkpoint, _)| checkpoint);
            } else if live.in_flight().is_none() && live.settled() {
                live.release(now);
            } else if live.in_flight().is_none() && live.next_commit(now).is_none() {
                return; // another instance has it now
            }
            let Some(proposal) = live.in_flight() else {
                return;
            };
            let names_checkpoint = proposal.names_checkpoint();
            released = proposal.releases();
            match commit::send(self.log, proposal).await {
                Ok(head) => {
                    live.committed(head, steady_clock());
                    if names_checkpoint {
                        self.save(checkpointed.clone()).await;
                    }
                }
                Err(CommitError::Unknown(_) | CommitError::Log(LogError::Unavailable(_))) => {
                    released = false;
                    live.unanswered();
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
                Err(_) => return,
            }
        }
    }
}
