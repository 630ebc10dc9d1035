//! Readings of replicas to a proposal: resource and pods metrics.
//!
//! A replica that gave no sample is assumed to carry nothing when the others want more replicas, and its full share when
//! they want fewer; one that is not ready carries nothing when more are wanted. If that turns the direction, the count
//! stays.

use super::group::{CpuRules, Groups, Replica, Sample, group};
use super::ratio::{self, Ratio};
use super::{Failure, Milli, Proposal, Tolerance, rounded_up};
use headroom_model::{Replicas, Timestamp};
use std::collections::BTreeMap;

/// The readings of one metric.
#[derive(Clone, Copy, Debug)]
pub struct Samples<'a> {
    /// The target's replicas.
    pub replicas: &'a [Replica],
    /// Whether the source gave anything, be it of replicas whose sample is incomplete and so not in `samples`.
    pub answered: bool,
    /// What was measured, by the replica's name.
    pub samples: &'a BTreeMap<&'a str, Sample>,
    /// When to believe them, if they are processor time.
    pub cpu: Option<CpuRules>,
    /// The moment of the evaluation.
    pub now: Timestamp,
}

/// As many replicas as bring the share of their requests that they use to `target_percent`.
///
/// # Errors
/// When nothing can be said.
pub fn resource_utilization(
    samples: Samples<'_>,
    requests: impl FnOnce() -> Result<BTreeMap<String, Milli>, Failure>,
    target_percent: i32,
    tolerance: Tolerance,
    current: Replicas,
) -> Result<Proposal, Failure> {
    let counted = Counted::of(samples)?;
    let requests = requests()?;
    let requests: BTreeMap<_, _> = requests
        .iter()
        .map(|(name, request)| (name.as_str(), *request))
        .collect();
    let ratio = |values: &_| ratio::utilization(values, &requests, target_percent);
    // More than the whole request if that is what a replica should use.
    let full = i128::from(target_percent.max(100));
    let share = |name: &str| {
        let request = requests.get(name).copied().unwrap_or_default();
        Milli::saturated(i128::from(request.0) * full / 100)
    };
    counted.propose(ratio, share, tolerance, current)
}

/// As many replicas as bring their average to `target`.
///
/// # Errors
/// When nothing can be said.
pub fn average_value(
    samples: Samples<'_>,
    target: Milli,
    tolerance: Tolerance,
    current: Replicas,
) -> Result<Proposal, Failure> {
    let counted = Counted::of(samples)?;
    let ratio = |values: &_| ratio::usage(values, target);
    counted.propose(ratio, |_| target, tolerance, current)
}

/// Replicas in groups, and the values of those that count.
struct Counted<'a> {
    groups: Groups<'a>,
    values: BTreeMap<&'a str, Milli>,
}

impl<'a> Counted<'a> {
    fn of(samples: Samples<'a>) -> Result<Self, Failure> {
        if !samples.answered {
            return Err(Failure::NoSamples);
        }
        if samples.replicas.is_empty() {
            return Err(Failure::NoReplicas);
        }
        let groups = group(samples.replicas, samples.samples, samples.cpu, samples.now);
        let all = samples.samples.iter();
        let mut values: BTreeMap<_, _> = all.map(|(name, sample)| (*name, sample.value)).collect();
        for name in groups.ignored.iter().chain(&groups.unready) {
            values.remove(name);
        }
        match values.is_empty() {
            true => Err(Failure::NoUsableSamples),
            false => Ok(Self { groups, values }),
        }
    }

    fn propose(
        mut self,
        ratio: impl Fn(&BTreeMap<&'a str, Milli>) -> Result<Ratio, Failure>,
        share: impl Fn(&str) -> Milli,
        tolerance: Tolerance,
        current: Replicas,
    ) -> Result<Proposal, Failure> {
        let measured = ratio(&self.values)?;
        let silent = self.groups.missing.len() + self.groups.unready.len();
        let (counted, assumed) = (
            Replicas(self.groups.ready),
            u32::try_from(silent).unwrap_or(u32::MAX),
        );
        let said = |replicas: Option<Replicas>| Proposal {
            replicas: replicas.unwrap_or(current),
            ratio: measured.ratio,
            measured: measured.average,
            utilization_percent: measured.utilization_percent,
            stays: replicas.is_none(),
            counted,
            assumed,
        };
        let before = measured.ratio;
        let up_with_unready = !self.groups.unready.is_empty() && before > 1.0;
        if !up_with_unready && self.groups.missing.is_empty() {
            let wanted = rounded_up(before * f64::from(self.groups.ready));
            return Ok(said(wanted.filter(|_| !tolerance.holds(before))));
        }
        for name in &self.groups.missing {
            if before < 1.0 {
                self.values.insert(name, share(name));
            } else if before > 1.0 {
                self.values.insert(name, Milli(0));
            }
        }
        if up_with_unready {
            let unready = self.groups.unready.iter();
            self.values.extend(unready.map(|name| (*name, Milli(0))));
        }
        let after = ratio(&self.values)?.ratio;
        let wanted = rounded_up(after * self.values.len() as f64);
        let turns = |wanted: &Replicas| {
            (before < 1.0 && after > 1.0)
                || (before > 1.0 && after < 1.0)
                || (after < 1.0 && *wanted > current)
                || (after > 1.0 && *wanted < current)
        };
        let moves = |wanted: &Replicas| !turns(wanted) && !tolerance.holds(after);
        Ok(said(wanted.filter(moves)))
    }
}
