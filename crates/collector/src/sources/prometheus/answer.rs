//! What Prometheus answers to an instant query, as a reading.

use crate::{
    exposition::seconds,
    scan::number,
    sources::{excerpt, http::refused},
};
use headroom_model::{
    Timestamp,
    body::{CollectionFailure, Measured},
};
use reqwest::StatusCode;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// The labels that name a replica, the most telling first. One that is empty is not there, as in Prometheus itself.
const REPLICA_LABELS: [&str; 3] = ["replica", "pod", "instance"];

#[derive(Deserialize)]
struct Answer {
    status: String,
    data: Option<Data>,
    #[serde(rename = "errorType")]
    error_type: Option<String>,
    error: Option<String>,
}

#[derive(Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
enum Data {
    Vector(Vec<Series>),
    Scalar(Point),
    Matrix(serde::de::IgnoredAny),
    String(serde::de::IgnoredAny),
}

#[derive(Deserialize)]
struct Series {
    metric: BTreeMap<String, String>,
    /// Absent when the series is a native histogram.
    value: Option<Point>,
}

/// Seconds since the Unix epoch, and a number as text.
type Point = (f64, String);

/// The moment and the value that an answer gives. One without a series is [`Measured::Missing`] and names no moment.
pub(super) fn read(
    status: StatusCode,
    body: &[u8],
) -> Result<(Option<Timestamp>, Measured), CollectionFailure> {
    let answer: Result<Answer, _> = serde_json::from_slice(body);
    let answer = match answer {
        Ok(answer) if answer.status == "error" => {
            let kind = answer.error_type.unwrap_or_default();
            let says = answer.error.unwrap_or_default();
            return Err(refused(status, &format!("{kind}: {says}")));
        }
        _ if !status.is_success() => {
            return Err(refused(status, &String::from_utf8_lossy(body)));
        }
        Ok(answer) => answer,
        Err(error) => return Err(malformed(format!("no answer of Prometheus: {error}"))),
    };
    match answer.data {
        Some(Data::Scalar(value)) => {
            let (at, value) = point(&value)?;
            Ok((Some(at), Measured::Total(value)))
        }
        Some(Data::Vector(series)) => vector(&series),
        Some(Data::Matrix(_)) => Err(malformed(
            "the query gives ranges of samples; leave the [range] out, or put rate() or the like around it",
        )),
        Some(Data::String(_)) => Err(malformed("the query gives a text, not a number")),
        None => Err(malformed("an answer of Prometheus without data")),
    }
}

fn vector(series: &[Series]) -> Result<(Option<Timestamp>, Measured), CollectionFailure> {
    let mut points = Vec::with_capacity(series.len());
    for one in series {
        let value = one.value.as_ref().ok_or_else(|| {
            malformed("the query gives native histograms; take a number of them, as with histogram_quantile()")
        })?;
        points.push(point(value)?);
    }
    let Some((at, first)) = points.first().copied() else {
        return Ok((None, Measured::Missing));
    };
    // Also one series can be that of one replica. Rules of totals come to the same number from it.
    let measured = match replicas(series) {
        Some(replicas) => Measured::PerReplica {
            replicas,
            values: points.into_iter().map(|(_, value)| value).collect(),
        },
        None if series.len() == 1 => Measured::Total(first),
        None => return Err(several(series)),
    };
    Ok((Some(at), measured))
}

/// The names of the replicas, by the first label that every series has with a value of its own.
fn replicas(series: &[Series]) -> Option<Vec<String>> {
    REPLICA_LABELS.into_iter().find_map(|label| {
        let name = series.iter().map(|one| one.metric.get(label));
        let named = name.map(|name| name.filter(|name| !name.is_empty()));
        let names = named.collect::<Option<Vec<&String>>>()?;
        let different: BTreeSet<_> = names.iter().collect();
        (different.len() == names.len()).then(|| names.into_iter().cloned().collect())
    })
}

fn several(series: &[Series]) -> CollectionFailure {
    let example: Vec<_> = series[0]
        .metric
        .iter()
        .map(|(name, value)| format!("{name}={value:?}"))
        .collect();
    malformed(format!(
        "the query gives {} series, such as {{{}}}; aggregate them, as with sum(), or by (pod) for one number per replica",
        series.len(),
        example.join(",")
    ))
}

fn point((at, value): &Point) -> Result<(Timestamp, f64), CollectionFailure> {
    let at = seconds(*at).ok_or_else(|| malformed("the time of a sample is no number"))?;
    let value = number(value)
        .ok_or_else(|| malformed(format!("the value {value:?} of a sample is no number")))?;
    Ok((at, value))
}

fn malformed(detail: impl AsRef<str>) -> CollectionFailure {
    CollectionFailure::Malformed {
        detail: excerpt(detail.as_ref()),
    }
}

#[cfg(test)]
mod tests;
