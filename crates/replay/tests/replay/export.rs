//! What is carried away reads, verifies and is imported as the log it came from, and damage to it is named.

use crate::support::{Archive, STORE, checkpoints, stamp};
use futures::StreamExt as _;
use headroom_log::embedded::{EmbeddedLog, Settings};
use headroom_log::{Entry, Filter, Log};
use headroom_model::{Seq, Service};
use headroom_replay::check::check;
use headroom_replay::export::{ExportError, Range, export};
use headroom_replay::file::{FileError, FileLog};
use headroom_replay::import::import;
use headroom_replay::moment::{Edge, Moment};

async fn all(log: &dyn Log, from: Seq) -> Vec<Entry> {
    let chunks = log
        .read(from, Filter::default())
        .await
        .expect("it can be read");
    let chunks: Vec<_> = chunks.collect().await;
    chunks
        .into_iter()
        .flat_map(|chunk| chunk.expect("it can be read"))
        .collect()
}

#[tokio::test]
async fn a_whole_log_is_carried_away_as_it_is() {
    let source = Archive::of(&STORE);
    let path = source.dir.path().join("incident.hrlog");
    let exported = export(&source.log, &path, "main", Range::default())
        .await
        .unwrap();
    let file = FileLog::open(&path).unwrap();
    assert_eq!(all(&file, Seq::ZERO).await, STORE.entries(Seq(1)));
    assert_eq!(all(&file, Seq(1234)).await, STORE.entries(Seq(1234)));
    assert_eq!(exported.checkpoints, checkpoints(&STORE).len() as u64);
    assert_eq!(file.about().shard, "main");
    assert_eq!(file.bounds().await.unwrap(), STORE.bounds());
    for service in [
        Service::Evaluator,
        Service::Planner,
        Service::Actuator,
        Service::Clock,
    ] {
        assert_eq!(
            file.head(service).await.unwrap().as_ref(),
            STORE.head(service)
        );
        let middle = Seq(STORE.bounds().last.0 / 2);
        let checkpoint = file.checkpoint(service, middle).await.unwrap();
        assert_eq!(checkpoint.as_ref(), STORE.checkpoint(service, middle));
    }
    let again = export(&source.log, &path, "main", Range::default()).await;
    assert!(
        matches!(again, Err(ExportError::Exists(_))),
        "a file is never overwritten"
    );
}

#[tokio::test]
async fn a_part_begins_where_a_replay_can_and_verifies_alone() {
    let source = Archive::of(&STORE);
    let last = STORE.bounds().last;
    let (from, to) = (Seq(last.0 * 3 / 4), Seq(last.0 * 7 / 8));
    let range = Range {
        from: Some(Edge::Seq(from)),
        to: Some(Edge::Seq(to)),
    };
    let path = source.dir.path().join("part.hrlog");
    let exported = export(&source.log, &path, "main", range).await.unwrap();
    let about = exported.about;
    assert_eq!((about.asked_first, about.last), (from, to));
    assert!(about.first > Seq(1) && about.first <= from, "{about:?}");
    let file = FileLog::open(&path).unwrap();
    let report = headroom_replay::verify(&file, &mut |_| {}).await.unwrap();
    assert!(report.verified(), "{}", report.details());
    assert!(report.decisions > 0);
    let known = STORE
        .ledger(Seq::ZERO)
        .filter(|entry| entry.seq() < about.first);
    let ledger = file.ledger(Seq::ZERO, Filter::default()).await.unwrap();
    let ledger: Vec<_> = ledger.map(|chunk| chunk.unwrap()).concat().await;
    let before = ledger
        .iter()
        .filter(|entry| entry.seq() < about.first)
        .count();
    assert!(
        before > 0 && before <= known.count(),
        "policies from before are carried along"
    );
}

#[tokio::test]
async fn a_part_is_cut_by_time() {
    let source = Archive::of(&STORE);
    let at = |seq| stamp(&STORE.entries(seq)[0]);
    let last = STORE.bounds().last;
    let (from, to) = (at(Seq(last.0 / 2)), at(Seq(last.0 * 2 / 3)));
    let range = Range {
        from: Some(Edge::Time(Moment::At(from))),
        to: Some(Edge::Time(Moment::At(to))),
    };
    let path = source.dir.path().join("part.hrlog");
    let about = export(&source.log, &path, "main", range)
        .await
        .unwrap()
        .about;
    assert_eq!(at(about.asked_first), from);
    assert_eq!(at(about.last), to);
    assert!(at(about.last.next()) > to && at(Seq(about.asked_first.0 - 1)) < from);
    let nothing = Range {
        from: Some(Edge::Seq(last.next())),
        to: None,
    };
    let path = source.dir.path().join("nothing.hrlog");
    let refused = export(&source.log, &path, "main", nothing).await;
    assert!(matches!(refused, Err(ExportError::Nothing { .. })));
    assert!(!path.exists());
}

#[tokio::test]
async fn a_file_that_was_cut_off_is_readable_up_to_there() {
    let source = Archive::of(&STORE);
    let whole = std::fs::read(source.dir.path().join("whole.hrlog")).unwrap();
    let path = source.dir.path().join("cut.hrlog");
    std::fs::write(&path, &whole[..whole.len() * 2 / 3]).unwrap();
    let file = FileLog::open(&path).unwrap();
    let entries = all(&file, Seq::ZERO).await;
    let (end, before) = entries.split_last().unwrap();
    assert_eq!(before, &STORE.entries(Seq(1))[..before.len()]);
    assert!(!before.is_empty());
    match end {
        Entry::Damaged { first, last, .. } => {
            assert_eq!(
                (first.0 as usize, *last),
                (before.len() + 1, STORE.bounds().last)
            );
        }
        other => panic!("{other:?}"),
    }
    let found = check(&file).await.unwrap();
    assert!(!found.sound());
    assert!(
        file.damaged()
            .iter()
            .any(|part| part.detail.contains("cut off"))
    );
}

#[tokio::test]
async fn a_flipped_bit_costs_one_part_and_is_named() {
    let source = Archive::of(&STORE);
    let whole = std::fs::read(source.dir.path().join("whole.hrlog")).unwrap();
    let path = source.dir.path().join("flipped.hrlog");
    for at in (0..whole.len()).step_by(whole.len() / 60) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        std::fs::write(&path, &bytes).unwrap();
        let file = FileLog::open(&path).unwrap();
        assert!(
            !file.damaged().is_empty(),
            "byte {at} was changed and nobody noticed"
        );
        let mut next = Seq(1);
        for entry in all(&file, Seq::ZERO).await {
            assert_eq!(entry.seq(), next, "byte {at}");
            next = match entry {
                Entry::Damaged { last, .. } => last.next(),
                entry => {
                    assert_eq!(entry, STORE.entries(next)[0], "byte {at}");
                    next.next()
                }
            };
        }
        assert_eq!(
            next,
            STORE.bounds().last.next(),
            "byte {at}: every position is read or named"
        );
    }
}

#[test]
fn what_is_no_exported_log_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("other");
    for content in [
        &b""[..],
        b"HRX1",
        b"something else entirely, and long enough for a header",
    ] {
        std::fs::write(&path, content).unwrap();
        let refused = FileLog::open(&path);
        assert!(
            matches!(refused, Err(FileError::NotALog { .. })),
            "{content:?}"
        );
    }
}

#[tokio::test]
async fn an_imported_log_is_the_one_it_came_from() {
    let source = Archive::of(&STORE);
    let range = Range {
        from: Some(Edge::Seq(Seq(STORE.bounds().last.0 / 2))),
        to: None,
    };
    let path = source.dir.path().join("part.hrlog");
    export(&source.log, &path, "main", range).await.unwrap();
    let file = FileLog::open(&path).unwrap();
    let dir = source.dir.path().join("imported");
    import(&file, &dir).await.unwrap();
    assert!(
        import(&file, &dir).await.is_err(),
        "what is there is never written over"
    );
    let log = EmbeddedLog::open(&dir, &Settings::default()).unwrap();
    assert_eq!(log.bounds().await.unwrap(), file.bounds().await.unwrap());
    assert_eq!(all(&log, Seq::ZERO).await, all(&file, Seq::ZERO).await);
    let ledgers = [&log as &dyn Log, &file];
    let mut seen = Vec::new();
    for ledger in ledgers {
        let entries = ledger.ledger(Seq::ZERO, Filter::default()).await.unwrap();
        seen.push(entries.map(|chunk| chunk.unwrap()).concat().await);
    }
    assert_eq!(seen[0], seen[1]);
    let report = headroom_replay::verify(&log, &mut |_| {}).await.unwrap();
    assert!(report.verified(), "{}", report.details());
}
