//! How fast a log is replayed, beside what it takes to read and decode it and to step it, each alone.
//!
//! `cargo run --release -p headroom-replay --example replay_bench [seconds]`. The log is a simulated run of so many seconds
//! with 100 workloads, exported to a file. Runs are interleaved; medians are printed.

use futures::StreamExt as _;
use headroom_actuator::Actuator;
use headroom_evaluator::Evaluator;
use headroom_log::{Entry, Filter, Log, LogError};
use headroom_model::{Event, Machine, Seq, Span, Timestamp, machine::Stepped};
use headroom_planner::Planner;
use headroom_replay::file::{About, FORMAT, FileLog, Writer};
use headroom_sim::{Faults, Scenario, run};
use std::error::Error;
use std::fs::File;
use std::hint::black_box;
use std::time::{Duration, Instant};

const ROUNDS: usize = 5;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let seconds = std::env::args()
        .nth(1)
        .map_or(Ok(3600), |text| text.parse())?;
    let dir = tempfile::tempdir()?;
    let log = simulated(&dir.path().join("bench.hrlog"), seconds)?;
    let (mut reads, mut steps, mut replays) = (Vec::new(), Vec::new(), Vec::new());
    let mut events = 0;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let decoded = decoded(&log).await?;
        reads.push(start.elapsed());
        let start = Instant::now();
        step::<Evaluator>(&decoded);
        step::<Planner>(&decoded);
        step::<Actuator>(&decoded);
        steps.push(start.elapsed());
        drop(decoded);
        let start = Instant::now();
        let report = headroom_replay::verify(&log, &mut |_| {}).await?;
        replays.push(start.elapsed());
        assert!(report.verified(), "{}", report.details());
        events = report.events;
    }
    let (read, step, replay) = (median(&mut reads), median(&mut steps), median(&mut replays));
    let ratio = replay.as_secs_f64() / (read + step).as_secs_f64();
    let rate = events as f64 / replay.as_secs_f64();
    eprintln!("{events} events: read and decoded in {read:.2?}, stepped in {step:.2?}");
    eprintln!("replayed in {replay:.2?}: {ratio:.2} x both, {rate:.0} events/s");
    Ok(())
}

fn simulated(path: &std::path::Path, seconds: u64) -> Result<FileLog, Box<dyn Error>> {
    let store = run(&Scenario {
        seed: 1,
        duration: Span::seconds(seconds),
        rest: Span::ZERO,
        workloads: 100,
        instances: 1,
        one_by_one: false,
        faults: Faults::default(),
    })
    .store;
    let bounds = store.bounds();
    let about = About {
        format: FORMAT,
        headroom: env!("CARGO_PKG_VERSION").to_owned(),
        shard: "bench".to_owned(),
        asked_first: bounds.first,
        first: bounds.first,
        last: bounds.last,
        first_stamp: Timestamp::EPOCH,
        last_stamp: bounds.last_stamp,
    };
    let mut writer = Writer::begin(File::create(path)?, path.to_path_buf(), about)?;
    for entry in store.entries(Seq(1)) {
        writer.entry(entry.clone())?;
    }
    writer.finish()?;
    Ok(FileLog::open(path)?)
}

/// Reads the log and decodes every body once.
async fn decoded(log: &FileLog) -> Result<Vec<Event>, LogError> {
    let mut events = Vec::new();
    let mut entries = log.read(Seq(1), Filter::default()).await?;
    while let Some(chunk) = entries.next().await {
        for entry in chunk? {
            if let Entry::Event(record) = entry {
                events.extend(record.into_event().ok());
            }
        }
    }
    Ok(events)
}

/// Steps a machine through its inputs, answers included.
fn step<M: Machine>(events: &[Event]) {
    let mut stepped = Stepped::<M>::default();
    for event in events {
        let service = event.envelope.producer.service;
        if service == M::SERVICE {
            stepped.machine.apply(event);
        } else if M::is_input(service, &event.envelope.kind) && stepped.input(event) {
            black_box(stepped.machine.decide(event));
        }
    }
    black_box(stepped);
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
