//! Which replicas count: those that are gone, those that are not ready, those that gave no sample.

use super::{Failure, Milli};
use headroom_model::{Replicas, Span, Timestamp, body::Phase};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A replica as the cluster tells of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replica {
    /// Its name among those of the target.
    pub name: String,
    /// How far it is in its life.
    pub phase: Phase,
    /// It is being deleted.
    pub deleting: bool,
    /// Whether it says that it is ready; `None` when nothing is said.
    pub ready: Option<bool>,
    /// Since when it runs; `None` before.
    pub started: Option<Timestamp>,
    /// When what it says of being ready changed last.
    pub ready_changed: Timestamp,
}

/// What was measured of a replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The value.
    pub value: Milli,
    /// The end of the span that it was measured over.
    pub at: Timestamp,
    /// That span.
    pub window: Span,
}

/// When the processor time of a replica is believed: while it starts it says nothing of its load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CpuRules {
    /// For so long after its start a sample counts only if it was measured wholly while the replica was ready.
    pub initialization_period: Span,
    /// A replica that has not been ready since, at the latest, so long after its start has never been ready.
    pub initial_readiness_delay: Span,
}

impl Default for CpuRules {
    /// The HPA's: five minutes, and thirty seconds.
    fn default() -> Self {
        Self {
            initialization_period: Span::seconds(300),
            initial_readiness_delay: Span::seconds(30),
        }
    }
}

/// Replicas by what their samples are worth; the names are in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Groups<'a> {
    /// How many count with their sample.
    pub ready: u32,
    /// Not running yet, or their processor time is not believed.
    pub unready: Vec<&'a str>,
    /// Without a sample.
    pub missing: Vec<&'a str>,
    /// Failed, or being deleted.
    pub ignored: Vec<&'a str>,
}

/// Groups replicas. `cpu` has the rules where the samples are processor time.
#[must_use]
pub fn group<'a>(
    replicas: &'a [Replica],
    samples: &BTreeMap<&str, Sample>,
    cpu: Option<CpuRules>,
    now: Timestamp,
) -> Groups<'a> {
    let mut groups = Groups::default();
    for replica in replicas {
        let name = replica.name.as_str();
        if replica.deleting || replica.phase == Phase::Failed {
            groups.ignored.push(name);
        } else if replica.phase == Phase::Pending {
            groups.unready.push(name);
        } else {
            match samples.get(name) {
                None => groups.missing.push(name),
                Some(sample) if cpu.is_some_and(|rules| !rules.believe(replica, sample, now)) => {
                    groups.unready.push(name);
                }
                Some(_) => groups.ready = groups.ready.saturating_add(1),
            }
        }
    }
    for names in [
        &mut groups.unready,
        &mut groups.missing,
        &mut groups.ignored,
    ] {
        names.sort_unstable();
    }
    groups
}

/// How many replicas run and say that they are ready: those that share a value.
///
/// # Errors
/// [`Failure::NoReplicas`] when there are none at all.
pub fn ready_of(replicas: &[Replica]) -> Result<Replicas, Failure> {
    if replicas.is_empty() {
        return Err(Failure::NoReplicas);
    }
    let ready = |replica: &&Replica| replica.phase == Phase::Running && replica.ready == Some(true);
    let count = replicas.iter().filter(ready).count();
    Ok(Replicas(u32::try_from(count).unwrap_or(u32::MAX)))
}

impl CpuRules {
    /// Whether a replica's processor time is that of a replica at work.
    fn believe(&self, replica: &Replica, sample: &Sample, now: Timestamp) -> bool {
        let (Some(ready), Some(started)) = (replica.ready, replica.started) else {
            return false;
        };
        if started.plus(self.initialization_period) > now {
            ready && sample.at >= replica.ready_changed.plus(sample.window)
        } else {
            ready || started.plus(self.initial_readiness_delay) <= replica.ready_changed
        }
    }
}
