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
