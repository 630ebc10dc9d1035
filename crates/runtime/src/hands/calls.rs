//! Calls to targets that are under way, each a task that ends with the lease at the latest.

use super::lease::Lease;
use futures::FutureExt as _;
use headroom_actuator::Job;
use headroom_actuator::attempt::Found;
use headroom_model::body::{Outcome, Refusal, TargetRef};
use headroom_model::machine::Moment;
use headroom_model::{EventId, Replicas, WorkloadId};
use headroom_targets::{Guarantee, Order, Target, TargetError, TargetName, Targets};
use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// How long a look at a target may take.
const READ_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a look that failed for a passing reason is taken again after a crash.
const READ_TRIES: u32 = 3;
/// How long calls that are ended may take to clean up: they kill what they have started, and wait for nothing.
const END: Duration = Duration::from_secs(1);

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
    /// To an order whose end nobody saw: the driver panicked, or the lease ended first.
    Lost { started: EventId },
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
    lease: Lease,
    under_way: JoinSet<Answer>,
}

impl Calls {
    pub(super) fn new(targets: Arc<Targets>, timeout: Duration) -> Self {
        Self {
            targets,
            timeout,
            lease: Lease::default(),
            under_way: JoinSet::new(),
        }
    }

    /// Orders go on until then, unless it is put off again.
    pub(super) fn may_act_until(&self, end: Moment) {
        self.lease.ends_at(end);
    }

    pub(super) fn is_idle(&self) -> bool {
        self.under_way.is_empty()
    }

    /// Ends every call: its future is dropped, and drivers clean up after themselves.
    pub(super) fn end_all(&mut self) {
        self.lease.ends_at(Moment::default());
        self.under_way = JoinSet::new();
    }

    /// Ends every call, and waits until that is done.
    pub(super) async fn see_all_end(&mut self) {
        let mut ending = std::mem::take(&mut self.under_way);
        self.end_all();
        if tokio::time::timeout(END, ending.shutdown()).await.is_err() {
            tracing::error!("a driver does not end its call when it is told to");
        }
    }

    /// Completes when a call is answered; never while none is under way.
    pub(super) async fn answer(&mut self) -> Answer {
        loop {
            match self.under_way.join_next().await {
                Some(Ok(answer)) => return answer,
                Some(Err(error)) => tracing::error!(%error, "a call to a target was cut off"),
                None => std::future::pending().await,
            }
        }
    }

    /// Starts a call. Should its driver panic, `instead` is the answer.
    fn start(
        &mut self,
        workload: &WorkloadId,
        instead: Answer,
        call: impl Future<Output = Answer> + Send + 'static,
    ) {
        let workload = workload.clone();
        self.under_way.spawn(async move {
            match AssertUnwindSafe(call).catch_unwind().await {
                Ok(answer) => answer,
                Err(panic) => {
                    tracing::error!(%workload, panic = said(&*panic), "the driver of a target has crashed; this is a defect of it");
                    instead
                }
            }
        });
    }

    pub(super) fn read(&mut self, started: EventId, job: &Job) {
        let driver = self.driver(job.workload(), &job.order().target);
        let repeatable = driver.as_ref().map_or(true, |(_, driver)| {
            driver.guarantee() != Guarantee::AtLeastOnce
        });
        let answer = move |found| Answer::Read {
            started,
            found,
            repeatable,
        };
        self.start(job.workload(), answer(None), async move {
            answer(match driver {
                Ok((name, driver)) => ask(&*driver, &name).await,
                Err(_) => None, // the order itself will say what is not configured
            })
        });
    }

    pub(super) fn set(&mut self, started: EventId, job: &Job) {
        let driver = self.driver(job.workload(), &job.order().target);
        let (order, timeout, lease) = (job.order().clone(), self.timeout, self.lease.clone());
        self.start(job.workload(), Answer::Lost { started }, async move {
            let (name, driver) = match driver {
                Ok(driver) => driver,
                Err(error) => {
                    let outcome = failed(&error);
                    return Answer::Set { started, outcome };
                }
            };
            let order = Order {
                target: name,
                generation: order.generation,
                from: order.from,
                to: order.to,
                attempt: order.attempt,
                key: order.decision,
            };
            let set = tokio::time::timeout(timeout, driver.set(&order));
            let outcome = match lease.bind(set).await {
                Some(Ok(Ok(_))) => Outcome::Applied,
                Some(Ok(Err(error))) => failed(&error),
                Some(Err(_)) => timed_out(timeout),
                None => {
                    tracing::warn!(target = %order.target, generation = %order.generation, "the lease has ended: the call to the target is ended");
                    return Answer::Lost { started };
                }
            };
            Answer::Set { started, outcome }
        });
    }

    pub(super) fn look(&mut self, workload: &WorkloadId, target: &TargetRef) {
        let driver = self.driver(workload, target);
        let looked = {
            let workload = workload.clone();
            move |found| Answer::Looked { workload, found }
        };
        self.start(workload, looked.clone()(None), async move {
            looked(match driver {
                Ok((name, driver)) => look(&*driver, &name).await,
                Err(error) => {
                    tracing::warn!(%error, "the target cannot be looked at");
                    None
                }
            })
        });
    }

    fn driver(
        &self,
        workload: &WorkloadId,
        target: &TargetRef,
    ) -> Result<(TargetName, Arc<dyn Target>), TargetError> {
        self.targets.resolve(workload.namespace(), target)
    }
}

/// What a panic said.
fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("nothing")
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
