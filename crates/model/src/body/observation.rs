//! What the world looked like: readings, failures to read, and the passing of time.

use super::{FleetState, Part};
use crate::{Span, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One workload's readings of one instant, from one source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Observed {
    /// The source's name in the service's configuration.
    pub source: String,
    /// The instant that the collector's schedule named, whenever it was read.
    pub due: Timestamp,
    /// The readings, one per metric.
    pub readings: Vec<Reading>,
    /// The target's replicas at that instant, where the source lists them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fleet: Option<FleetState>,
    /// Which part of an observation this is that is too large for one event. It is evaluated when all parts are there.
    #[serde(default, skip_serializing_if = "Part::is_whole")]
    pub part: Part,
}

/// One metric's reading.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Reading {
    /// The metric's name in the policy.
    pub metric: String,
    /// When the source says it was so.
    pub at: Timestamp,
    /// What it said.
    pub measured: Measured,
}

/// What a source said about a metric. NaN and infinities are kept as they came and never obeyed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Measured {
    /// One number for the whole workload.
    Total(f64),
    /// One number per replica, in columns of equal length.
    PerReplica {
        /// The replicas' names.
        replicas: Vec<String>,
        /// Their values; NaN where a replica did not answer.
        values: Vec<f64>,
    },
    /// One number per container of each replica: what its containers use of a resource.
    PerContainer(ContainerUsage),
    /// The source answered, and has no such series. Not zero.
    Missing,
}

/// What containers use of a resource, in columns with one row per replica. A column that is left out has the same value in
/// each row.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ContainerUsage {
    /// The replicas' names.
    pub replicas: Vec<String>,
    /// The containers' names: of all that any of the replicas has.
    pub containers: Vec<String>,
    /// The usage, in the resource's unit: for each replica, in their order, that of each container. NaN where the replica
    /// has no such container, or none that answered.
    pub values: Vec<f64>,
    /// Whether a container of the replica did not answer; none when left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub incomplete: Vec<bool>,
    /// The end of the span that each replica was measured over; the reading's `at` when left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub at: Vec<Timestamp>,
    /// That span; zero when left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<Span>,
}

/// A source did not answer, or not with a number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CollectionFailed {
    /// The source's name in the service's configuration.
    pub source: String,
    /// The metrics that have no reading for it.
    pub metrics: Vec<String>,
    /// The instant that the collector's schedule named.
    pub due: Timestamp,
    /// Why.
    pub failure: CollectionFailure,
}

/// Why a source gave nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CollectionFailure {
    /// No connection.
    Unreachable {
        /// What the connection said.
        detail: String,
    },
    /// No answer in time.
    TimedOut {
        /// How long was waited, in milliseconds.
        after_ms: u64,
    },
    /// The source refused the question: credentials, an unknown query, a server error.
    Refused {
        /// What it said.
        detail: String,
    },
    /// The answer could not be understood.
    Malformed {
        /// What was wrong with it.
        detail: String,
    },
    /// The log was out of reach, so nothing was scraped in between.
    LogUnavailable {
        /// The first instant without a scrape.
        from: Timestamp,
        /// The last one.
        to: Timestamp,
    },
    /// The collector could not keep up and skipped this instant.
    Overrun,
}

/// A second passed. Written once a second, so that time moves in silence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ticked {
    /// How many ticks this log has had, from 1.
    pub number: u64,
}
