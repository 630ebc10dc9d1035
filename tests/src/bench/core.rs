//! The row `core`: evaluator and planner in one thread, without log and codec.

use super::fleet::{Fleet, answers, producer};
use super::{Aim, Extent, Line, Spread, Unit};
use anyhow::{Context as _, Result, ensure};
use headroom_evaluator::Evaluator;
use headroom_model::machine::{Stepped, as_own, output_event};
use headroom_model::{
    Body, Event, EventId, Machine, Seq, Service, Timestamp, WorkloadId,
    body::{Measured, Ticked},
};
use headroom_planner::Planner;
use rustix::time::{ClockId, clock_gettime};
use std::process::Command;
use std::sync::Arc;
use uuid::Uuid;

/// Observations of a run.
const OBSERVATIONS: (usize, usize) = (1_000_000, 20_000);
/// The two sizes.
const FEW: (usize, usize) = (1_000, 100);
const MANY: (usize, usize) = (100_000, 1_000);
/// How often a workload is observed.
const INTERVAL_SECONDS: usize = 15;

/// See [`super::ROWS`].
pub(super) fn measure(extent: &Extent) -> Result<Vec<Line>> {
    let observations = extent.of(OBSERVATIONS.0, OBSERVATIONS.1);
    let (few, many) = (extent.of(FEW.0, FEW.1), extent.of(MANY.0, MANY.1));
    let (mut small, mut large) = (Pair::with(few), Pair::with(many));
    let (mut small_costs, mut large_costs, mut resident) = (vec![], vec![], vec![]);
    let (mut small_silent, mut large_silent) = (vec![], vec![]);
    for _ in 0..extent.rounds {
        small_costs.push(small.observe(observations)?);
        large_costs.push(large.observe(observations)?);
        small_silent.push(small.observe_silently(observations)?);
        large_silent.push(large.observe_silently(observations)?);
        resident.push(resident_elsewhere(many)?);
    }
    let rates: Vec<_> = small_costs.iter().map(|cost| 1.0 / cost).collect();
    Ok(vec![
        Line::new(
            format!("evaluator + planner in process, {few} workloads, observations per core"),
            Unit::PerSecond,
            Spread::of(&rates),
        )
        .aim(Aim::AtLeast(1e6))
        .beside("an observation", Unit::Seconds, &small_costs)
        .beside("one that changes nothing", Unit::Seconds, &small_silent),
        Line::new(
            format!("the same with {many} workloads, cost against {few}"),
            Unit::Times,
            Spread::ratio(&large_costs, &small_costs),
        )
        .aim(Aim::AtMost(1.5))
        .beside("an observation", Unit::Seconds, &large_costs)
        .beside("one that changes nothing", Unit::Seconds, &large_silent),
        Line::new(
            format!("resident memory of a process with both and {many} workloads"),
            Unit::Bytes,
            Spread::of(&resident),
        )
        .aim(Aim::Below(2e9))
        .beside(
            "a workload",
            Unit::Bytes,
            &resident
                .iter()
                .map(|bytes| bytes / many as f64)
                .collect::<Vec<_>>(),
        ),
    ])
}

/// The resident bytes of a process that has nothing but an evaluator and a planner with so many workloads, each of which
/// was observed and scaled.
fn resident_elsewhere(workloads: usize) -> Result<f64> {
    let program = std::env::current_exe().context("finding this program")?;
    let output = Command::new(program)
        .arg("--resident")
        .arg(workloads.to_string())
        .output()?;
    ensure!(
        output.status.success(),
        "the process that holds {workloads} workloads failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout)?;
    text.trim()
        .parse()
        .with_context(|| format!("{text:?} is no number of bytes"))
}

/// Observes each of `workloads` forty times, so that each was scaled twice, and says how many bytes of this process are
/// resident.
///
/// # Errors
/// When the machines did not answer, or the system does not tell.
pub fn resident_of(workloads: usize) -> Result<u64> {
    let mut pair = Pair::with(workloads);
    pair.observe(40 * workloads)?;
    let statm = std::fs::read_to_string("/proc/self/statm")
        .context("reading the memory of this process")?;
    let pages: u64 = statm
        .split(' ')
        .nth(1)
        .context("statm has a second field")?
        .parse()?;
    Ok(pages * rustix::param::page_size() as u64)
}

/// An evaluator, a planner, and a world that does at once what is decided.
struct Pair {
    evaluator: Stepped<Evaluator>,
    planner: Stepped<Planner>,
    /// In no order that the machines' memory knows. The ids are copies, one after the other in memory, as a decoder has
    /// just written them.
    order: Vec<(usize, WorkloadId)>,
    fleet: Fleet,
    seq: Seq,
    now: Timestamp,
    round: usize,
    next: usize,
    decisions: usize,
}

fn copied(id: &WorkloadId) -> WorkloadId {
    WorkloadId::new(id.namespace(), id.name()).expect("it is one already")
}

impl Pair {
    fn with(workloads: usize) -> Self {
        // A prime that divides no size above, so every workload has its turn.
        const STRIDE: usize = 7919;
        let fleet = Fleet::of(workloads);
        let mut pair = Self {
            evaluator: Stepped::default(),
            planner: Stepped::default(),
            order: (0..workloads)
                .map(|number| number * STRIDE % workloads)
                .map(|number| (number, copied(&fleet.ids()[number])))
                .collect(),
            seq: Seq::ZERO,
            now: Timestamp(1_790_000_000_000),
            round: 0,
            next: 0,
            decisions: 0,
            fleet: fleet.clone(),
        };
        for event in fleet.introductions(pair.now) {
            pair.happen(event);
        }
        pair
    }

    /// The seconds of processor time that one observation takes, with all that follows from it.
    fn observe(&mut self, observations: usize) -> Result<f64> {
        let (seconds, decisions) = self.run(observations, 1);
        ensure!(
            decisions > observations / 100,
            "{observations} observations led to only {decisions} decisions"
        );
        Ok(seconds)
    }

    /// The same for observations that bring no other number.
    fn observe_silently(&mut self, observations: usize) -> Result<f64> {
        self.run(self.order.len(), 0); // what the last round changed comes to rest
        let (seconds, decisions) = self.run(observations, 0);
        ensure!(
            decisions == 0,
            "{decisions} decisions follow from observations that change nothing"
        );
        Ok(seconds)
    }

    /// The seconds an observation takes, and how many decisions followed from all of them. `advance` is by how many
    /// rounds the numbers move on each time every workload was observed.
    fn run(&mut self, observations: usize, advance: usize) -> (f64, usize) {
        let before = self.decisions;
        let mut input = self.fleet.observation(0, 0, self.now);
        let started = processor_seconds();
        for _ in 0..observations {
            self.observe_next(&mut input, advance);
        }
        let seconds = processor_seconds() - started;
        (seconds / observations as f64, self.decisions - before)
    }

    /// The next workload's observation in `input`, whose memory is used again: it stands for what was decoded.
    fn observe_next(&mut self, input: &mut Event, advance: usize) {
        let count = self.order.len();
        if self.next.is_multiple_of(count.div_ceil(INTERVAL_SECONDS)) {
            self.tick();
        }
        let (number, id) = &self.order[self.next];
        let number = *number;
        input.envelope.subject.clone_from(id);
        if let Body::Observed(observed) = &mut input.body {
            observed.due = self.now;
            observed.readings[0].at = self.now;
            observed.readings[0].measured = Measured::Total(Fleet::total(number, self.round));
        }
        self.place(input);
        self.evaluate(input);
        self.next += 1;
        if self.next == count {
            (self.next, self.round) = (0, self.round + advance);
        }
    }

    fn tick(&mut self) {
        self.now = Timestamp(self.now.0 + 1000);
        let body = Body::from(Ticked { number: 0 });
        let id = EventId(Uuid::nil());
        self.happen(Event::fact(
            id,
            WorkloadId::system("clock"),
            self.now,
            producer(Service::Clock),
            body,
        ));
    }

    /// As the log does: a position, a stamp, and here an id too.
    fn place(&mut self, event: &mut Event) {
        self.seq = self.seq.next();
        event.envelope.seq = self.seq;
        event.envelope.stamp = self.now;
        event.envelope.id = EventId(Uuid::from_u128(u128::from(self.seq.0)));
    }

    /// A fact that both machines may read.
    fn happen(&mut self, mut event: Event) {
        self.place(&mut event);
        if Planner::is_input(event.envelope.producer.service, &event.envelope.kind) {
            self.plan(&event);
        }
        self.evaluate(&event);
    }

    fn evaluate(&mut self, input: &Event) {
        for mut recommended in step(&mut self.evaluator, input) {
            self.place_output(&mut recommended);
            self.plan(&recommended);
        }
    }

    fn plan(&mut self, input: &Event) {
        for mut decided in step(&mut self.planner, input) {
            self.decisions += 1;
            self.place_output(&mut decided);
            for answer in answers(&decided) {
                self.happen(answer);
            }
        }
    }

    fn place_output(&mut self, event: &mut Event) {
        self.seq = self.seq.next();
        event.envelope.seq = self.seq;
    }
}

/// What a live machine does with an input, without the codec.
fn step<M: Machine>(stepped: &mut Stepped<M>, input: &Event) -> Vec<Event> {
    if !M::is_input(input.envelope.producer.service, &input.envelope.kind) || !stepped.input(input)
    {
        return Vec::new();
    }
    let nobody = Arc::default();
    let outputs = stepped.machine.decide(input).into_iter().zip(0..);
    let outputs: Vec<_> = outputs
        .map(|(output, index)| output_event::<M>(&input.envelope, index, output, &nobody))
        .collect();
    for output in &outputs {
        stepped
            .machine
            .apply(&as_own(output.clone(), input.envelope.stamp));
    }
    outputs
}

/// The processor time of this thread: what a core costs, whatever else the machine does.
fn processor_seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
