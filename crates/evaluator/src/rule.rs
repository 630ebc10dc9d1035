//! One rule at work: its newest sample, what it remembers, and what it said last.

use crate::fleet::{Fleet, Settled};
use crate::hpa::{CpuRules, Failure, Proposal, Tolerance};
use crate::listing::{Listed, Listing};
use crate::proportional::{self, Counts};
use crate::quality;
use crate::reckoning::{Reckoning, against, is_of_replicas};
use crate::replicas::Readings;
use crate::samples::{Sample, Shared};
use crate::threshold::{self, Memory};
use headroom_model::{
    Envelope, Replicas, Seq, Timestamp,
    body::{
        CollectionFailed, Input, Observed, Recommendation, Recommended, RuleReason, Unavailable,
    },
};
use headroom_policy::{MetricSource, Rule, Strategy};
use serde::{Deserialize, Serialize};
use std::mem::discriminant;

/// What a rule looks at besides its metric.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Surroundings<'a> {
    /// The counts, as the target's answers tell.
    pub(crate) fleet: &'a Fleet,
    /// The target's replicas.
    pub(crate) listed: Listed<'a>,
    /// When processor time is believed.
    pub(crate) cpu: CpuRules,
    /// The moment.
    pub(crate) now: Timestamp,
}

/// A rule of a policy in force.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ActiveRule {
    rule: Rule,
    sample: Option<Sample>,
    memory: Memory,
    said: Option<Recommendation>,
}

impl ActiveRule {
    /// A rule that has heard nothing yet.
    pub(crate) fn new(rule: Rule) -> Self {
        Self {
            rule,
            sample: None,
            memory: Memory::default(),
            said: None,
        }
    }

    /// The rule as the policy has it.
    pub(crate) fn definition(&self) -> &Rule {
        &self.rule
    }

    /// Has the rule speak again, though it may say the same: its policy is another one now.
    pub(crate) fn speak_again(&mut self) {
        self.said = None;
    }

    /// Takes in the reading that is meant for this rule, if there is one.
    pub(crate) fn observed(
        &mut self,
        observed: &Observed,
        shared: &mut Shared,
        envelope: &Envelope,
        now: Timestamp,
    ) {
        let metric = &self.rule.metric;
        if observed.source != metric.source {
            return;
        }
        for (index, reading) in observed.readings.iter().enumerate() {
            if reading.metric == self.rule.metric.metric {
                let freshness = self.rule.metric.freshness;
                let mut sample = Sample::of(reading, observed.due, envelope, now, freshness);
                if is_of_replicas(&self.rule.metric.scope) {
                    sample.each = shared.each(index, reading);
                }
                self.take(sample, now);
            }
        }
    }

    /// Takes in that the source failed to give a reading for this rule. `at_once`: the last sample does not stand until its
    /// freshness runs out, but a proportional rule cannot say from now on.
    pub(crate) fn failed(
        &mut self,
        failure: &CollectionFailed,
        envelope: &Envelope,
        at_once: bool,
        now: Timestamp,
    ) {
        let MetricSource { source, metric, .. } = &self.rule.metric;
        if failure.source != *source || !failure.metrics.contains(metric) {
            return;
        }
        let sample = Sample::failed(failure, envelope);
        let is_threshold = matches!(self.rule.strategy, Strategy::Threshold { .. });
        if at_once && !is_threshold && sample.can_end(self.sample.as_ref(), now) {
            self.sample = Some(sample.ending());
        } else {
            self.take(sample, now);
        }
    }

    fn take(&mut self, sample: Sample, now: Timestamp) {
        let freshness = self.rule.metric.freshness;
        if !sample.replaces(self.sample.as_ref()) {
            return;
        }
        if let Reckoning::Threshold(threshold) = Reckoning::of(&self.rule) {
            let ordered = self.memory.ordered();
            let continued = self
                .sample
                .as_ref()
                .is_some_and(|last| last.usable(now, freshness));
            let good = sample.usable(now, freshness);
            if !(good && continued) {
                self.memory.interrupted();
            }
            if good {
                self.memory.sampled(&threshold, sample.mean(), sample.at);
            }
            self.unsay(ordered);
        }
        self.sample = Some(sample);
    }

    /// Brings what is remembered up to date after anything that could have changed the replicas.
    pub(crate) fn settle(&mut self, fleet: &Fleet, settled: Option<Settled>, now: Timestamp) {
        if let Reckoning::Threshold(threshold) = Reckoning::of(&self.rule)
            && let Some(sample) = &self.sample
        {
            let ordered = self.memory.ordered();
            self.memory
                .settle(&threshold, fleet, settled, sample.at, now);
            self.unsay(ordered);
        }
    }

    /// What was said of an order that has ended since is void: the same number again would be another order.
    fn unsay(&mut self, ordered: bool) {
        if ordered && !self.memory.ordered() {
            self.said = None;
        }
    }

    /// Folds what this rule said.
    pub(crate) fn said(&mut self, recommendation: &Recommendation, fleet: &Fleet) {
        if let Reckoning::Threshold(threshold) = Reckoning::of(&self.rule) {
            self.memory
                .said(threshold.change, recommendation, fleet.current());
        }
        self.said = Some(recommendation.clone());
    }

    /// The last instant at which the newest sample can be evaluated, if that is not past.
    pub(crate) fn fresh_until(&self, now: Timestamp) -> Option<Timestamp> {
        let until = self
            .sample
            .as_ref()?
            .fresh_until(self.rule.metric.freshness)?;
        (until >= now).then_some(until)
    }

    /// Whether time alone may change what the rule says by `now`. It does not for one that reckons with totals, while its
    /// sample is fresh.
    pub(crate) fn depends_on(&self, now: Timestamp) -> bool {
        let of_totals = matches!(Reckoning::of(&self.rule), Reckoning::Proportional(_));
        !of_totals || self.fresh_until(now).is_none()
    }

    /// What the rule says now; `None` when that is no news: the same number for the same kind of reason.
    pub(crate) fn news(&self, revision: Seq, around: Surroundings<'_>) -> Option<Recommended> {
        let (recommendation, value) = self.evaluate(around);
        if let Some(said) = &self.said
            && says_the_same(said, &recommendation)
        {
            return None;
        }
        Some(Recommended {
            rule: self.rule.name.clone(),
            revision,
            recommendation,
            inputs: self.input(value, around.now).into_iter().collect(),
        })
    }

    /// The recommendation, and the value that it was reckoned from.
    fn evaluate(&self, around: Surroundings<'_>) -> (Recommendation, f64) {
        let unavailable = |cause| Recommendation::Unavailable { cause };
        if let Strategy::Unknown { .. } = self.rule.strategy {
            return (unavailable(Unavailable::UnknownType), f64::NAN);
        }
        let Some(sample) = &self.sample else {
            return (unavailable(Unavailable::NoSample), f64::NAN);
        };
        let quality = sample.quality(around.now, self.rule.metric.freshness);
        if let Some(cause) = quality::unavailable(quality, sample.at) {
            return (unavailable(cause), sample.value);
        }
        if let Reckoning::Threshold(threshold) = Reckoning::of(&self.rule) {
            let wish = threshold::wish(&threshold, &self.memory, sample.at, around.fleet);
            return (wish, sample.mean());
        }
        match self.wish(sample, around) {
            Ok((replicas, reason, value)) => (Recommendation::Desired { replicas, reason }, value),
            // The sum of the readings is no share to hold against a percentage.
            Err(cause) => match self.rule.strategy {
                Strategy::Utilization { .. } => (unavailable(cause), f64::NAN),
                _ => (unavailable(cause), sample.value),
            },
        }
    }

    /// The wish of a proportional rule, why, and from which value.
    fn wish(
        &self,
        sample: &Sample,
        around: Surroundings<'_>,
    ) -> Result<(Replicas, RuleReason, f64), Unavailable> {
        let counts = around.fleet.counts().ok_or(Unavailable::CurrentUnknown)?;
        match (Reckoning::of(&self.rule), &sample.each) {
            (Reckoning::OfReplicas(aim, tolerance), Some(measured)) => {
                let readings = Readings {
                    metric: &self.rule.metric.metric,
                    scope: &self.rule.metric.scope,
                    measured,
                    at: sample.at,
                    freshness: self.rule.metric.freshness,
                    listing: match around.listed {
                        Listed::Nowhere => None,
                        Listed::Now(listing) => Some(listing),
                        Listed::Then(since) => return Err(Unavailable::Stale { since }),
                    },
                    cpu: around.cpu,
                    now: around.now,
                };
                let proposal = readings.propose(aim, tolerance, counts.current);
                let proposal = proposal.map_err(cause)?;
                let value = match proposal.utilization_percent {
                    Some(percent) => f64::from(percent),
                    None => proposal.measured.units(),
                };
                Ok((proposal.replicas, reason(&proposal, tolerance), value))
            }
            (Reckoning::Proportional(aim), None) => {
                let counts = match around.listed {
                    Listed::Now(listing) => seen(counts, listing),
                    Listed::Nowhere | Listed::Then(_) => counts,
                };
                let wish = proportional::wish(&aim, sample.load(), counts).map_err(cause)?;
                Ok((wish.replicas, wish.reason, wish.load))
            }
            _ => Err(Unavailable::NotPerReplica),
        }
    }

    fn input(&self, value: f64, now: Timestamp) -> Option<Input> {
        let sample = self.sample.as_ref()?;
        Some(Input {
            metric: self.rule.metric.metric.clone(),
            value,
            against: against(&self.rule.strategy),
            quality: sample.quality(now, self.rule.metric.freshness),
            at: sample.at,
            event: sample.event,
            seq: sample.seq,
        })
    }
}

/// The counts as the list of replicas has them.
fn seen(counts: Counts, listing: &Listing) -> Counts {
    Counts {
        ready: listing.ready(),
        counted: listing.counted().unwrap_or(counts.counted),
        seen: true,
        ..counts
    }
}

/// Why replicas are proposed.
fn reason(proposal: &Proposal, tolerance: Tolerance) -> RuleReason {
    let &Proposal { ratio, counted, .. } = proposal;
    if !proposal.stays {
        RuleReason::Proportional { ratio, counted }
    } else if tolerance.holds(ratio) {
        RuleReason::WithinTolerance {
            ratio,
            tolerance: tolerance.beside(ratio),
        }
    } else {
        RuleReason::MissingReplicas {
            missing: proposal.assumed,
        }
    }
}

/// Why nothing can be proposed.
fn cause(failure: Failure) -> Unavailable {
    match failure {
        Failure::NoReplicas => Unavailable::NoReplicas,
        Failure::NoSamples => Unavailable::Missing,
        Failure::NoUsableSamples => Unavailable::NoSuchSamples,
        Failure::NoMatchingSamples => Unavailable::StrangeSamples,
        Failure::MissingRequest { replica, container } => {
            Unavailable::MissingRequest { replica, container }
        }
        Failure::NoSuchContainer { replica, container } => {
            Unavailable::NoSuchContainer { replica, container }
        }
    }
}

/// Whether a rule that said `before` says nothing else with `now`: the same number for the same kind of reason. That what
/// was ordered when a threshold fired goes on standing is nothing else either.
fn says_the_same(before: &Recommendation, now: &Recommendation) -> bool {
    use Recommendation::{Desired, NoOpinion, Unavailable};
    use RuleReason::{ThresholdHeld, ThresholdOrdered};
    match (before, now) {
        (
            Desired { replicas, reason },
            Desired {
                replicas: replicas_now,
                reason: reason_now,
            },
        ) => {
            let same_kind = discriminant(reason) == discriminant(reason_now)
                || matches!(
                    (reason, reason_now),
                    (ThresholdHeld { .. }, ThresholdOrdered)
                );
            replicas == replicas_now && same_kind
        }
        (NoOpinion { reason }, NoOpinion { reason: now }) => {
            discriminant(reason) == discriminant(now)
        }
        (Unavailable { cause }, Unavailable { cause: now }) => {
            discriminant(cause) == discriminant(now)
        }
        _ => false,
    }
}
