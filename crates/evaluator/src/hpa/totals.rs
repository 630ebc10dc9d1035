//! Totals to a proposal: object and external metrics.
//!
//! A negative total asks for no replicas; the HPA takes that of external metrics for an overflow, and so for the largest
//! number.

use super::{Milli, Proposal, Tolerance, rounded_up};
use headroom_model::Replicas;

/// As many replicas as bring a value to its target, should it fall as their number grows. Only those that are ready share
/// it; `ready` is asked only when that matters.
///
/// # Errors
/// As `ready` says.
pub fn value<E>(
    value: Milli,
    target: Milli,
    tolerance: Tolerance,
    current: Replicas,
    ready: impl FnOnce() -> Result<Replicas, E>,
) -> Result<Proposal, E> {
    let ratio = value.0 as f64 / target.0 as f64;
    let mut counted = current;
    let wanted = if current == Replicas::ZERO {
        rounded_up(ratio)
    } else if tolerance.holds(ratio) {
        None
    } else {
        counted = ready()?;
        rounded_up(ratio * f64::from(counted.0))
    };
    Ok(proposal(wanted, current, ratio, value, counted))
}

/// As many replicas as carry a total at `target` each. `current` is how many there are, not how many there should be.
/// From none the ratio is that of one replica, and never within the tolerance.
#[must_use]
pub fn average_of_total(
    total: Milli,
    target: Milli,
    tolerance: Tolerance,
    current: Replicas,
) -> Proposal {
    let (total, target) = (total.0 as f64, target.0 as f64);
    let count = f64::from(current.0.max(1));
    let ratio = total / (target * count);
    let stays = current > Replicas::ZERO && tolerance.holds(ratio);
    let wanted = rounded_up(total / target).filter(|_| !stays);
    let average = Milli((total / count).ceil() as i64);
    proposal(wanted, current, ratio, average, current)
}

/// The same of a total that is a sum. The average of one that saturated is not known, and so is the sum itself.
#[must_use]
pub fn average_of_sum(
    sum: Milli,
    target: Milli,
    tolerance: Tolerance,
    current: Replicas,
) -> Proposal {
    let proposal = average_of_total(sum, target, tolerance, current);
    let saturated = sum.0 as f64 >= i64::MAX as f64;
    Proposal {
        measured: if saturated {
            Milli(i64::MAX)
        } else {
            proposal.measured
        },
        ..proposal
    }
}

fn proposal(
    wanted: Option<Replicas>,
    current: Replicas,
    ratio: f64,
    measured: Milli,
    counted: Replicas,
) -> Proposal {
    Proposal {
        replicas: wanted.unwrap_or(current),
        ratio,
        measured,
        utilization_percent: None,
        stays: wanted.is_none(),
        counted,
        assumed: 0,
    }
}
