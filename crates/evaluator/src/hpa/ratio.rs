//! Usage over target value, of the replicas that gave a sample.

use super::{Failure, Milli};
use std::collections::BTreeMap;

/// Usage over target value, and the usage.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    /// Usage over target value; 1 is just right.
    pub ratio: f64,
    /// The average of one replica, cut off to a whole thousandth.
    pub average: Milli,
    /// The share of the requests that is used, cut off to a whole percent.
    pub utilization_percent: Option<i32>,
}

/// The average usage over its target value.
///
/// # Errors
/// [`Failure::NoUsableSamples`] when there are none.
pub fn usage(values: &BTreeMap<&str, Milli>, target: Milli) -> Result<Ratio, Failure> {
    let average = average(values.values().copied()).ok_or(Failure::NoUsableSamples)?;
    Ok(Ratio {
        ratio: average.0 as f64 / target.0 as f64,
        average,
        utilization_percent: None,
    })
}

/// The share of their requests that replicas use, over the share that they should use. Samples of replicas without a
/// request are of strangers, and left out.
///
/// # Errors
/// [`Failure::NoMatchingSamples`] when all are left out, or nothing is requested.
pub fn utilization(
    values: &BTreeMap<&str, Milli>,
    requests: &BTreeMap<&str, Milli>,
    target_percent: i32,
) -> Result<Ratio, Failure> {
    let known = values
        .iter()
        .filter_map(|(name, value)| Some((*value, *requests.get(name)?)));
    let used: Vec<_> = known.collect();
    let requested: i128 = used.iter().map(|(_, request)| i128::from(request.0)).sum();
    let total: i128 = used.iter().map(|(value, _)| i128::from(value.0)).sum();
    let average = average(used.iter().map(|(value, _)| *value));
    let (Some(average), true) = (average, requested != 0) else {
        return Err(Failure::NoMatchingSamples);
    };
    let percent = total * 100 / requested;
    let percent = percent.clamp(i128::from(i32::MIN), i128::from(i32::MAX)) as i32;
    Ok(Ratio {
        ratio: f64::from(percent) / f64::from(target_percent),
        average,
        utilization_percent: Some(percent),
    })
}

fn average(values: impl Iterator<Item = Milli> + Clone) -> Option<Milli> {
    let count = i128::try_from(values.clone().count()).ok()?;
    let total: i128 = values.map(|value| i128::from(value.0)).sum();
    total.checked_div(count).map(Milli::saturated)
}
