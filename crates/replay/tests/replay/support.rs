//! Logs to read.

use headroom_log::{Entry, memory::Store};
use headroom_model::{Body, Checkpoint, Record, Seq, Service, Span, Timestamp};
use headroom_replay::file::{About, FORMAT, FileLog, Writer};
use headroom_sim::{Faults, Scenario, run};
use std::path::Path;
use std::sync::LazyLock;
use tempfile::TempDir;

/// A run in which nearly everything happens: two instances of each machine, overrides, failing targets, checkpoints.
pub(crate) static STORE: LazyLock<Store> = LazyLock::new(|| {
    let faults = Faults {
        crash: 0.002,
        lost_ack: 0.05,
        lost_commit: 0.05,
        repeat: 0.05,
        lag: Span(500),
        bad_samples: 0.05,
        failing_target: 0.2,
        drift: 0.001,
        operator: 0.003,
        ..Faults::default()
    };
    let scenario = Scenario {
        seed: 3,
        duration: Span::seconds(600),
        rest: Span::seconds(300),
        workloads: 3,
        instances: 2,
        one_by_one: true,
        faults,
    };
    run(&scenario).store
});

/// A log in a file, which is gone when this is dropped.
pub(crate) struct Archive {
    pub(crate) dir: TempDir,
    pub(crate) log: FileLog,
}

impl Archive {
    pub(crate) fn of(store: &Store) -> Self {
        Self::new(store.entries(Seq(1)).to_vec(), &checkpoints(store))
    }

    pub(crate) fn new(entries: Vec<Entry>, checkpoints: &[Checkpoint]) -> Self {
        let dir = tempfile::tempdir().expect("a directory for a test");
        let path = dir.path().join("whole.hrlog");
        write(&path, entries, checkpoints);
        let log = FileLog::open(&path).expect("it was written a line ago");
        Self { dir, log }
    }
}

pub(crate) fn write(path: &Path, entries: Vec<Entry>, checkpoints: &[Checkpoint]) {
    let (first, last) = (&entries[0], &entries[entries.len() - 1]);
    let about = About {
        format: FORMAT,
        headroom: "0".to_owned(),
        shard: "test".to_owned(),
        asked_first: first.seq(),
        first: first.seq(),
        last: last.seq(),
        first_stamp: stamp(first),
        last_stamp: stamp(last),
    };
    let file = std::fs::File::create(path).expect("a file for a test");
    let mut writer = Writer::begin(file, path.to_path_buf(), about).expect("the disk has room");
    for checkpoint in checkpoints {
        writer.checkpoint(checkpoint).expect("the disk has room");
    }
    for entry in entries {
        writer.entry(entry).expect("the disk has room");
    }
    writer.finish().expect("the disk has room");
}

pub(crate) fn checkpoints(store: &Store) -> Vec<Checkpoint> {
    let mut found = Vec::new();
    for service in Service::ALL {
        let mut not_after = store.bounds().last;
        while let Some(checkpoint) = store.checkpoint(service, not_after) {
            found.push(checkpoint.clone());
            let before = checkpoint.through.0.checked_sub(1);
            not_after = Seq(before.expect("none is taken before anything was seen"));
        }
    }
    found
}

pub(crate) fn stamp(entry: &Entry) -> Timestamp {
    match entry {
        Entry::Event(record) => record.envelope.stamp,
        Entry::Head(placed) => placed.stamp,
        Entry::Damaged { .. } => Timestamp::EPOCH,
    }
}

/// The place of an event that passes, at or after `from`.
pub(crate) fn find(
    entries: &[Entry],
    from: usize,
    passes: impl Fn(&Record, &Body) -> bool,
) -> usize {
    let found = entries.iter().enumerate().skip(from).find(|(_, entry)| {
        let Entry::Event(record) = entry else {
            return false;
        };
        record
            .decode()
            .is_ok_and(|event| passes(record, &event.body))
    });
    found.expect("the run has such an event").0
}

pub(crate) fn record(entry: &mut Entry) -> &mut Record {
    match entry {
        Entry::Event(record) => record,
        other => panic!("{other:?} is no event"),
    }
}
