//! A target in this process that says when it was called: a program that is started would measure the start of a process.

use super::fleet::{Fleet, START, TARGET_KIND};
use async_trait::async_trait;
use headroom_model::Replicas;
use headroom_targets::{Found, Guarantee, Order, Target, TargetError, TargetName, Targets};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// An order that reached a target.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    /// The workload.
    pub(super) number: usize,
    /// The count ordered.
    pub(super) to: Replicas,
    /// When.
    pub(super) at: Instant,
}

/// The driver of every workload's target. An order takes effect at once.
#[derive(Debug, Default)]
pub(super) struct Probe {
    counts: Mutex<BTreeMap<TargetName, Found>>,
    calls: Mutex<Vec<Call>>,
}

impl Probe {
    /// A registry with this driver for every workload of the fleet.
    pub(super) fn targets(self: &Arc<Self>, fleet: &Fleet) -> Targets {
        fleet.ids().iter().fold(Targets::default(), |targets, id| {
            let name = TargetName::new(id.namespace(), id.name())
                .expect("a workload's name is a target's");
            targets.with(name, TARGET_KIND, Arc::clone(self) as Arc<dyn Target>)
        })
    }

    /// The calls since this was last asked.
    pub(super) fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut *self.calls.lock().expect("no holder of this lock can panic"))
    }

    fn found(&self, name: &TargetName) -> Found {
        let counts = self
            .counts
            .lock()
            .expect("no holder of this lock can panic");
        counts.get(name).copied().unwrap_or(Found {
            replicas: START,
            ready: Some(START),
            generation: None,
        })
    }
}

#[async_trait]
impl Target for Probe {
    fn guarantee(&self) -> Guarantee {
        Guarantee::CompareAndSet
    }

    async fn read(&self, name: &TargetName) -> Result<Found, TargetError> {
        Ok(self.found(name))
    }

    async fn set(&self, order: &Order) -> Result<Found, TargetError> {
        let at = Instant::now();
        let known = self.found(&order.target).generation;
        if known > Some(order.generation) {
            return Err(TargetError::OlderGeneration {
                target: order.target.clone(),
                offered: order.generation,
                known,
            });
        }
        let found = Found {
            replicas: order.to,
            ready: Some(order.to),
            generation: Some(order.generation),
        };
        let mut counts = self
            .counts
            .lock()
            .expect("no holder of this lock can panic");
        counts.insert(order.target.clone(), found);
        if let Some(number) = Fleet::number_of(order.target.name()) {
            let call = Call {
                number,
                to: order.to,
                at,
            };
            self.calls
                .lock()
                .expect("no holder of this lock can panic")
                .push(call);
        }
        Ok(found)
    }
}
