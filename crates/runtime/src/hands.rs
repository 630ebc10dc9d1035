//! The actuator's hands: they call targets, and write down what the targets answer.
//!
//! What to call, and what an answer means, is [`headroom_actuator::hands`]'s business; here are the calls, their
//! time-outs, and the lease: when it is lost, every call under way is ended.

mod calls;
mod watch;

use crate::facts::Facts;
use crate::identity::steady_clock;
use crate::metrics::{Metrics, variant};
use crate::service::Hands;
use crate::{Identity, Status};
use async_trait::async_trait;
use calls::{Answer, Calls};
use headroom_actuator::hands::{Act, Hands as InHand};
use headroom_actuator::{Actuator, Job};
use headroom_log::Log;
use headroom_model::machine::{Committed, Live, Machine as _};
use headroom_model::{Body, Event, EventId, Producer, Service, Timestamp};
use headroom_targets::Targets;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use watch::Watch;

/// How the hands work.
#[derive(Clone, Debug)]
pub struct HandsOptions {
    /// An attempt that takes longer has timed out.
    pub timeout: Duration,
    /// How often targets are looked at for drift.
    pub watch_every: Duration,
    /// How often a target is looked at until it has become what a plan said.
    pub verify_every: Duration,
}

impl Default for HandsOptions {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(300),
            watch_every: Duration::from_secs(2),
            verify_every: Duration::from_millis(250),
        }
    }
}

/// Carries out what the actuator has decided.
pub struct ActuatorHands {
    producer: Producer,
    facts: Facts,
    metrics: Metrics,
    in_hand: InHand,
    /// Written by this process and not begun.
    fresh: BTreeSet<EventId>,
    calls: Calls,
    watch: Watch,
    answers: Vec<Answer>,
}

impl ActuatorHands {
    /// Hands that reach these targets and write to this log.
    #[must_use]
    pub fn new(
        log: Arc<dyn Log>,
        targets: Arc<Targets>,
        identity: &Identity,
        options: &HandsOptions,
        status: Status,
        metrics: Metrics,
    ) -> Self {
        let (facts, _writer) = Facts::start(log, Service::Actuator.token(), status);
        Self {
            calls: Calls::new(targets, options.timeout),
            watch: Watch::new(options),
            producer: identity.producer(Service::Target),
            facts,
            metrics,
            in_hand: InHand::default(),
            fresh: BTreeSet::new(),
            answers: Vec::new(),
        }
    }

    async fn act(&mut self, act: Act) {
        match act {
            Act::Read { started, job } => self.calls.read(started, &job),
            Act::Set { started, job } => {
                let order = job.order();
                tracing::info!(workload = %job.workload(), generation = %order.generation, attempt = order.attempt,
                    from = %order.from, to = %order.to, correlation = %order.decision, "acting");
                self.calls.set(started, &job);
            }
            Act::Report(fact) => self.report(*fact).await,
        }
    }

    async fn report(&self, fact: Event) {
        if let Body::Actuated(actuated) = &fact.body {
            let outcome = variant(&actuated.outcome);
            tracing::info!(workload = %fact.envelope.subject, generation = %actuated.generation, to = %actuated.to,
                outcome, detail = ?actuated.outcome, correlation = %actuated.decision, "actuated");
            self.metrics.actions.with_label_values(&[&outcome]).inc();
        }
        self.facts.write(fact).await;
    }

    async fn answered(&mut self, answer: Answer, live: &Live<Actuator>) {
        let now = live.stamp();
        match answer {
            Answer::Read {
                started,
                found,
                repeatable,
            } => {
                if let Some(act) =
                    self.in_hand
                        .read(started, found, repeatable, now, &self.producer)
                {
                    self.act(act).await;
                }
            }
            Answer::Set { started, outcome } => {
                if let Some(fact) = self.in_hand.set(started, outcome, now, &self.producer) {
                    self.report(fact).await;
                }
            }
            Answer::Looked { workload, found } => {
                if let Some(fact) = self.watch.looked(&workload, found, live, &self.producer) {
                    self.report(fact).await;
                }
            }
        }
    }

    fn let_go(&mut self) {
        self.calls.end_all();
        self.in_hand.let_go();
        self.watch.let_go();
        self.answers.clear();
    }

    async fn take_up(&mut self, jobs: &[Job], now: Timestamp) {
        let fresh = std::mem::take(&mut self.fresh);
        let acts = self.in_hand.take_up(
            jobs,
            |started| fresh.contains(&started),
            now,
            &self.producer,
        );
        for act in acts {
            self.act(act).await;
        }
    }
}

#[async_trait]
impl Hands<Actuator> for ActuatorHands {
    async fn moved(&mut self, live: &Live<Actuator>) {
        let now = steady_clock();
        if !live.leading() {
            self.fresh.clear(); // another may have begun what this one committed
        }
        if !live.may_act(now) {
            if !self.calls.is_idle() || !self.in_hand.is_empty() {
                tracing::warn!("the lease is lost: every call to a target is ended");
            }
            self.let_go();
            return;
        }
        let jobs: Vec<_> = live
            .machine()
            .outstanding()
            .into_iter()
            .filter(|job| !matches!(job, Job::Perform { started, .. } if live.is_pending(*started)))
            .collect();
        // First what is outstanding now: what to do after a look depends on what has changed since it was begun.
        self.take_up(&jobs, live.stamp()).await;
        for answer in std::mem::take(&mut self.answers) {
            self.answered(answer, live).await;
        }
        let due = self.watch.due(&jobs, live.machine());
        for (workload, target) in due {
            self.calls.look(&workload, &target);
        }
    }

    fn committed(&mut self, committed: &Committed) {
        self.fresh.extend(&committed.outputs);
    }

    async fn wake(&mut self) {
        let answer = self.calls.answer().await;
        self.answers.push(answer);
    }

    async fn drain(&mut self) {
        self.let_go();
    }
}
