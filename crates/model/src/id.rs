//! Ids of events. Outside facts have random ids made by a shell; everything derived has a derived id.

use crate::{Service, Timestamp, WorkloadId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha1::{Digest as _, Sha1};
use std::cmp::Ordering;
use std::fmt;
use uuid::{Builder, Uuid};

/// The name space of every derived id: the v5 id of `headroom` in the DNS name space.
const NAMESPACE: Uuid = Uuid::from_u128(0x3f2a_5d0c_9b7e_5c41_8d26_1e90_74ab_c3f5);

/// The identity of an event. The same fact has the same id, however often it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(!transparent)]
pub struct EventId(pub Uuid);

impl Ord for EventId {
    fn cmp(&self, other: &Self) -> Ordering {
        // The order of the bytes, as one comparison: ids are looked up in ordered sets.
        self.0.as_u128().cmp(&other.0.as_u128())
    }
}

impl PartialOrd for EventId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl EventId {
    /// The id of the output number `index` of `service` in answer to the event `input`.
    #[must_use]
    pub fn derived(service: Service, input: Self, index: u32) -> Self {
        let mut name = [0_u8; 40];
        let token = service.token().as_bytes();
        name[..token.len()].copy_from_slice(token);
        name[20..36].copy_from_slice(input.0.as_bytes());
        name[36..].copy_from_slice(&index.to_be_bytes());
        Self::of_bytes(&name)
    }

    /// The id of what `source` says about `workload` at the instant `due`, so that doubled collectors write it once.
    #[must_use]
    pub fn scraped(source: &str, workload: &WorkloadId, due: Timestamp) -> Self {
        Self::named(&format!("scrape\u{0}{source}\u{0}{workload}\u{0}{}", due.0))
    }

    /// The id of the fact number `index` that follows from a job: a second result of the same job is the same event.
    #[must_use]
    pub fn job_result(job: Self, index: u32) -> Self {
        Self::named(&format!("job\u{0}{job}\u{0}{index}"))
    }

    /// The id of part number `part` of an observation that `whole` names. Doubled collectors that read the same write each
    /// part once; what they read otherwise is another observation.
    #[must_use]
    pub fn scraped_part(scraped: Self, whole: Self, part: u32) -> Self {
        Self::named(&format!("part\u{0}{scraped}\u{0}{whole}\u{0}{part}"))
    }

    /// The id of anything that `name` identifies.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self::of_bytes(name.as_bytes())
    }

    /// The id of anything that has these bytes.
    #[must_use]
    pub fn of_bytes(bytes: &[u8]) -> Self {
        // As `Uuid::new_v5`, with a digest that uses the processor's instructions for it: every output has such an id.
        let digest = Sha1::new()
            .chain_update(NAMESPACE.as_bytes())
            .chain_update(bytes)
            .finalize();
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        Self(Builder::from_sha1_bytes(id).into_uuid())
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_derived_id_is_of_version_5() {
        for text in ["", "job", &"long ".repeat(100)] {
            let expected = Uuid::new_v5(&NAMESPACE, text.as_bytes());
            assert_eq!(EventId::named(text), EventId(expected));
        }
    }
}
