//! What each service in this process is doing, for `/readyz` and the CLI.

use headroom_model::Seq;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// What a service is doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "phase")]
pub enum Phase {
    /// It has not begun.
    Starting,
    /// It reads history.
    CatchingUp {
        /// How far it is.
        seq: Seq,
        /// Where history ended when it began.
        last: Seq,
    },
    /// Another instance is at work; this one is ready to take over.
    Standby,
    /// It is at work.
    Working,
    /// It waits for something outside, and says for what.
    Waiting {
        /// For what.
        reason: String,
    },
    /// It has ended.
    Stopped {
        /// Why.
        reason: String,
    },
}

impl Phase {
    /// Whether the service can do its part.
    #[must_use]
    pub fn ready(&self) -> bool {
        matches!(self, Self::Standby | Self::Working)
    }
}

/// What every service in this process is doing.
#[derive(Clone, Debug, Default)]
pub struct Status {
    phases: Arc<Mutex<BTreeMap<String, Phase>>>,
}

impl Status {
    /// Says what a service is doing now.
    pub fn set(&self, service: &str, phase: Phase) {
        let mut phases = self
            .phases
            .lock()
            .expect("no holder of this lock can panic");
        if phases.get(service) == Some(&phase) {
            return;
        }
        match &phase {
            Phase::Waiting { reason } => tracing::warn!(service, reason, "waiting"),
            Phase::CatchingUp { .. } => {}
            other => tracing::info!(service, phase = ?other, "phase"),
        }
        phases.insert(service.to_owned(), phase);
    }

    /// Forgets what was said under `name`, unless it is one of those that go on.
    pub fn forget<'a>(&self, name: &str, mut going_on: impl Iterator<Item = &'a str>) {
        if !going_on.any(|service| service == name) {
            self.phases
                .lock()
                .expect("no holder of this lock can panic")
                .remove(name);
        }
    }

    /// What a service is doing.
    #[must_use]
    pub fn of(&self, service: &str) -> Phase {
        self.phases
            .lock()
            .expect("no holder of this lock can panic")
            .get(service)
            .cloned()
            .unwrap_or(Phase::Starting)
    }

    /// What all services are doing.
    #[must_use]
    pub fn all(&self) -> BTreeMap<String, Phase> {
        self.phases
            .lock()
            .expect("no holder of this lock can panic")
            .clone()
    }

    /// Whether every service can do its part, and there is one.
    #[must_use]
    pub fn ready(&self) -> bool {
        let phases = self.all();
        !phases.is_empty() && phases.values().all(Phase::ready)
    }
}
