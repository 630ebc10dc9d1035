//! What becomes of an embedded log whose files are damaged: lost positions are named, and everything else is read.

use futures::StreamExt as _;
use headroom_log::embedded::{EmbeddedLog, Settings};
use headroom_log::{Entry, Filter, Log, LogError, contract};
use headroom_model::{EventId, Record, Seq};
use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Entries in sealed blocks, three of them of 1,000 each, and then in 30 young groups.
const SEALED: u64 = 3000;
const ALL: u64 = SEALED + 30;

/// A closed log with [`ALL`] numbered entries.
async fn closed_log() -> TempDir {
    let dir = tempfile::tempdir().expect("there is a place for temporary files");
    let log = open(dir.path()).expect("a new log opens");
    for first in (0..SEALED).step_by(1000) {
        append(&log, contract::filler(first..first + 1000)).await;
    }
    for number in SEALED..ALL {
        append(&log, contract::filler(number..number + 1)).await;
    }
    dir
}

fn open(dir: &Path) -> Result<EmbeddedLog, LogError> {
    EmbeddedLog::open(dir, &Settings::default())
}

async fn append(log: &EmbeddedLog, facts: Vec<Record>) -> Seq {
    log.append(facts).await.expect("an append is taken")[0].seq
}

async fn read(log: &EmbeddedLog) -> Vec<Entry> {
    let entries = log.read(Seq(1), Filter::default()).await;
    let chunks: Vec<_> = entries.expect("a read begins").collect().await;
    chunks
        .into_iter()
        .flat_map(|chunk| chunk.expect("a read does not fail"))
        .collect()
}

/// Expects every position up to `last`, in order: numbered as appended, or named as damaged. Gives the damaged ranges.
fn damaged(entries: &[Entry], last: u64) -> Vec<(u64, u64)> {
    let mut next = 1;
    let mut ranges = Vec::new();
    for entry in entries {
        assert_eq!(entry.seq(), Seq(next), "positions have no gaps");
        match entry {
            Entry::Event(record) => {
                let id = EventId::named(&format!("filler {}", next - 1));
                assert_eq!(record.envelope.id, id, "position {next}");
                next += 1;
            }
            Entry::Damaged { last, .. } => {
                ranges.push((next, last.0));
                next = last.0 + 1;
            }
            Entry::Head(head) => panic!("nobody committed, and yet there is {head:?}"),
        }
    }
    assert_eq!(next, last + 1, "the end is there or named as damaged");
    ranges
}

fn flip(path: &Path, offset: u64, count: usize) {
    let file = fs::OpenOptions::new().read(true).write(true).open(path);
    let file = file.expect("the file is there");
    let mut bytes = vec![0; count];
    let read = file.read_at(&mut bytes, offset).expect("it can be read");
    bytes.iter_mut().for_each(|byte| *byte ^= 0x55);
    file.write_all_at(&bytes[..read], offset)
        .expect("it can be written");
}

fn only_block_file(dir: &Path) -> PathBuf {
    let mut files = fs::read_dir(dir.join("blocks")).expect("there are blocks");
    files
        .next()
        .expect("there is a file")
        .expect("it can be listed")
        .path()
}

/// Changes values of one of sled's trees, through sled.
fn change(dir: &Path, tree: &str, change: impl Fn(usize, &mut Vec<u8>)) {
    let db = (0..100)
        .find_map(|_| {
            std::thread::sleep(std::time::Duration::from_millis(20));
            sled::Config::new()
                .path(dir.join("index"))
                .segment_size(2 << 20)
                .open()
                .ok()
        })
        .expect("the index opens");
    let tree = db.open_tree(tree).expect("the tree is there");
    for (number, item) in tree.iter().enumerate() {
        let (key, value) = item.expect("the tree can be read");
        let mut value = value.to_vec();
        change(number, &mut value);
        tree.insert(key, value).expect("the tree can be written");
    }
    db.flush().expect("the tree can be flushed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_block_is_named_and_its_neighbours_are_read() {
    let dir = closed_log().await;
    let file = only_block_file(dir.path());
    let length = fs::metadata(&file).unwrap().len();
    flip(&file, length / 2, 3);
    let log = open(dir.path()).unwrap();
    assert_eq!(damaged(&read(&log).await, ALL), [(1001, 2000)]);
    let filter = Filter::kinds([headroom_model::Kind::Observed]);
    let from_within = log
        .read(Seq(1500), filter)
        .await
        .unwrap()
        .collect::<Vec<_>>()
        .await;
    let first = &from_within[0].as_ref().unwrap()[0];
    assert!(
        matches!(
            first,
            Entry::Damaged {
                first: Seq(1500),
                last: Seq(2000),
                ..
            }
        ),
        "{first:?}"
    );
    assert_eq!(
        append(&log, contract::filler(ALL..ALL + 1)).await,
        Seq(ALL + 1)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_blocks_that_is_cut_off_or_gone_is_named() {
    for gone in [true, false] {
        let dir = closed_log().await;
        let file = only_block_file(dir.path());
        if gone {
            fs::remove_file(&file).unwrap();
        } else {
            let half = fs::metadata(&file).unwrap().len() / 2;
            let file = fs::OpenOptions::new().write(true).open(&file).unwrap();
            file.set_len(half).unwrap();
        }
        let log = open(dir.path()).unwrap();
        let lost = damaged(&read(&log).await, ALL);
        let want: &[_] = if gone {
            &[(1, 1000), (1001, 2000), (2001, 3000)]
        } else {
            &[(1001, 2000), (2001, 3000)]
        };
        assert_eq!(lost, want);
        append(&log, contract::filler(ALL..ALL + 2000)).await;
        drop(log);
        let log = open(dir.path()).unwrap();
        assert_eq!(damaged(&read(&log).await, ALL + 2000), want);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_young_group_is_named_and_the_others_are_kept() {
    let dir = closed_log().await;
    change(dir.path(), "young", |number, value| {
        if [3, 4, 20].contains(&number) {
            *value.last_mut().unwrap() ^= 1;
        }
    });
    let want = [(3004, 3005), (3021, 3021)];
    let log = open(dir.path()).unwrap();
    assert_eq!(damaged(&read(&log).await, ALL), want);
    append(&log, contract::filler(ALL..ALL + 5)).await;
    drop(log);
    let log = open(dir.path()).unwrap();
    assert_eq!(damaged(&read(&log).await, ALL + 5), want);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_young_group_is_missed_though_nothing_comes_after_it() {
    let dir = closed_log().await;
    change(dir.path(), "young", |number, value| {
        if number == 29 {
            value.clear();
        }
    });
    let log = open(dir.path()).unwrap();
    assert_eq!(damaged(&read(&log).await, ALL), [(ALL, ALL)]);
    let next = append(&log, contract::filler(ALL..ALL + 1)).await;
    assert_eq!(next, Seq(ALL + 1), "a lost position is not given again");
    drop(log);
    let log = open(dir.path()).unwrap();
    assert_eq!(damaged(&read(&log).await, ALL + 1), [(ALL, ALL)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_that_only_the_index_lost_is_found_in_its_file() {
    let dir = closed_log().await;
    change(dir.path(), "blocks", |number, value| {
        if number != 2 {
            value[10] ^= 1;
        }
    });
    let log = open(dir.path()).unwrap();
    assert_eq!(damaged(&read(&log).await, ALL), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_moved_aside_is_made_anew_from_the_blocks() {
    let dir = closed_log().await;
    fs::rename(dir.path().join("index"), dir.path().join("aside")).unwrap();
    let log = open(dir.path()).unwrap();
    assert_eq!(damaged(&read(&log).await, ALL), [(SEALED + 1, ALL)]);
    append(&log, contract::filler(ALL..ALL + 1)).await;
    assert_eq!(damaged(&read(&log).await, ALL + 1), [(SEALED + 1, ALL)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_while_sled_writes_a_snapshot_does_no_harm() {
    let dir = closed_log().await;
    let half = dir.path().join("index/snap.7FFFFFFFFFFFFFFF.generating");
    fs::write(&half, b"half of a snapshot").unwrap();
    let log = open(dir.path()).unwrap();
    assert_eq!(damaged(&read(&log).await, ALL), []);
    assert!(!half.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_opening_is_refused_by_name() {
    let dir = closed_log().await;
    let log = open(dir.path()).unwrap();
    let second = open(dir.path())
        .expect_err("one process at a time")
        .to_string();
    assert!(
        second.contains(&dir.path().display().to_string()),
        "{second}"
    );
    assert!(second.contains("`headroom up` may be running"), "{second}");
    append(&log, contract::filler(ALL..ALL + 1)).await;
    assert_eq!(damaged(&read(&log).await, ALL + 1), []);
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// sled's own file, flipped at many places: either the log opens, and what sled lost is named; or it says what to do, and
/// that helps. At no place does it panic, give a position twice, or pass damage off as an event.
#[tokio::test(flavor = "multi_thread")]
async fn damage_to_sleds_own_file_is_survived_wherever_it_is() {
    survives_flips(&closed_log().await).await;
}

/// The same after another opening, when sled has noted what is where and no longer reads its whole file.
#[tokio::test(flavor = "multi_thread")]
async fn damage_to_sleds_own_file_is_survived_after_it_took_a_snapshot() {
    let dir = closed_log().await;
    drop(open(dir.path()).expect("a whole log opens"));
    survives_flips(&dir).await;
}

async fn survives_flips(original: &TempDir) {
    const PLACES: u64 = 48;
    let db = Path::new("index/db");
    // sled keeps 2 MiB at a time; what was written is at the beginning.
    let length = fs::metadata(original.path().join(db))
        .unwrap()
        .len()
        .min(16 << 10);
    let (mut opened, mut refused, mut lost) = (0, 0, 0);
    for place in 0..PLACES {
        let dir = tempfile::tempdir().unwrap();
        copy(original.path(), dir.path());
        let offset = length * place / PLACES;
        // The last place is left as it is, to show that a copy alone loses nothing.
        let flipped = if place + 1 == PLACES { 0 } else { 24 };
        flip(&dir.path().join(db), offset, flipped);
        let log = match open(dir.path()) {
            Ok(log) => {
                opened += 1;
                log
            }
            Err(error) => {
                refused += 1;
                assert!(
                    error.to_string().contains("move that directory aside"),
                    "{error}"
                );
                fs::rename(dir.path().join("index"), dir.path().join("aside")).unwrap();
                open(dir.path()).expect("the mend helps")
            }
        };
        let damage = damaged(&read(&log).await, ALL);
        assert!(
            flipped > 0 || damage.is_empty(),
            "a copy alone loses {damage:?}"
        );
        lost += usize::from(!damage.is_empty());
        assert!(
            damage.iter().all(|&(first, _)| first > SEALED),
            "sealed blocks are out of reach: {damage:?}"
        );
        let next = append(&log, contract::filler(ALL..ALL + 1)).await;
        assert_eq!(next, Seq(ALL + 1), "flipped at {offset}");
    }
    eprintln!("of {PLACES} places: {opened} opened, {refused} refused, {lost} lost something");
    assert!(
        lost > 0,
        "the places were chosen too kindly to show anything"
    );
}
