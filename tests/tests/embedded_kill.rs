//! The embedded log under SIGKILL: fifty times a process that appends is killed at a random moment. Nothing that it had
//! acknowledged may be missing, no entry torn, no commit in part, and positions go on without gap.

use futures::TryStreamExt as _;
use headroom_log::embedded::{EmbeddedLog, Settings};
use headroom_log::{Entry, Filter, Log};
use headroom_model::{Seq, Service};
use headroom_tests::facts;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const ROUNDS: u32 = 50;

/// What a killed process had printed.
enum Acknowledged {
    Facts {
        first: u64,
        count: u32,
        label: String,
    },
    Commit {
        head: u64,
        outputs: u32,
        label: String,
    },
}

impl Acknowledged {
    /// Reads a line; one that was cut off by the kill, before its newline, is none.
    fn parse(line: &str) -> Option<Self> {
        let words: Vec<_> = line.strip_suffix('\n')?.split(' ').collect();
        let [what, at, count, label] = words.as_slice() else {
            panic!("the appender printed {line:?}");
        };
        let (at, count, label) = (
            at.parse().expect("a position"),
            count.parse().expect("a count"),
            (*label).to_owned(),
        );
        Some(match *what {
            "facts" => Self::Facts {
                first: at,
                count,
                label,
            },
            _ => Self::Commit {
                head: at,
                outputs: count,
                label,
            },
        })
    }
}

/// Runs the appender for `life` after its first acknowledgement, kills it, and gives all that it had acknowledged.
fn run_and_kill(dir: &Path, round: u32, life: Duration) -> Vec<Acknowledged> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_embedded_appender"))
        .arg(dir)
        .arg(round.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the appender starts");
    let mut output = BufReader::new(child.stdout.take().expect("its output is a pipe"));
    let mut first = String::new();
    output.read_line(&mut first).expect("it can be read");
    // A thread drains the pipe meanwhile, so that the appender never waits for room in it.
    let reader = std::thread::spawn(move || {
        let mut lines = Vec::new();
        let mut line = String::new();
        while output.read_line(&mut line).expect("it can be read") > 0 {
            lines.push(std::mem::take(&mut line));
        }
        lines
    });
    std::thread::sleep(life);
    child.kill().expect("it can be killed");
    let status = child.wait().expect("it can be waited for");
    assert!(!status.success(), "it was killed, it did not end");
    let mut lines = vec![first];
    lines.extend(reader.join().expect("the reader goes on to the end"));
    lines
        .iter()
        .filter_map(|line| Acknowledged::parse(line))
        .collect()
}

async fn read(log: &EmbeddedLog, from: u64) -> BTreeMap<u64, Entry> {
    let entries = log.read(Seq(from), Filter::default()).await;
    let chunks: Vec<Vec<Entry>> = entries
        .expect("a read begins")
        .try_collect()
        .await
        .expect("a read does not fail");
    let entries: Vec<_> = chunks.concat();
    for (entry, seq) in entries.iter().zip(from..) {
        assert!(!matches!(entry, Entry::Damaged { .. }), "{entry:?}");
        assert_eq!(entry.seq(), Seq(seq), "positions have no gaps");
    }
    let keyed = entries.into_iter().map(|entry| (entry.seq().0, entry));
    keyed.collect()
}

fn id(entries: &BTreeMap<u64, Entry>, seq: u64) -> Option<headroom_model::EventId> {
    match entries.get(&seq)? {
        Entry::Event(record) => Some(record.envelope.id),
        _ => None,
    }
}

/// Every acknowledged event stands where it was said to stand.
fn assert_kept(entries: &BTreeMap<u64, Entry>, acknowledged: &[Acknowledged]) {
    for one in acknowledged {
        let (first, ids, label): (u64, Vec<_>, _) = match one {
            Acknowledged::Facts {
                first,
                count,
                label,
            } => {
                let ids = (0..*count).map(|number| facts::observed(label, number).envelope.id);
                (*first, ids.collect(), label)
            }
            Acknowledged::Commit {
                head,
                outputs,
                label,
            } => {
                let Some(Entry::Head(found)) = entries.get(head) else {
                    panic!("the head of {label} is not at {head}");
                };
                assert_eq!(found.head.instance, *label);
                let output = |number| facts::output(Service::Planner, label, number).envelope.id;
                (head + 1, (0..*outputs).map(output).collect(), label)
            }
        };
        for (id_there, seq) in ids.into_iter().zip(first..) {
            assert_eq!(id(entries, seq), Some(id_there), "{label} at {seq}");
        }
    }
}

/// Every head is followed by all of its outputs.
fn assert_whole_commits(entries: &BTreeMap<u64, Entry>) {
    for (seq, entry) in entries {
        let Entry::Head(head) = entry else { continue };
        for number in 0..head.head.outputs {
            let want = facts::output(Service::Planner, &head.head.instance, number)
                .envelope
                .id;
            let found = id(entries, seq + 1 + u64::from(number));
            assert_eq!(found, Some(want), "output {number} of the head at {seq}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_to_sigkill() {
    let dir = tempfile::tempdir().expect("there is a place for temporary files");
    let seed = u64::from(std::process::id());
    eprintln!("seed {seed}");
    let mut noise = seed | 1;
    let (mut next, mut total) = (1, 0);
    for round in 0..ROUNDS {
        noise = noise
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let life = Duration::from_micros((noise >> 33) % 120_000);
        let acknowledged = run_and_kill(dir.path(), round, life);
        assert!(
            !acknowledged.is_empty(),
            "round {round} acknowledged nothing"
        );
        total += acknowledged.len();

        let log = EmbeddedLog::open(dir.path(), &Settings::default()).expect("it opens again");
        let entries = read(&log, next).await;
        assert_kept(&entries, &acknowledged);
        assert_whole_commits(&entries);
        let bounds = log.bounds().await.expect("bounds can be asked for");
        assert_eq!(
            bounds.last.0,
            next - 1 + entries.len() as u64,
            "round {round}"
        );
        let newest = entries.values().rev().find_map(|entry| match entry {
            Entry::Head(head) => Some(head),
            _ => None,
        });
        let head = log
            .head(Service::Planner)
            .await
            .expect("a head can be asked for");
        assert!(
            newest.is_none() || head.as_ref() == newest,
            "round {round}: {head:?}"
        );
        next = bounds.last.0 + 1;
    }
    let log = EmbeddedLog::open(dir.path(), &Settings::default()).expect("it opens again");
    assert_eq!(read(&log, 1).await.len() as u64, next - 1);
    eprintln!("{total} acknowledged requests, {} entries", next - 1);
}
