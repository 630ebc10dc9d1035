//! The embedded log on a disk that becomes full: appends fail aloud, nothing acknowledged is lost, and with new room the
//! log goes on.

use futures::TryStreamExt as _;
use headroom_log::embedded::{EmbeddedLog, Settings};
use headroom_log::{Entry, Filter, Log, LogError};
use headroom_model::{EventId, Record, Seq};
use headroom_tests::{facts, servers::small_disk::SmallDisk};
use std::path::Path;

fn open(dir: &Path) -> Result<EmbeddedLog, LogError> {
    EmbeddedLog::open(dir, &Settings::default())
}

async fn ids(log: &EmbeddedLog) -> Vec<EventId> {
    let entries = log.read(Seq(1), Filter::default()).await;
    let chunks: Vec<Vec<Entry>> = entries
        .expect("a read begins")
        .try_collect()
        .await
        .expect("a read does not fail");
    let entries = chunks.concat();
    let events = facts::events(&entries);
    assert_eq!(events.len(), entries.len(), "nothing is damaged");
    events.iter().map(|event| event.envelope.id).collect()
}

/// Facts whose bodies no compressor shortens.
fn incompressible(label: &str, count: u32, bytes: usize) -> Vec<Record> {
    let one = |number| {
        let mut fact = facts::observed(label, number);
        let random =
            (0..bytes.div_ceil(16)).map(|part| EventId::named(&format!("{label} {number} {part}")));
        fact.body = random.flat_map(|id| *id.0.as_bytes()).collect();
        fact
    };
    (0..count).map(one).collect()
}

/// Appends until the disk is full; gives the ids that were acknowledged, and the error.
async fn fill(log: &EmbeddedLog, count: u32, bytes: usize) -> (Vec<EventId>, LogError) {
    let mut acknowledged = Vec::new();
    for number in 0.. {
        let facts = incompressible(&format!("fill-{number}"), count, bytes);
        let new: Vec<_> = facts.iter().map(|fact| fact.envelope.id).collect();
        match log.append(facts).await {
            Ok(_) => acknowledged.extend(new),
            Err(error) => return (acknowledged, error),
        }
    }
    unreachable!("every disk is full at some time")
}

async fn full_disk(count: u32, bytes: usize) {
    let Some(disk) = SmallDisk::mount(24) else {
        return;
    };
    let log = open(&disk.path().join("log")).expect("a new log opens");
    let (acknowledged, error) = fill(&log, count, bytes).await;
    assert!(matches!(error, LogError::Storage(_)), "{error}");
    assert!(error.to_string().contains("the disk is full"), "{error}");
    assert!(
        acknowledged.len() > 100,
        "only {} were taken",
        acknowledged.len()
    );
    let again = log.append(vec![facts::observed("again", 1)]).await;
    assert!(matches!(again, Err(LogError::Storage(_))), "{again:?}");
    assert_eq!(
        ids(&log).await,
        acknowledged,
        "what was acknowledged can still be read"
    );
    drop(log);

    // Without room it may not open, and if it does not, it says why.
    match open(&disk.path().join("log")) {
        Ok(log) => assert!(ids(&log).await.starts_with(&acknowledged)),
        Err(error) => assert!(error.to_string().contains("disk is full"), "{error}"),
    }
    disk.enlarge(64);
    let log = open(&disk.path().join("log")).expect("with new room it opens");
    let found = ids(&log).await;
    assert!(
        found.starts_with(&acknowledged),
        "nothing acknowledged is lost"
    );
    let next = log.append(vec![facts::observed("after", 1)]).await;
    let next = next.expect("with new room it goes on")[0].seq;
    assert_eq!(next, Seq(found.len() as u64 + 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_takes_nothing_from_what_was_acknowledged_in_blocks() {
    full_disk(1200, 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_takes_nothing_from_what_was_acknowledged_in_small_groups() {
    full_disk(3, 20_000).await;
}
