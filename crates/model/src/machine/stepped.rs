//! A machine and the facts it has already had: what is stepped, and what a checkpoint holds.

use super::Machine;
use crate::{Event, EventId, Service, Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, VecDeque};

/// A fact that comes again within this span is not taken in again. Those who write facts write them again when an ack is
/// lost, which takes seconds, or after a crash, which takes minutes.
const WINDOW: Span = Span::seconds(600);

/// A machine and the facts it has already had.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stepped<M> {
    /// The machine.
    pub machine: M,
    recent: Recent,
}

/// The ids of the facts of the last [`WINDOW`]. Collectors' facts are told apart by the log, and samples by their time,
/// so they are not kept here: there are too many.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Recent {
    ids: BTreeSet<EventId>,
    order: VecDeque<(Timestamp, EventId)>,
}

impl<M: Machine> Stepped<M> {
    /// Applies an input, unless it is a fact that came before. `false` when it is.
    pub fn input(&mut self, input: &Event) -> bool {
        let envelope = &input.envelope;
        let written_again = matches!(
            envelope.producer.service,
            Service::Target | Service::Operator
        );
        if written_again && !self.recent.admit(envelope.id, envelope.stamp) {
            return false;
        }
        self.machine.apply(input);
        true
    }
}

impl Recent {
    fn admit(&mut self, id: EventId, stamp: Timestamp) -> bool {
        while let Some((at, old)) = self.order.front().copied() {
            if stamp.since(at) <= WINDOW {
                break;
            }
            self.order.pop_front();
            self.ids.remove(&old);
        }
        let new = self.ids.insert(id);
        if new {
            self.order.push_back((stamp, id));
        }
        new
    }
}
