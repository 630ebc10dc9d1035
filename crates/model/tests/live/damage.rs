//! Heads and outputs that cannot be read.

use super::one_by_one::leader_of;
use super::*;

#[test]
fn a_newest_head_that_cannot_be_read_is_gone_on_from() {
    let mut log = Log::default();
    let mut first = leader_of(&mut log);
    log.tick(9);
    read(&mut first, &log, START).unwrap();
    let damaged = log.next();
    commit_all(&mut first, &mut log, START);
    let lost = |entry: &Result<Record, (Seq, Head)>| match entry {
        Ok(record) => record.envelope.seq >= damaged,
        Err((seq, _)) => *seq >= damaged,
    };
    let readable = Log {
        entries: log
            .entries
            .iter()
            .filter(|entry| !lost(entry))
            .cloned()
            .collect(),
        head: log.head.clone(),
    };
    let mut next = born(&readable, "b", START);
    assert_eq!(next.head(), log.head.as_ref());
    log.tick(1);
    let record = log.entries.last().cloned().unwrap().expect("it is a tick");
    next.record(record, START).unwrap();
    take_over(&mut next, &mut log, Moment(1000));
    commit_all(&mut next, &mut log, Moment(1000));
    let outputs = log.outputs();
    assert_eq!(
        outputs.len(),
        10,
        "what the head says was answered is not answered again"
    );
    assert!(outputs.ends_with(&["10 0".to_owned()]), "{outputs:?}");
}

#[test]
fn a_commit_with_an_output_that_cannot_be_read_ends_where_it_says() {
    let mut log = Log::default();
    let mut live = leader_of(&mut log);
    log.tick(9);
    read(&mut live, &log, START).unwrap();
    commit_all(&mut live, &mut log, START);
    log.tick(1);
    read(&mut live, &log, START).unwrap();
    commit_all(&mut live, &mut log, START);
    let last_of_the_batch = log.entries.len() - 3;
    assert!(log.entries[last_of_the_batch].is_ok());
    let mut fold = Fold::<Echo>::default();
    let mut ended = None;
    for (index, entry) in log.entries.iter().enumerate() {
        match entry {
            Ok(_) if index == last_of_the_batch => ended = fold.unfinished_commit(),
            Ok(record) => fold.record(record).unwrap(),
            Err((seq, head)) => fold.head(*seq, Timestamp(0), head),
        }
    }
    assert_eq!(ended, Some(Seq(last_of_the_batch as u64 + 1)));
    assert_eq!(fold.unfinished_commit(), None);
}

#[test]
fn a_standby_folds_again_when_a_head_says_that_an_answer_stands_that_it_cannot_read() {
    let mut log = Log::default();
    let mut leader = leader_of(&mut log);
    let mut standby = born(&log, "b", START);
    log.tick(1);
    read(&mut leader, &log, START).unwrap();
    read(&mut standby, &log, START).unwrap();
    commit_all(&mut leader, &mut log, START);
    assert_eq!(log.outputs(), ["1 0"], "which the standby does not see");
    let beat = leader
        .next_commit(Moment(1000))
        .expect("what stands behind")
        .clone();
    let seq = log.commit(&beat).expect("nobody else commits");
    let head = beat.head.expect("it is one");
    let stopped = standby.on_head(seq, Timestamp(0), &head, Moment(1000));
    assert!(
        matches!(stopped, Err(Stop::FoldAgain { seq: at }) if at == seq),
        "{stopped:?}"
    );
    let again = born(&log, "b", Moment(1000));
    assert_eq!(again.pending(), 0);
}

#[test]
fn an_answer_that_a_head_does_not_cover_is_waited_for() {
    let mut log = Log::default();
    let mut leader = leader_of(&mut log);
    let mut standby = born(&log, "b", START);
    log.tick(3);
    read(&mut standby, &log, START).unwrap();
    commit_all(&mut leader, &mut log, START);
    let (seen, outputs) = (leader.seen(), log.outputs().len());
    assert_eq!((seen, outputs), (Seq(1), 0), "it has not read the tick");
    let beat = leader.release(Moment(1000)).expect("it is settled").clone();
    log.commit(&beat).expect("nobody else commits");
    read(&mut standby, &log, Moment(1000)).unwrap();
    assert_eq!(standby.pending(), 3);
}

#[test]
fn a_standby_folds_again_when_it_reads_an_answer_and_not_the_one_before() {
    let mut log = Log::default();
    let mut leader = leader_of(&mut log);
    let mut standby = born(&log, "b", START);
    log.tick(3);
    read(&mut leader, &log, START).unwrap();
    read(&mut standby, &log, START).unwrap();
    commit_all(&mut leader, &mut log, START);
    assert_eq!(log.outputs().len(), 3);
    let second = log.entries[log.entries.len() - 2].clone();
    let second = second.expect("outputs go one by one");
    let stopped = standby.record(second, START);
    assert!(
        matches!(stopped, Err(Stop::FoldAgain { .. })),
        "{stopped:?}"
    );
}
