//! How fast the embedded log appends and reads, beside a bare file, and what an observation takes on disk.
//!
//! `cargo run --release -p headroom-log --example embedded_bench [observations] [directory]`. Collectors append the scrapes of
//! 1,000 workloads, one total each, some of them at the same time. A bare file gets as many groups,
//! each followed by a flush; see `bare`. Runs are interleaved; medians are printed.

use anyhow::{Context as _, Result};
use futures::StreamExt as _;
use headroom_log::embedded::{EmbeddedLog, Settings, Written};
use headroom_log::{Filter, Log};
use headroom_model::body::{Measured, Observed, Part, Reading};
use headroom_model::{Body, Event, EventId, Producer, Record, Seq, Service, Timestamp, WorkloadId};
use std::fs::{self, File};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const WORKLOADS: usize = 1000;
const ROUNDS: usize = 5;
/// Facts in one append, and appends that wait at the same time: a few collectors at their ease, and as many as there may be.
const SHAPES: [(usize, usize); 2] = [(100, 20), (250, 64)];

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let count: usize = arguments
        .next()
        .map_or(Ok(500_000), |count| count.parse())?;
    let place = arguments.next().unwrap_or_else(|| ".".into());
    let dir = tempfile::tempdir_in(place)?;
    for (batch, waiting) in SHAPES {
        eprintln!("{waiting} appends of {batch} facts at a time:");
        shape(dir.path(), count, batch, waiting).await?;
    }
    Ok(())
}

async fn shape(dir: &Path, count: usize, batch: usize, waiting: usize) -> Result<()> {
    let (mut to_encoding, mut to_ready) = (vec![], vec![]);
    let (mut appends, mut reads, mut bytes) = (vec![], vec![], 0.0);
    for round in 0..ROUNDS {
        let path = dir.join("log");
        let facts = observations(count, batch);
        let (written, log_time) = append(&path, facts.clone(), waiting).await?;
        let encoding = bare(&dir.join("bare"), Some(&facts), written)?;
        let ready = bare(&dir.join("bare"), None, written)?;
        let read_time = read(&path, count).await?;
        bytes = disk(&path)? as f64 / count as f64;
        to_encoding.push(encoding.as_secs_f64() / log_time.as_secs_f64());
        to_ready.push(ready.as_secs_f64() / log_time.as_secs_f64());
        appends.push(count as f64 / log_time.as_secs_f64());
        reads.push(count as f64 / read_time.as_secs_f64());
        eprintln!(
            "  round {round}: log {log_time:.2?}, bare file {encoding:.2?}, of ready bytes {ready:.2?}, read {read_time:.2?}, {written:?}"
        );
        fs::remove_dir_all(&path)?;
    }
    let (to_encoding, to_ready) = (median(&mut to_encoding), median(&mut to_ready));
    eprintln!(
        "  append: {:.0}/s, {to_encoding:.2} x a bare file that encodes them, {to_ready:.2} x one of ready bytes",
        median(&mut appends)
    );
    eprintln!("  read: {:.0}/s", median(&mut reads));
    eprintln!("  on disk: {bytes:.1} bytes an observation");
    Ok(())
}

fn observations(count: usize, batch: usize) -> Vec<Vec<Record>> {
    let producer = Producer {
        service: Service::Collector,
        instance: "host-1-4711".into(),
        behaviour: 0,
    };
    let workloads: Vec<_> = (0..WORKLOADS)
        .map(|index| WorkloadId::new("shop", &format!("checkout-{index}")).expect("it is a name"))
        .collect();
    let mut noise = 0x9e37_79b9_7f4a_7c15_u64;
    let one = |index: usize| {
        let workload = &workloads[index % WORKLOADS];
        // Every 15 s each, spread over the interval.
        let due = Timestamp(1_790_000_000_000 + (index as i64) * 15);
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        let value = 100.0 + (noise >> 11) as f64 / (1_u64 << 53) as f64;
        let reading = Reading {
            metric: "requests_per_second".into(),
            at: Timestamp(due.0 - (noise % 50).cast_signed()),
            measured: Measured::Total(value),
        };
        let body = Body::from(Observed {
            source: "prometheus".into(),
            due,
            readings: vec![reading],
            fleet: None,
            part: Part::default(),
        });
        let id = EventId::scraped("prometheus", workload, due);
        Event::fact(id, workload.clone(), due, producer.clone(), body).to_record()
    };
    let all: Vec<_> = (0..count).map(one).collect();
    all.chunks(batch).map(<[Record]>::to_vec).collect()
}

async fn append(
    path: &Path,
    facts: Vec<Vec<Record>>,
    waiting: usize,
) -> Result<(Written, Duration)> {
    let log = Arc::new(EmbeddedLog::open(path, &Settings::default())?);
    let started = Instant::now();
    let appends = futures::stream::iter(facts).map(|facts| {
        let log = Arc::clone(&log);
        async move { log.append(facts).await }
    });
    let mut appends = appends.buffered(waiting);
    while let Some(accepted) = appends.next().await {
        accepted?;
    }
    let elapsed = started.elapsed();
    Ok((log.written(), elapsed))
}

/// As many groups in a bare file, each followed by a flush. Its groups are the same facts, encoded here as MessagePack, or
/// where `facts` is `None` as many bytes as the log wrote, ready-made: that is the disk alone, with no work at all.
///
/// The flush is `fdatasync`, as for blocks. Young groups the log flushes with sled's `sync_file_range`, which is cheaper and
/// cannot be called from safe Rust: where there are many of them, the comparison favours the log.
fn bare(path: &Path, facts: Option<&[Vec<Record>]>, written: Written) -> Result<Duration> {
    let groups = usize::try_from(written.young_groups + written.sealed_groups)?.max(1);
    let mut bytes = vec![0xa5; usize::try_from(written.bytes)? / groups];
    let file = File::create(path)?;
    let started = Instant::now();
    let mut end = 0;
    for group in 0..groups {
        if let Some(facts) = facts {
            let of = |group: usize| facts.len() * group / groups;
            bytes.clear();
            for fact in facts[of(group)..of(group + 1)].iter().flatten() {
                rmp_serde::encode::write(&mut bytes, fact)?;
            }
        }
        file.write_all_at(&bytes, end)?;
        file.sync_data()?;
        end += bytes.len() as u64;
    }
    Ok(started.elapsed())
}

async fn read(path: &Path, count: usize) -> Result<Duration> {
    let log = EmbeddedLog::open(path, &Settings::default())?;
    let started = Instant::now();
    let mut entries = log.read(Seq(1), Filter::default()).await?;
    let mut read = 0;
    while let Some(chunk) = entries.next().await {
        read += chunk?.len();
    }
    let elapsed = started.elapsed();
    anyhow::ensure!(read == count, "{read} of {count} entries were read");
    Ok(elapsed)
}

fn disk(path: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(path).with_context(|| format!("reading {}", path.display()))? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() {
            disk(&entry.path())?
        } else {
            metadata.blocks() * 512
        };
    }
    Ok(bytes)
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
