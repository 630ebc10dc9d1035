//! Ticks once a second, while the log can be reached.

use crate::world::World;
use headroom_log::Commit;
use headroom_model::body::{Body, Ticked};
use headroom_model::{
    Event, EventId, Head, Producer, Seq, Service, Span, Through, Timestamp, WorkloadId,
};

#[derive(Default)]
pub(crate) struct ClockNode {
    next: Timestamp,
    number: u64,
}

impl ClockNode {
    pub(crate) fn step(&mut self, world: &mut World) {
        if world.now() < self.next || !world.reachable() {
            return;
        }
        self.next = world.now().plus(Span::seconds(1));
        self.number += 1;
        let expected = world
            .store
            .head(Service::Clock)
            .map_or(Seq::ZERO, |placed| placed.seq);
        let id = EventId::named(&format!("tick\u{0}{expected}"));
        let producer = Producer {
            service: Service::Clock,
            instance: "clock".into(),
            behaviour: 0,
        };
        let body = Body::from(Ticked {
            number: self.number,
        });
        let tick = Event::fact(id, WorkloadId::system("clock"), world.now(), producer, body);
        let head = Head {
            service: Service::Clock,
            instance: "clock".to_owned(),
            epoch: 1,
            behaviour: 0,
            through: Through::default(),
            commit_id: id.0,
            outputs: 1,
            checkpoint: None,
            released: false,
        };
        let commit = Commit {
            expected,
            head: Some(head),
            outputs: vec![tick.to_record()],
        };
        let now = world.now();
        world
            .store
            .commit(now, commit)
            .expect("there is one clock, and it knows the newest head");
    }
}
