//! What autoscaling/v2 makes of one metric, exactly: readings of replicas and totals, to a proposal in replicas.
//!
//! Values are whole thousandths ([`Milli`]), as the HPA counts quantities, and where it cuts a quotient off, so does this.
//! Where its numbers would wrap around, these saturate. Rule: Kubernetes HPA, "Algorithm details".

mod group;
mod ratio;
mod replicas;
mod requests;
#[cfg(test)]
mod tests;
mod totals;

pub use group::{CpuRules, Groups, Replica, Sample, group, ready_of};
pub use ratio::{Ratio, usage, utilization};
pub use replicas::{Samples, average_value, resource_utilization};
pub use requests::request_of;
pub use totals::{average_of_sum, average_of_total, value};

use headroom_model::Replicas;
use thiserror::Error;

/// The largest count that Kubernetes can hold, 2^31 − 1.
pub const MOST_REPLICAS: Replicas = Replicas(i32::MAX.unsigned_abs());

/// A quantity in thousandths of its unit: 1,000 is one core, or one request a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Milli(pub i64);

impl Milli {
    /// The sum of quantities; saturates.
    #[must_use]
    pub fn sum(values: impl IntoIterator<Item = Self>) -> Self {
        Self::saturated(values.into_iter().map(|value| i128::from(value.0)).sum())
    }

    /// A value in whole thousandths, rounded up; saturates. NaN is none.
    #[must_use]
    pub fn of(value: f64) -> Self {
        Self(in_thousandths(value).ceil() as i64)
    }

    /// The same in its unit.
    #[must_use]
    pub fn units(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    fn saturated(value: i128) -> Self {
        let most = i128::from(i64::MAX);
        Self(i64::try_from(value.clamp(-most - 1, most)).unwrap_or(i64::MAX))
    }
}

/// Dead bands around the target value, as ratios of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// Above.
    pub up: f64,
    /// Below.
    pub down: f64,
}

impl Tolerance {
    /// Whether a ratio is so near 1 that nothing should change. Both edges are within.
    #[must_use]
    pub fn holds(&self, ratio: f64) -> bool {
        1.0 - self.down <= ratio && ratio <= 1.0 + self.up
    }

    /// The one on the side of a ratio.
    #[must_use]
    pub fn beside(&self, ratio: f64) -> f64 {
        if ratio < 1.0 { self.down } else { self.up }
    }
}

/// What one metric asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// The count, before any bound.
    pub replicas: Replicas,
    /// Usage over target value as it was measured, before anything was assumed of replicas that gave no sample.
    pub ratio: f64,
    /// What was measured: the average of one replica, or the value itself.
    pub measured: Milli,
    /// The share of the requests that is used, in whole percent; only of a utilization.
    pub utilization_percent: Option<i32>,
    /// The count stays because the ratio is within the tolerance, or because what was assumed turned the direction.
    pub stays: bool,
    /// How many replicas count with what was measured.
    pub counted: Replicas,
    /// Of how many others something was assumed, since they gave no sample that is believed.
    pub assumed: u32,
}

/// Why a metric asks for nothing.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Failure {
    /// There are no replicas to measure.
    #[error("there are no replicas to measure; is the target's selector right?")]
    NoReplicas,
    /// The source gave no sample at all. It is asked first: whether there are replicas is not looked at then.
    #[error("the source gave no sample of any replica")]
    NoSamples,
    /// There are samples, but none that counts.
    #[error("no replica that counts gave a sample; they may not be ready yet")]
    NoUsableSamples,
    /// Samples are of replicas that nobody knows.
    #[error("no sample is of a replica of this target")]
    NoMatchingSamples,
    /// The share of a request is wanted, and there is no request.
    #[error(
        "container {container:?} of replica {replica:?} requests nothing; set its resource request"
    )]
    MissingRequest {
        /// The replica.
        replica: String,
        /// The container.
        container: String,
    },
    /// A replica lacks the container whose usage is wanted.
    #[error("replica {replica:?} has no container {container:?}; name one that it has")]
    NoSuchContainer {
        /// The replica.
        replica: String,
        /// The container.
        container: String,
    },
}

/// A value in thousandths. What binary fractions miss of a whole number of them (2.007 times 1000 is 2007.0000000000002) is
/// made good; finer values stay as they are. At most 2^63 either way, as a Kubernetes quantity.
fn in_thousandths(value: f64) -> f64 {
    const MOST: f64 = 9_223_372_036_854_775_808.0;
    let exact = (value * 1000.0).clamp(-MOST, MOST);
    let whole = exact.round();
    if (exact - whole).abs() <= exact.abs() * 1e-12 {
        whole
    } else {
        exact
    }
}

/// The next whole count, from 0 to [`MOST_REPLICAS`]; `None` for what is no number.
fn rounded_up(exact: f64) -> Option<Replicas> {
    // The cast saturates.
    (!exact.is_nan()).then(|| Replicas((exact.ceil() as i32).max(0).unsigned_abs()))
}
