//! Rules of single replicas: from readings and the list of replicas to what the HPA makes of them.

use crate::hpa::{
    self, CpuRules, Failure, Milli, Proposal, Sample, Samples, Tolerance, average_value,
    resource_utilization,
};
use crate::listing::Listing;
use crate::quality::{AHEAD_AT_MOST, stale};
use headroom_model::{
    Replicas, Span, Timestamp,
    body::{ContainerUsage, Measured},
};
use headroom_policy::Scope;
use std::collections::BTreeMap;

/// The resource whose samples are not believed while a replica starts.
const CPU: &str = "cpu";

/// What a rule of single replicas aims at.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Aim {
    /// So much of each.
    Average(f64),
    /// This share of what each requests, in percent.
    Percent(u32),
}

/// The newest readings of one metric, and what they are held against.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Readings<'a> {
    /// The metric; of a resource its name.
    pub(crate) metric: &'a str,
    /// What it is a number of.
    pub(crate) scope: &'a Scope,
    /// The readings.
    pub(crate) measured: &'a Measured,
    /// When they were taken.
    pub(crate) at: Timestamp,
    /// Single readings older than this are none.
    pub(crate) freshness: Span,
    /// The target's replicas; `None` where nobody lists them, so that those count that have a reading, and as many without
    /// one as the target has more.
    pub(crate) listing: Option<&'a Listing>,
    /// When processor time is believed.
    pub(crate) cpu: CpuRules,
    /// The moment of the evaluation.
    pub(crate) now: Timestamp,
}

impl Readings<'_> {
    /// As many replicas as bring them to the aim.
    pub(crate) fn propose(
        &self,
        aim: Aim,
        tolerance: Tolerance,
        current: Replicas,
    ) -> Result<Proposal, Failure> {
        let named;
        let listing = match self.listing {
            Some(listing) => listing,
            None => {
                named = Listing::of_names(self.named(), current, self.at);
                named.as_ref().ok_or(Failure::NoUsableSamples)?
            }
        };
        let samples = Samples {
            replicas: listing.replicas(),
            answered: !self.named().is_empty(),
            samples: &self.samples(),
            cpu: (self.is_resource() && self.metric == CPU).then_some(self.cpu),
            now: self.now,
        };
        match aim {
            Aim::Average(target) => {
                average_value(samples, hpa::Milli::of(target), tolerance, current)
            }
            Aim::Percent(percent) => {
                let container = match self.scope {
                    Scope::Container(container) => Some(container.as_str()),
                    _ => None,
                };
                let requests = || listing.requests(self.metric, container);
                let percent = i32::try_from(percent).unwrap_or(i32::MAX);
                resource_utilization(samples, requests, percent, tolerance, current)
            }
        }
    }

    fn is_resource(&self) -> bool {
        matches!(self.scope, Scope::Resource | Scope::Container(_))
    }

    fn named(&self) -> &[String] {
        match self.measured {
            Measured::PerReplica { replicas, .. } => replicas,
            Measured::PerContainer(usage) => &usage.replicas,
            Measured::Total(_) | Measured::Missing => &[],
        }
    }

    /// The sample of each replica that gave one.
    fn samples(&self) -> BTreeMap<&str, Sample> {
        let sample = |(name, value, at, window): (_, _, Timestamp, _)| {
            let believed =
                !stale(at, self.now, self.freshness) && at <= self.now.plus(AHEAD_AT_MOST);
            believed.then_some((name, Sample { value, at, window }))
        };
        match self.measured {
            Measured::Total(_) | Measured::Missing => BTreeMap::new(),
            Measured::PerReplica { replicas, values } => replicas
                .iter()
                .zip(values)
                .filter(|(_, value)| value.is_finite())
                .map(|(name, value)| (name.as_str(), Milli::of(*value), self.at, Span::ZERO))
                .filter_map(sample)
                .collect(),
            Measured::PerContainer(usage) => usage
                .replicas
                .iter()
                .enumerate()
                .filter_map(|(row, name)| {
                    let value = self.used(usage, row)?;
                    let at = usage.at.get(row).copied().unwrap_or(self.at);
                    let window = usage.windows.get(row).copied().unwrap_or_default();
                    Some((name.as_str(), value, at, window))
                })
                .filter_map(sample)
                .collect(),
        }
    }

    /// What one replica uses: one container of it, or all of them if all answered.
    fn used(&self, usage: &ContainerUsage, row: usize) -> Option<Milli> {
        let columns = usage.containers.len();
        let first = row.checked_mul(columns)?;
        let cells = usage.values.get(first..first.checked_add(columns)?)?;
        let finite = |value: &&f64| value.is_finite();
        match self.scope {
            Scope::Container(container) => {
                let column = usage.containers.iter().position(|name| name == container)?;
                let value = cells.get(column).filter(finite)?;
                Some(Milli::of(*value))
            }
            _ if usage.incomplete.get(row).copied().unwrap_or_default() => None,
            _ => {
                let answered: Vec<_> = cells.iter().filter(finite).collect();
                let sum = Milli::sum(answered.iter().map(|value| Milli::of(**value)));
                (!answered.is_empty()).then_some(sum)
            }
        }
    }
}
