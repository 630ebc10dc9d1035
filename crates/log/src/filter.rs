//! What a reader wants to see.

use crate::Entry;
use headroom_model::{Envelope, Kind, Service, Timestamp, WorkloadId};
use serde::{Deserialize, Serialize};

/// What a reader wants to see. An empty filter passes every event and every head.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    /// Only events about these workloads.
    pub place: Option<Place>,
    /// Only events of these kinds; empty means all.
    pub kinds: Vec<Kind>,
    /// Only events of these producers; empty means all.
    pub services: Vec<Service>,
    /// Besides, every event of these producers, whatever its kind, and the heads of these machines.
    pub machines: Vec<Service>,
    /// Only what was accepted at or after this stamp.
    pub since: Option<Timestamp>,
    /// Only what was accepted before this stamp.
    pub until: Option<Timestamp>,
}

/// Which workloads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// This one.
    Workload(WorkloadId),
    /// Every one of a namespace.
    Namespace(String),
}

impl Filter {
    /// Events of these kinds only, no heads.
    #[must_use]
    pub fn kinds(kinds: impl IntoIterator<Item = Kind>) -> Self {
        Self {
            kinds: kinds.into_iter().collect(),
            ..Self::default()
        }
    }

    /// Events about one workload only, no heads.
    #[must_use]
    pub fn workload(workload: &WorkloadId) -> Self {
        Self {
            place: Some(Place::Workload(workload.clone())),
            ..Self::default()
        }
    }

    /// Whether an event passes.
    #[must_use]
    pub fn passes(&self, envelope: &Envelope) -> bool {
        self.in_time(envelope.stamp)
            && (self.machines.contains(&envelope.producer.service)
                || (self.services.is_empty() || self.services.contains(&envelope.producer.service))
                    && (self.kinds.is_empty() || self.kinds.contains(&envelope.kind))
                    && self
                        .place
                        .as_ref()
                        .is_none_or(|place| place.holds(&envelope.subject)))
    }

    /// Whether the heads of a machine pass: those of the named machines, or all when nothing is filtered but time.
    #[must_use]
    pub fn passes_head(&self, service: Service, stamp: Timestamp) -> bool {
        let unfiltered = self.place.is_none() && self.kinds.is_empty() && self.services.is_empty();
        self.in_time(stamp)
            && (self.machines.contains(&service) || (unfiltered && self.machines.is_empty()))
    }

    /// Whether an entry passes. Damage always does: nobody knows what it was.
    #[must_use]
    pub fn passes_entry(&self, entry: &Entry) -> bool {
        match entry {
            Entry::Event(record) => self.passes(&record.envelope),
            Entry::Head(head) => self.passes_head(head.head.service, head.stamp),
            Entry::Damaged { .. } => true,
        }
    }

    fn in_time(&self, stamp: Timestamp) -> bool {
        self.since.is_none_or(|since| stamp >= since)
            && self.until.is_none_or(|until| stamp < until)
    }
}

impl Place {
    /// Whether a workload is there.
    #[must_use]
    pub fn holds(&self, subject: &WorkloadId) -> bool {
        match self {
            Self::Workload(workload) => subject == workload,
            Self::Namespace(namespace) => subject.namespace() == namespace,
        }
    }
}
