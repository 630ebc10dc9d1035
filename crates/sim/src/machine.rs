//! One instance of one machine: it boots, reads, commits, dies, stands still, and boots again.

use crate::Scenario;
use crate::fleet::Fleet;
use crate::hands::Hands;
use crate::world::{Address, World};
use headroom_log::{CommitError, Entry};
use headroom_model::machine::{Fold, Live, Proposal, Stop, Taken, Writer};
use headroom_model::{Checkpoint, Machine, Seq, Span, Timestamp};

/// One instance of one machine.
pub(crate) struct Node<M: Machine, H> {
    name: &'static str,
    index: usize,
    life: u64,
    kills: u64,
    let_go: u64,
    absent_until: Timestamp,
    alive: Option<Alive<M, H>>,
    stopped: Option<Stop>,
}

struct Alive<M, H> {
    live: Live<M>,
    hands: H,
    sent: bool,
    saving: Option<Checkpoint>,
    paused_until: Timestamp,
}

/// How often, on average, a checkpoint is taken: often, since taking one is what is tested.
const CHECKPOINT_LIKELY: f64 = 0.002;

impl<M: Machine, H: Hands<M>> Node<M, H> {
    pub(crate) fn several(scenario: &Scenario, name: &'static str) -> Vec<Self> {
        (0..scenario.instances)
            .map(|index| Self {
                name,
                index,
                life: 0,
                kills: 0,
                let_go: 0,
                absent_until: Timestamp::EPOCH,
                alive: None,
                stopped: None,
            })
            .collect()
    }

    pub(crate) fn stopped(&self) -> Option<Stop> {
        self.stopped.clone()
    }

    /// How often it died or stood still, and how many attempts it let go of with its lease.
    pub(crate) fn interruptions(&self) -> u64 {
        self.kills + self.let_go + self.alive.as_ref().map_or(0, |alive| alive.hands.let_go())
    }

    fn address(&self) -> Address {
        (self.name, self.index, self.life)
    }

    pub(crate) fn step(&mut self, world: &mut World, fleet: &mut Fleet) {
        if self.stopped.is_some() || world.now() < self.absent_until {
            return;
        }
        if let Err(stop) = self.try_step(world, fleet) {
            self.alive = None;
            match stop {
                Stop::FoldAgain { .. } => {}
                stop => self.stopped = Some(stop),
            }
        }
    }

    fn try_step(&mut self, world: &mut World, fleet: &mut Fleet) -> Result<(), Stop> {
        let faults = world.scenario.faults.clone();
        if self.alive.is_some() && world.fault(faults.crash) {
            self.let_go += self.alive.take().map_or(0, |alive| alive.hands.let_go());
            self.kills += 1;
            let longest = if world.dice.u8(0..20) == 0 {
                120_000
            } else {
                6_000
            };
            self.absent_until = world.now().plus(Span(world.dice.u64(0..longest)));
            return Ok(());
        }
        if self.alive.is_none() {
            if world.reachable() {
                self.boot(world)?;
            }
            return Ok(());
        }
        let address = self.address();
        let Some(alive) = &mut self.alive else {
            return Ok(());
        };
        if world.now() < alive.paused_until {
            return Ok(());
        }
        if world.fault(faults.pause) {
            self.kills += 1;
            alive.paused_until = world.now().plus(Span(world.dice.u64(0..10_000)));
            return Ok(());
        }
        if world.reachable() {
            alive.read(world)?;
        }
        alive.hear(world, address)?;
        alive.speak(world, address);
        alive.hands.step(&alive.live, world, fleet, address);
        Ok(())
    }

    /// As the shell does: the newest checkpoint or an older one or none, a fold to the end, and live from there.
    fn boot(&mut self, world: &mut World) -> Result<(), Stop> {
        self.life += 1;
        let newest = world.store.head(M::SERVICE).cloned();
        let through = newest
            .as_ref()
            .map_or(Seq::ZERO, |placed| placed.head.through.seq);
        let not_after = match world.dice.u8(0..3) {
            0 => Seq::ZERO,
            1 => Seq(world.dice.u64(0..=through.0)),
            _ => through,
        };
        let checkpoint = world.store.checkpoint(M::SERVICE, not_after);
        let mut fold = checkpoint
            .map(|checkpoint| Fold::from_checkpoint(checkpoint).expect("this build wrote it"))
            .unwrap_or_default();
        for entry in world.store.entries(fold.seen().next()) {
            match entry.clone() {
                Entry::Event(record) => fold.record(&record).expect("this build wrote it"),
                Entry::Head(placed) => fold.head(placed.seq, placed.stamp, &placed.head),
                Entry::Damaged { .. } => {}
            }
        }
        let instance = format!("{}-{}-{}", self.name, self.index, self.life);
        let head = newest.map(|placed| (placed.seq, placed.head));
        let writer = Writer {
            instance: instance.into(),
            nonce: self.life,
            beats: self.name == "actuator",
            one_by_one: world.scenario.one_by_one,
        };
        let live = Live::start(fold, head, writer, world.moment());
        self.alive = Some(Alive {
            live,
            hands: H::default(),
            sent: false,
            saving: None,
            paused_until: Timestamp::EPOCH,
        });
        Ok(())
    }
}

impl<M: Machine, H: Hands<M>> Alive<M, H> {
    /// Takes in some of what is in the log, perhaps late, perhaps some of it twice.
    fn read(&mut self, world: &mut World) -> Result<(), Stop> {
        let lag = if world.healed() {
            0
        } else {
            world.dice.u64(0..=world.scenario.faults.lag.0)
        };
        let visible = world.now().minus(Span(lag));
        let repeat = {
            let likely = world.scenario.faults.repeat;
            world.fault(likely)
        };
        let back = if repeat { world.dice.u64(1..50) } else { 0 };
        let from = Seq(self.live.seen().0.saturating_sub(back)).next();
        let most = world.dice.usize(1..200);
        let entries: Vec<_> = world
            .store
            .entries(from)
            .iter()
            .take(most)
            .cloned()
            .collect();
        for entry in entries {
            let now = world.moment();
            match entry {
                Entry::Event(record) => {
                    if record.envelope.stamp > visible {
                        break;
                    }
                    if let Taken::Committed(committed) = self.live.record(record, now)? {
                        self.sent &= self.live.in_flight().is_some();
                        self.hands.committed(&committed);
                    }
                }
                Entry::Head(placed) => {
                    if placed.stamp > visible {
                        break;
                    }
                    if let Some(committed) =
                        self.live
                            .on_head(placed.seq, placed.stamp, &placed.head, now)?
                    {
                        self.sent = false;
                        self.hands.committed(&committed);
                        self.save(world);
                    }
                }
                Entry::Damaged { .. } => {}
            }
        }
        Ok(())
    }

    /// Takes in the answer to the commit in flight.
    fn hear(&mut self, world: &mut World, address: Address) -> Result<(), Stop> {
        let Some(commit) = self.live.in_flight().map(Proposal::id) else {
            self.sent = false;
            return Ok(());
        };
        let Some(result) = world.answer(address, commit) else {
            return Ok(());
        };
        self.sent = false;
        let now = world.moment();
        let committed = match result {
            Ok(head) => Some(self.live.committed(head, now)),
            Err(CommitError::Conflict) => {
                let newest = world.store.head(M::SERVICE).cloned();
                self.live.refused(
                    newest.as_ref().map(|placed| (placed.seq, &placed.head)),
                    now,
                )?
            }
            Err(_) => {
                self.live.unanswered();
                None
            }
        };
        if let Some(committed) = committed {
            self.hands.committed(&committed);
            self.save(world);
        } else if self.live.in_flight().is_none() {
            self.saving = None;
        }
        Ok(())
    }

    /// Sends what is due, or what was sent and not answered.
    fn speak(&mut self, world: &mut World, address: Address) {
        if self.sent {
            return;
        }
        let now = world.moment();
        let wished = self.live.in_flight().is_none() && world.dice.f64() < CHECKPOINT_LIKELY;
        if wished && let Some((checkpoint, _)) = self.live.checkpoint(now) {
            self.saving = Some(checkpoint);
        }
        if self.live.in_flight().is_none() {
            self.live.next_commit(now);
        }
        if let Some(proposal) = self.live.in_flight() {
            world.send_commit(address, proposal);
            self.sent = true;
        }
    }

    fn save(&mut self, world: &mut World) {
        if let Some(checkpoint) = self.saving.take() {
            world.store.save_checkpoint(checkpoint);
        }
    }
}
