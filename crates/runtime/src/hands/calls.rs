//! Calls to targets that are under way, each a task that is ended when the lease is lost.

use headroom_actuator::Job;
use headroom_actuator::attempt::Found;
use headroom_model::body::{Outcome, Refusal, TargetRef};
use headroom_model::{EventId, Replicas, WorkloadId};
use headroom_targets::{Guarantee, Order, Target, TargetError, TargetName, Targets};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// How long a look at a target may take.
const READ_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a look that failed for a passing reason is taken again after a crash.
const READ_TRIES: u32 = 3;

/// What a target answered.
pub(super) enum Answer {
    /// To the question after a crash.
    Read {
        started: EventId,
        found: Option<Found>,
        repeatable: bool,
    },
    /// To an order.
    Set { started: EventId, outcome: Outcome },
    /// To a look.
    Looked {
        workload: WorkloadId,
        found: Option<Looked>,
    },
}

/// What a look showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Looked {
    pub(super) replicas: Replicas,
    pub(super) ready: Option<Replicas>,
    /// The target cannot be read: the count is what it is taken to be before the first order.
    pub(super) assumed: bool,
}

/// Calls under way.
pub(super) struct Calls {
    targets: Arc<Targets>,
    timeout: Duration,
    under_way: JoinSet<Answer>,
}

impl Calls {
    pub(super) fn new(targets: Arc<Targets>, timeout: Duration) -> Self {
        Self {
            targets,
            timeout,
            under_way: JoinSet::new(),
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.under_way.is_empty()
    }

    /// Ends every call: its future is dropped, and drivers clean up after themselves.
    pub(super) fn end_all(&mut self) {
        self.under_way = JoinSet::new();
    }

    /// Completes when a call is answered; never while none is under way.
    pub(super) async fn answer(&mut self) -> Answer {
        loop {
            match self.under_way.join_next().await {
                Some(Ok(answer)) => return answer,
                Some(Err(error)) => {
                    tracing::error!(%error, "a call to a target has crashed; it will be taken up again")
                }
                None => std::future::pending().await,
            }
        }
    }

    pub(super) fn read(&mut self, started: EventId, job: &Job) {
        let (targets, workload, target) = self.addressed(job);
        self.under_way.spawn(async move {
            let (found, repeatable) = match targets.resolve(workload.namespace(), &target) {
                Ok((name, driver)) => (
                    ask(&*driver, &name).await,
                    driver.guarantee() != Guarantee::AtLeastOnce,
                ),
                Err(_) => (None, true), // the order itself will say what is not configured
            };
            Answer::Read {
                started,
                found,
                repeatable,
            }
        });
    }

    pub(super) fn set(&mut self, started: EventId, job: &Job) {
        let (targets, workload, target) = self.addressed(job);
        let (order, timeout) = (job.order().clone(), self.timeout);
        self.under_way.spawn(async move {
            let outcome = match targets.resolve(workload.namespace(), &target) {
                Err(error) => failed(&error),
                Ok((name, driver)) => {
                    let order = Order {
                        target: name,
                        generation: order.generation,
                        from: order.from,
                        to: order.to,
                        attempt: order.attempt,
                        key: order.decision,
                    };
                    match tokio::time::timeout(timeout, driver.set(&order)).await {
                        Ok(Ok(_)) => Outcome::Applied,
                        Ok(Err(error)) => failed(&error),
                        Err(_) => timed_out(timeout),
                    }
                }
            };
            Answer::Set { started, outcome }
        });
    }

    pub(super) fn look(&mut self, workload: &WorkloadId, target: &TargetRef) {
        let (targets, workload, target) =
            (Arc::clone(&self.targets), workload.clone(), target.clone());
        self.under_way.spawn(async move {
            let found = match targets.resolve(workload.namespace(), &target) {
                Ok((name, driver)) => look(&*driver, &name).await,
                Err(error) => {
                    tracing::warn!(%workload, %error, "the target cannot be looked at");
                    None
                }
            };
            Answer::Looked { workload, found }
        });
    }

    fn addressed(&self, job: &Job) -> (Arc<Targets>, WorkloadId, TargetRef) {
        (
            Arc::clone(&self.targets),
            job.workload().clone(),
            job.order().target.clone(),
        )
    }
}

/// Asks a target after a crash; `None` when it cannot say.
async fn ask(driver: &dyn Target, name: &TargetName) -> Option<Found> {
    for _ in 0..READ_TRIES {
        match tokio::time::timeout(READ_TIMEOUT, driver.read(name)).await {
            Ok(Ok(found)) => {
                return Some(Found {
                    replicas: found.replicas,
                    generation: found.generation,
                });
            }
            Ok(Err(error)) if !error.is_retryable() => return None,
            Ok(Err(error)) => {
                tracing::warn!(target = %name, %error, "the target cannot be asked; once more")
            }
            Err(_) => tracing::warn!(target = %name, "the target does not answer; once more"),
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    None
}

async fn look(driver: &dyn Target, name: &TargetName) -> Option<Looked> {
    match tokio::time::timeout(READ_TIMEOUT, driver.read(name)).await {
        Ok(Ok(found)) => Some(Looked {
            replicas: found.replicas,
            ready: found.ready,
            assumed: false,
        }),
        Ok(Err(TargetError::Unsupported { .. })) => driver.initial().map(|replicas| Looked {
            replicas,
            ready: None,
            assumed: true,
        }),
        Ok(Err(error)) => {
            tracing::warn!(target = %name, %error, "the target cannot be looked at");
            None
        }
        Err(_) => {
            tracing::warn!(target = %name, "the target does not answer");
            None
        }
    }
}

fn failed(error: &TargetError) -> Outcome {
    match error {
        TargetError::OlderGeneration { .. } => Outcome::Refused {
            reason: Refusal::OlderGeneration,
        },
        TargetError::TimedOut { after, .. } => Outcome::TimedOut { after_ms: after.0 },
        other => Outcome::Failed {
            error: chain(other),
            retry: other.is_retryable(),
        },
    }
}

fn timed_out(after: Duration) -> Outcome {
    Outcome::TimedOut {
        after_ms: u64::try_from(after.as_millis()).unwrap_or(u64::MAX),
    }
}

/// An error with all its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
