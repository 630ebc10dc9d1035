//! The actuator's hands: they call targets, and write down what the targets answer.
//!
//! What to call, and what an answer means, is [`headroom_actuator::hands`]'s business; here are the calls, their
//! time-outs, and the lease: when it is lost, every call under way is ended. Once the service is asked to stop, what is
//! in hand is brought to its end and nothing more is taken up.

mod calls;
mod lease;
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
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};
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
    /// How long calls in hand may still take once the service is asked to stop.
    pub grace: Duration,
}

impl Default for HandsOptions {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(300),
            watch_every: Duration::from_secs(2),
            verify_every: Duration::from_millis(250),
            grace: Duration::from_secs(20),
        }
    }
}

/// The pause before an attempt is taken up again whose driver crashed, or whose outcome the log refused.
const REST: Duration = Duration::from_secs(2);

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
    /// Attempts that rest until then.
    resting: BTreeMap<EventId, Instant>,
    grace: Duration,
    /// The service was asked to stop.
    finishing: bool,
    /// It was, and there is no time left.
    late: bool,
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
            resting: BTreeMap::new(),
            grace: options.grace,
            finishing: false,
            late: false,
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
            Answer::Lost { started } => {
                self.in_hand.crashed(started);
                self.resting.insert(started, Instant::now() + REST);
            }
            Answer::Looked { workload, found } => {
                if let Some(fact) = self.watch.looked(&workload, found, live, &self.producer) {
                    self.report(fact).await;
                }
            }
        }
    }

    fn let_go_of_all(&mut self) {
        self.calls.end_all();
        self.in_hand.let_go();
        self.watch.let_go();
        self.answers.clear();
    }

    /// An outcome that the log refused is not known to anyone else: the attempt is looked at again.
    fn hear_refusals(&mut self) {
        for fact in self.facts.take_refused() {
            if let Some(started) = self.in_hand.refused(fact) {
                self.resting.insert(started, Instant::now() + REST);
            }
        }
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

    /// What must be under way now. Once the service is asked to stop, that is what was begun, and what nobody else would
    /// know to be untouched.
    fn jobs(&mut self, live: &Live<Actuator>) -> Vec<Job> {
        let now = Instant::now();
        self.resting.retain(|_, until| *until > now);
        let wanted = |job: &Job| match job {
            Job::Perform { started, .. } => {
                let begun = self.in_hand.holds(*started) || self.fresh.contains(started);
                let rests = self.resting.contains_key(started);
                !live.is_pending(*started) && !rests && (begun || !self.finishing)
            }
            Job::Verify { .. } => true,
        };
        let outstanding = live.machine().outstanding();
        outstanding.into_iter().filter(wanted).collect()
    }
}

#[async_trait]
impl Hands<Actuator> for ActuatorHands {
    async fn moved(&mut self, live: &Live<Actuator>) {
        let now = steady_clock();
        self.hear_refusals();
        if !live.leading() {
            self.fresh.clear(); // another may have begun what this one committed
        }
        if self.late || !live.may_act(now) {
            if !self.calls.is_idle() || !self.in_hand.is_empty() {
                tracing::warn!("the lease is lost: every call to a target is ended");
            }
            self.let_go_of_all();
            return;
        }
        self.calls.may_act_until(live.may_act_until());
        // First what is outstanding now: what to do after a look depends on what has changed since it was begun.
        let jobs = self.jobs(live);
        self.take_up(&jobs, live.stamp()).await;
        for answer in std::mem::take(&mut self.answers) {
            self.answered(answer, live).await;
        }
        if self.finishing {
            return;
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

    fn grace(&self) -> Duration {
        self.grace
    }

    fn finish(&mut self) {
        self.finishing = true;
        let in_hand = self.in_hand.len();
        tracing::info!(
            in_hand,
            "nothing more is begun; what is in hand is waited for"
        );
    }

    fn finished(&self) -> bool {
        let idle = self.in_hand.is_empty() && self.answers.is_empty() && self.fresh.is_empty();
        idle && self.facts.all_written()
    }

    async fn let_go(&mut self) {
        let in_hand = self.in_hand.len();
        if in_hand > 0 {
            tracing::warn!(
                in_hand,
                "let go of what is in hand; whoever takes it up asks the targets first"
            );
        }
        self.calls.see_all_end().await;
        self.let_go_of_all();
        self.fresh.clear();
        self.late = self.finishing;
    }
}
