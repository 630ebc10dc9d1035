//! The one loop that every machine lives in: restore, fold, go live, commit, stand by, take over, drain.

mod aside;
mod attend;
mod commit;
mod history;
mod intake;
mod leaving;
mod unreadable;

use crate::metrics::Metrics;
use crate::{Identity, Phase, Status};
use async_trait::async_trait;
use headroom_log::{Log, LogError};
use headroom_model::Machine;
use headroom_model::machine::{Committed, Live, Stop};
use leaving::LEAVE;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use tokio_util::sync::CancellationToken;
use unreadable::Unreadable;

/// What a machine's shell does besides: nothing, for machines that do not act on the world.
#[async_trait]
pub trait Hands<M: Machine>: Send {
    /// The machine has moved on, or time has: start what is outstanding, stop what must not go on.
    async fn moved(&mut self, live: &Live<M>);
    /// Outputs of this instance are in the log.
    fn committed(&mut self, committed: &Committed);
    /// Completes when [`Hands::moved`] should be called though the log is silent.
    async fn wake(&mut self);
    /// How long what is under way may still take once the service is asked to stop.
    fn grace(&self) -> Duration;
    /// The service was asked to stop: take nothing more up.
    fn finish(&mut self);
    /// Whether nothing is under way any more, and what came of it is in the log.
    fn finished(&self) -> bool;
    /// Let go of what is under way, and see it end: it is outstanding again in the next life.
    async fn let_go(&mut self);
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
    fn grace(&self) -> Duration {
        Duration::ZERO
    }
    fn finish(&mut self) {}
    fn finished(&self) -> bool {
        true
    }
    async fn let_go(&mut self) {}
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
    let mut unreadable = Unreadable::default();
    for life in 0_u64.. {
        let identity = Identity {
            nonce: options.identity.nonce.wrapping_add(life),
            ..options.identity.clone()
        };
        let mut shell = Shell {
            log: &*log,
            identity,
            options: &options,
            status: &status,
            metrics: &metrics,
            unreadable: &mut unreadable,
        };
        match shell.live::<M>(&mut hands, &shutdown).await {
            End::Asked => break,
            End::Stop(stop @ Stop::FoldAgain { .. }) => {
                tracing::warn!(service, %stop, "folding again")
            }
            End::Stop(stop) => {
                status.set(
                    service,
                    Phase::Stopped {
                        reason: stop.to_string(),
                    },
                );
                return Err(ServiceError::Stopped { service, stop });
            }
            End::Log(source @ LogError::Refused(_)) => {
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
                    () = shutdown.cancelled() => {
                        flush(&mut hands).await;
                        break;
                    }
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
    unreadable: &'a mut Unreadable,
}

impl Shell<'_> {
    async fn live<M: Machine + Send + Sync>(
        &mut self,
        hands: &mut impl Hands<M>,
        shutdown: &CancellationToken,
    ) -> End {
        let (end, left) = match self.catch_up::<M>(shutdown).await {
            Ok(live) => (self.work(live, hands, shutdown).await, true),
            Err(end) => (end, false),
        };
        hands.let_go().await; // whatever was in hand is outstanding again in the next life
        match &end {
            End::Asked if left => {} // in good order, or out of time
            End::Stop(Stop::FoldAgain { .. })
            | End::Log(LogError::Unavailable(_) | LogError::Storage(_)) => {}
            End::Asked | End::Stop(_) | End::Log(LogError::Refused(_)) => flush(hands).await,
        }
        end
    }

    async fn work<M: Machine + Send + Sync>(
        &mut self,
        live: Live<M>,
        hands: &mut impl Hands<M>,
        shutdown: &CancellationToken,
    ) -> End {
        let limit = hands.grace() + LEAVE;
        let too_late = async {
            shutdown.cancelled().await;
            tokio::time::sleep(limit).await;
        };
        tokio::select! {
            ended = self.attend(live, hands, shutdown) => ended.map_or_else(|end| end, |()| End::Asked),
            () = too_late => {
                let service = M::SERVICE.token();
                tracing::warn!(service, "stopped before everything was in the log; the next instance goes on with it");
                End::Asked
            }
        }
    }
}

/// Waits until the log has what the hands have reported, with a deadline: there may be no next life to find it out.
async fn flush<M: Machine>(hands: &mut impl Hands<M>) {
    let deadline = tokio::time::Instant::now() + LEAVE;
    while !hands.finished() {
        if tokio::time::Instant::now() >= deadline {
            tracing::warn!("some outcomes are not in the log; the next instance asks the targets");
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
