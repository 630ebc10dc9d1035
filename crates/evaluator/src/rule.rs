//! One rule at work: its newest sample, what it remembers, and what it said last.

use crate::fleet::{Fleet, Settled};
use crate::proportional::{self, Aim};
use crate::quality;
use crate::samples::Sample;
use crate::threshold::{self, Memory, Threshold};
use headroom_model::{
    Envelope, Seq, Timestamp,
    body::{
        CollectionFailed, Input, Observed, Recommendation, Recommended, RuleReason, Unavailable,
    },
};
use headroom_policy::{Crossed, MetricSource, Rule, Strategy, TargetValue};
use serde::{Deserialize, Serialize};
use std::mem::discriminant;

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
    pub(crate) fn observed(&mut self, observed: &Observed, envelope: &Envelope, now: Timestamp) {
        let metric = &self.rule.metric;
        if observed.source != metric.source {
            return;
        }
        for reading in &observed.readings {
            if reading.metric == self.rule.metric.metric {
                let freshness = self.rule.metric.freshness;
                self.take(Sample::of(reading, envelope, now, freshness), now);
            }
        }
    }

    /// Takes in that the source failed to give a reading for this rule.
    pub(crate) fn failed(
        &mut self,
        failure: &CollectionFailed,
        envelope: &Envelope,
        now: Timestamp,
    ) {
        let MetricSource { source, metric, .. } = &self.rule.metric;
        if failure.source == *source && failure.metrics.contains(metric) {
            self.take(Sample::failed(failure, envelope), now);
        }
    }

    fn take(&mut self, sample: Sample, now: Timestamp) {
        let freshness = self.rule.metric.freshness;
        if !sample.replaces(self.sample.as_ref()) {
            return;
        }
        if let Reckoning::Threshold(threshold) = Reckoning::of(&self.rule.strategy) {
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
        if let Reckoning::Threshold(threshold) = Reckoning::of(&self.rule.strategy)
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
        if let Reckoning::Threshold(threshold) = Reckoning::of(&self.rule.strategy) {
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

    /// What the rule says now; `None` when that is no news: the same number for the same kind of reason.
    pub(crate) fn news(&self, revision: Seq, fleet: &Fleet, now: Timestamp) -> Option<Recommended> {
        let (recommendation, value) = self.evaluate(fleet, now);
        if let Some(said) = &self.said
            && says_the_same(said, &recommendation)
        {
            return None;
        }
        Some(Recommended {
            rule: self.rule.name.clone(),
            revision,
            recommendation,
            inputs: self.input(value, now).into_iter().collect(),
        })
    }

    /// The recommendation, and the value that it was reckoned from.
    fn evaluate(&self, fleet: &Fleet, now: Timestamp) -> (Recommendation, f64) {
        let unavailable = |cause| Recommendation::Unavailable { cause };
        let Some(sample) = &self.sample else {
            return (unavailable(Unavailable::NoSample), f64::NAN);
        };
        let quality = sample.quality(now, self.rule.metric.freshness);
        if let Some(cause) = quality::unavailable(quality, sample.at) {
            return (unavailable(cause), sample.value);
        }
        match Reckoning::of(&self.rule.strategy) {
            Reckoning::Proportional(aim) => {
                let Some(counts) = fleet.counts() else {
                    return (unavailable(Unavailable::CurrentUnknown), sample.value);
                };
                let wish = proportional::wish(&aim, sample.load(), counts);
                let (replicas, reason) = (wish.replicas, wish.reason);
                (Recommendation::Desired { replicas, reason }, wish.load)
            }
            Reckoning::Threshold(threshold) => {
                let wish = threshold::wish(&threshold, &self.memory, sample.at, fleet);
                (wish, sample.mean())
            }
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

/// A rule's strategy, as the file of its arithmetic takes it.
enum Reckoning {
    Proportional(Aim),
    Threshold(Threshold),
}

impl Reckoning {
    fn of(strategy: &Strategy) -> Self {
        match *strategy {
            Strategy::Proportional {
                target,
                tolerance_up,
                tolerance_down,
            } => Self::Proportional(Aim {
                target,
                tolerance_up,
                tolerance_down,
            }),
            Strategy::Threshold {
                crossed,
                hold_for,
                change,
            } => Self::Threshold(Threshold {
                crossed,
                hold_for,
                change,
            }),
        }
    }
}

/// The number that a rule holds its value against.
fn against(strategy: &Strategy) -> f64 {
    match strategy {
        Strategy::Proportional { target, .. } => match target {
            TargetValue::AverageValue(value) | TargetValue::Value(value) => *value,
        },
        Strategy::Threshold { crossed, .. } => match crossed {
            Crossed::Above(limit) | Crossed::Below(limit) => *limit,
        },
    }
}
