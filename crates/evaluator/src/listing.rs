//! The target's replicas, as observations list them.

use crate::hpa::{self, Failure, Milli, Replica};
use headroom_model::{
    Replicas, Timestamp,
    body::{FleetState, Template},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where nobody lists the replicas, more than this without a reading are not reckoned with: they take a megabyte, and a
/// target may claim to have two billion.
const MOST_NAMELESS: usize = 10_000;

/// The newest list of a target's replicas.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Listing {
    /// When it was so.
    pub(crate) at: Timestamp,
    /// The source that says so; empty for one that is made of the names of readings.
    pub(crate) source: String,
    counted: Option<Replicas>,
    replicas: Vec<Replica>,
    /// What each is made from, where that is known.
    made_from: Vec<Option<usize>>,
    templates: Vec<Template>,
}

/// What there is of such a list.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Listed<'a> {
    /// No source lists the replicas.
    Nowhere,
    /// The replicas as they are.
    Now(&'a Listing),
    /// The replicas as they were at an instant too long ago.
    Then(Timestamp),
}

impl Listing {
    /// What an observation lists. Columns that are too short go on with what is usual.
    pub(crate) fn of(fleet: &FleetState, source: &str, at: Timestamp) -> Self {
        let replica = |(row, name): (usize, &String)| Replica {
            name: name.clone(),
            phase: fleet.phases.get(row).copied().unwrap_or_default(),
            deleting: fleet.deleting.get(row).copied().unwrap_or_default(),
            ready: fleet.ready.get(row).copied().flatten(),
            started: fleet.started.get(row).copied().flatten(),
            ready_changed: fleet.ready_changed.get(row).copied().unwrap_or_default(),
        };
        let template = |row: usize| {
            let index = fleet.made_from.get(row).copied().unwrap_or_default();
            let index = usize::try_from(index).ok()?;
            (index < fleet.templates.len()).then_some(index)
        };
        Self {
            at,
            source: source.to_owned(),
            counted: fleet.counted,
            replicas: fleet.names.iter().enumerate().map(replica).collect(),
            made_from: (0..fleet.names.len()).map(template).collect(),
            templates: fleet.templates.clone(),
        }
    }

    /// A list of `current` replicas of which at most the names are known: all are at work, and what they request is not
    /// known. Those that have no name among `names` are there all the same, so that their silence counts as silence. `None`
    /// when those are too many to be listed.
    pub(crate) fn of_names(names: &[String], current: Replicas, at: Timestamp) -> Option<Self> {
        let current = usize::try_from(current.0).unwrap_or(usize::MAX);
        let nameless = current.saturating_sub(names.len());
        if nameless > MOST_NAMELESS {
            return None;
        }
        // No replica's name begins with a blank.
        let nameless = (0..nameless).map(|number| format!(" {number}"));
        let names: Vec<_> = names.iter().cloned().chain(nameless).collect();
        let fleet = FleetState {
            ready: vec![Some(true); names.len()],
            started: vec![Some(Timestamp::EPOCH); names.len()],
            names,
            ..FleetState::default()
        };
        Some(Self::of(&fleet, "", at))
    }

    /// The replicas.
    pub(crate) fn replicas(&self) -> &[Replica] {
        &self.replicas
    }

    /// How many the target counts.
    pub(crate) fn counted(&self) -> Option<Replicas> {
        self.counted
    }

    /// How many are ready; `None` when there are none at all.
    pub(crate) fn ready(&self) -> Option<Replicas> {
        hpa::ready_of(&self.replicas).ok()
    }

    /// What each requests of a resource, or one container of it.
    pub(crate) fn requests(
        &self,
        resource: &str,
        container: Option<&str>,
    ) -> Result<BTreeMap<String, Milli>, Failure> {
        let request = |(replica, made_from): (&Replica, &Option<usize>)| {
            let template = made_from.and_then(|index| self.templates.get(index));
            let template = template.ok_or_else(|| Failure::MissingRequest {
                replica: replica.name.clone(),
                container: container.unwrap_or_default().to_owned(),
            })?;
            let request = hpa::request_of(&replica.name, template, resource, container)?;
            Ok((replica.name.clone(), request))
        };
        self.replicas
            .iter()
            .zip(&self.made_from)
            .map(request)
            .collect()
    }
}
