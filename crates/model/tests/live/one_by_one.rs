//! A few outputs one by one, under the head that stands.

use super::*;

/// A leader that commits a few outputs one by one.
pub(super) fn leader_of(log: &mut Log) -> Live<Echo> {
    let mut live = start(log, "a", true, START);
    take_over(&mut live, log, START);
    live
}

#[test]
fn a_few_outputs_go_one_by_one_under_the_head_and_many_in_a_batch() {
    let mut log = Log::default();
    let mut live = leader_of(&mut log);
    let head = log.head.clone();
    log.tick(2);
    read(&mut live, &log, START).unwrap();
    commit_all(&mut live, &mut log, START);
    assert_eq!(log.outputs(), ["2 0", "2 1"]);
    assert_eq!(log.head, head, "the head still stands");
    let restarted = born(&log, "a", START);
    assert_eq!(
        restarted.pending(),
        0,
        "what stands under the head is folded"
    );
    log.tick(1);
    read(&mut live, &log, START).unwrap();
    let proposal = live
        .next_commit(Moment(1000))
        .expect("what stands behind the head")
        .clone();
    assert!(proposal.head.is_some() && proposal.outputs.is_empty());
    live.committed(log.commit(&proposal).unwrap(), Moment(1000));
    commit_all(&mut live, &mut log, Moment(1000));
    assert_eq!(log.outputs().len(), 3);
    log.tick(9);
    read(&mut live, &log, START).unwrap();
    let proposal = live.next_commit(Moment(1000)).expect("answers wait");
    assert!(proposal.head.is_some() && proposal.outputs.len() == 9);
}

#[test]
fn an_output_whose_ack_was_lost_is_found_when_it_is_read() {
    let mut log = Log::default();
    let mut live = leader_of(&mut log);
    log.tick(1);
    read(&mut live, &log, START).unwrap();
    let proposal = live.next_commit(START).expect("an answer waits").clone();
    assert_eq!(proposal.head, None);
    log.commit(&proposal).expect("nobody else commits");
    assert_eq!(live.unanswered(), Unanswered::GoOn);
    let record = log
        .entries
        .last()
        .cloned()
        .unwrap()
        .expect("it is an output");
    let Ok(Taken::Committed(committed)) = live.record(record, START) else {
        panic!("it is its own");
    };
    assert_eq!(committed.outputs, [proposal.outputs[0].envelope.id]);
    take_over(&mut live, &mut log, START);
    assert_eq!((live.next_commit(START), log.outputs().len()), (None, 1));
}

#[test]
fn an_output_that_was_given_up_can_not_come_after_the_next_head() {
    let mut log = Log::default();
    let mut live = leader_of(&mut log);
    log.tick(1);
    read(&mut live, &log, START).unwrap();
    let slow = live.next_commit(START).expect("an answer waits").clone();
    assert_eq!(live.unanswered(), Unanswered::GoOn);
    assert!(live.leading(), "as far as anyone knows");
    take_over(&mut live, &mut log, START);
    commit_all(&mut live, &mut log, START);
    log.commit(&slow)
        .expect_err("its head has been followed by another");
    assert_eq!(log.outputs(), ["1 0"]);
}

#[test]
fn what_came_under_the_old_head_is_read_before_a_successor_answers() {
    let mut log = Log::default();
    let mut old = leader_of(&mut log);
    let mut successor = start(&log, "b", true, START);
    log.tick(1);
    read(&mut old, &log, START).unwrap();
    read(&mut successor, &log, START).unwrap();
    let late = old.next_commit(START).expect("an answer waits").clone();
    let head = successor
        .next_commit(Moment(1000))
        .expect("it was silent")
        .clone();
    log.commit(&late)
        .expect("the successor's head is not there yet");
    successor.committed(log.commit(&head).unwrap(), Moment(1000));
    assert_eq!(
        successor.next_commit(Moment(1000)),
        None,
        "it has not read up to its head"
    );
    read(&mut successor, &log, Moment(1000)).unwrap();
    commit_all(&mut successor, &mut log, Moment(1000));
    assert_eq!(log.outputs(), ["1 0"]);
}
