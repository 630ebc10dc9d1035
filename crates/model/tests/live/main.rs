//! Stepping, committing, standing by and taking over, with a machine that answers each tick with as many outputs as the
//! tick's number says.

mod damage;
mod one_by_one;

use headroom_model::body::{Body, OverrideCleared, OverrideSlot, PolicyRemoved, Ticked};
use headroom_model::head::BATCH;
use headroom_model::machine::{Fold, Live, Moment, Proposal, Stop, Taken, Unanswered, Writer};
use headroom_model::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Echo {
    outputs: u64,
    sum: u64,
    wish: u64,
}

impl Machine for Echo {
    const SERVICE: Service = Service::Planner;
    const BEHAVIOUR: u32 = 2;
    const STATE: u16 = 1;
    type Job = ();

    fn inputs() -> &'static [Kind] {
        &[Kind::Ticked, Kind::OverrideCleared]
    }

    fn apply(&mut self, event: &Event) {
        match &event.body {
            Body::Ticked(ticked) => {
                (self.wish, self.sum) = (ticked.number, self.sum + ticked.number)
            }
            Body::OverrideCleared(_) => (self.wish, self.sum) = (1, self.sum + 1),
            Body::PolicyRemoved(_) => self.outputs += 1,
            _ => {}
        }
    }

    fn decide(&self, _input: &Event) -> Vec<Output> {
        let answer = |n| PolicyRemoved {
            owner: format!("{} {n}", self.sum),
        };
        (0..self.wish)
            .map(|n| Output::new(&WorkloadId::system("echo"), answer(n)))
            .collect()
    }

    fn outstanding(&self) -> Vec<()> {
        Vec::new()
    }
}

/// A log of one machine, as simple as can be.
#[derive(Default)]
struct Log {
    entries: Vec<Result<Record, (Seq, Head)>>,
    head: Option<(Seq, Head)>,
}

impl Log {
    fn next(&self) -> Seq {
        Seq(self.entries.len() as u64 + 1)
    }

    fn fact(&mut self, service: Service, name: &str, body: Body) {
        let producer = Producer {
            service,
            instance: "test".into(),
            behaviour: 0,
        };
        let mut record = Event::fact(
            EventId::named(name),
            WorkloadId::system("x"),
            Timestamp(0),
            producer,
            body,
        )
        .to_record();
        record.envelope.seq = self.next();
        record.envelope.stamp = Timestamp(1000 + self.entries.len() as i64);
        self.entries.push(Ok(record));
    }

    fn tick(&mut self, number: u64) {
        let name = format!("tick {}", self.next());
        self.fact(Service::Clock, &name, Ticked { number }.into());
    }

    fn commit(&mut self, proposal: &Proposal) -> Result<Seq, (Seq, Head)> {
        if self.head.as_ref().map_or(Seq::ZERO, |(seq, _)| *seq) != proposal.expected {
            return Err(self.head.clone().expect("an expected head was there"));
        }
        assert!(
            proposal.outputs.len() < BATCH,
            "a batch holds a head and its outputs"
        );
        let seq = self.next();
        if let Some(head) = &proposal.head {
            self.head = Some((seq, head.clone()));
            self.entries.push(Err((seq, head.clone())));
        }
        for output in &proposal.outputs {
            let mut output = output.clone();
            output.envelope.seq = self.next();
            output.envelope.stamp = Timestamp(1000 + self.entries.len() as i64);
            self.entries.push(Ok(output));
        }
        Ok(seq)
    }

    fn outputs(&self) -> Vec<String> {
        let own = |entry: &Result<Record, _>| {
            let event = entry.as_ref().ok()?.decode().ok()?;
            match event.body {
                Body::PolicyRemoved(said) => Some(said.owner),
                _ => None,
            }
        };
        self.entries.iter().filter_map(own).collect()
    }
}

fn fold(log: &Log) -> Fold<Echo> {
    let mut fold = Fold::default();
    for entry in &log.entries {
        match entry {
            Ok(record) => fold.record(record).expect("it was written here"),
            Err((seq, head)) => fold.head(*seq, Timestamp(0), head),
        }
    }
    fold
}

fn born(log: &Log, name: &str, now: Moment) -> Live<Echo> {
    start(log, name, false, now)
}

fn start(log: &Log, name: &str, one_by_one: bool, now: Moment) -> Live<Echo> {
    let writer = Writer {
        instance: name.into(),
        nonce: 1,
        beats: false,
        one_by_one,
    };
    Live::start(fold(log), log.head.clone(), writer, now)
}

/// Takes the machine over: a head of its own, and all that stands before it is read.
fn take_over(live: &mut Live<Echo>, log: &mut Log, now: Moment) {
    let proposal = live.next_commit(now).expect("it has been silent").clone();
    assert!(proposal.outputs.is_empty());
    live.committed(log.commit(&proposal).expect("nobody else commits"), now);
    read(live, log, now).unwrap();
}

fn read(live: &mut Live<Echo>, log: &Log, now: Moment) -> Result<(), Stop> {
    for entry in log
        .entries
        .iter()
        .skip(usize::try_from(live.seen().0).expect("a test log is short"))
    {
        match entry {
            Ok(record) => {
                live.record(record.clone(), now)?;
            }
            Err((seq, head)) => {
                live.on_head(*seq, Timestamp(0), head, now)?;
            }
        }
    }
    Ok(())
}

/// Commits all that is due, hearing every ack and reading what it wrote.
fn commit_all(live: &mut Live<Echo>, log: &mut Log, now: Moment) {
    while let Some(proposal) = live.next_commit(now).cloned() {
        let seq = log.commit(&proposal).expect("nobody else commits");
        live.committed(seq, now);
        read(live, log, now).unwrap();
    }
}

const START: Moment = Moment(0);

#[test]
fn the_outputs_of_one_input_span_commits_and_a_crash_between_them() {
    let mut log = Log::default();
    log.tick(2500);
    log.tick(3);
    let mut first = born(&log, "a", START);
    take_over(&mut first, &mut log, START);
    let proposal = first.next_commit(START).expect("answers wait").clone();
    let through = Through {
        seq: Seq(0),
        next_index: 999,
    };
    let head = proposal.head.as_ref().expect("so many go in a batch");
    assert_eq!((proposal.outputs.len(), head.through), (999, through));
    log.commit(&proposal).expect("it is the first");
    // It dies here, without having heard the ack. The next one goes on where the log stops.
    let mut second = born(&log, "b", START);
    let later = Moment(1500);
    commit_all(&mut second, &mut log, later);
    let want: Vec<_> = (0..2500)
        .map(|n| format!("2500 {n}"))
        .chain((0..3).map(|n| format!("2503 {n}")))
        .collect();
    assert_eq!(log.outputs(), want);
    let (machine, audit) = fold(&log).audited_from_start(&log);
    assert_eq!(
        (audit.difference_count, audit.outputs, machine.outputs),
        (0, 2503, 2503)
    );
}

trait FromStart {
    fn audited_from_start(self, log: &Log) -> (Echo, headroom_model::machine::Audit);
}

impl FromStart for Fold<Echo> {
    fn audited_from_start(self, log: &Log) -> (Echo, headroom_model::machine::Audit) {
        let mut fold = Fold::<Echo>::default().audited();
        for entry in &log.entries {
            match entry {
                Ok(record) => fold.record(record).expect("it was written here"),
                Err((seq, head)) => fold.head(*seq, Timestamp(0), head),
            }
        }
        fold.finish()
    }
}

#[test]
fn a_lost_ack_is_recognised_by_the_commit_id() {
    let mut log = Log::default();
    log.tick(1);
    let mut live = born(&log, "a", START);
    take_over(&mut live, &mut log, START);
    let proposal = live.next_commit(START).expect("an answer waits").clone();
    log.commit(&proposal).expect("it is the first");
    assert_eq!(
        live.next_commit(START),
        None,
        "one commit is in flight at a time"
    );
    let (seq, head) = log
        .commit(live.in_flight().expect("its fate is not known"))
        .expect_err("it is there already");
    let committed = live
        .refused(Some((seq, &head)), START)
        .unwrap()
        .expect("it was ours");
    assert_eq!(
        (committed.outputs.len(), live.pending(), live.leading()),
        (1, 0, true)
    );
}

#[test]
fn a_standby_takes_over_when_an_answer_is_missing_for_a_second() {
    let mut log = Log::default();
    let mut leader = born(&log, "a", START);
    commit_all(&mut leader, &mut log, START);
    let mut standby = born(&log, "b", START);
    log.tick(1);
    read(&mut standby, &log, START).unwrap();
    assert_eq!(
        standby.next_commit(Moment(999)),
        None,
        "the leader may still answer"
    );
    take_over(&mut standby, &mut log, Moment(1000));
    assert_eq!(standby.head().map(|(_, head)| head.epoch), Some(2));
    commit_all(&mut standby, &mut log, Moment(1000));
    // The old leader wakes up, is refused, reads, and stands by; nothing is there twice.
    read_inputs_only(&mut leader, &log);
    let stale = leader
        .next_commit(Moment(1001))
        .expect("it believes it leads")
        .clone();
    let (seq, head) = log.commit(&stale).expect_err("another head came between");
    assert_eq!(
        leader.refused(Some((seq, &head)), Moment(1001)).unwrap(),
        None
    );
    read(&mut leader, &log, Moment(1001)).unwrap();
    assert_eq!((leader.leading(), leader.pending()), (false, 0));
    assert_eq!(log.outputs(), ["1 0"]);
}

/// Reads up to the first head it does not know.
fn read_inputs_only(live: &mut Live<Echo>, log: &Log) {
    let skip = usize::try_from(live.seen().0).expect("a test log is short");
    let known = live.head().map_or(Seq::ZERO, |(seq, _)| *seq);
    for entry in log.entries.iter().skip(skip) {
        match entry {
            Ok(record) => {
                live.record(record.clone(), START).unwrap();
            }
            Err((seq, _)) if *seq <= known => {}
            Err(_) => break,
        }
    }
}

#[test]
fn a_fact_that_comes_twice_is_answered_once() {
    let mut log = Log::default();
    let cleared = || {
        Body::from(OverrideCleared {
            what: OverrideSlot::Pin,
            owner: "ada".into(),
        })
    };
    log.fact(Service::Operator, "the same", cleared());
    log.fact(Service::Operator, "the same", cleared());
    log.fact(Service::Operator, "another", cleared());
    let mut live = born(&log, "a", START);
    commit_all(&mut live, &mut log, START);
    assert_eq!(log.outputs(), ["1 0", "2 0"]);
}

#[test]
fn another_answer_of_the_same_version_stops_the_machine_and_one_of_a_newer_version_too() {
    let mut log = Log::default();
    log.tick(1);
    let mut writer = born(&log, "a", START);
    take_over(&mut writer, &mut log, START);
    let mut proposal = writer.next_commit(START).expect("an answer waits").clone();
    proposal.expected = Seq::ZERO;
    proposal.outputs[0].body = Body::from(PolicyRemoved {
        owner: "something else".into(),
    })
    .encode();
    let cases = [
        (
            "the same version",
            2,
            2,
            Stop::Defect {
                seq: Seq(3),
                detail: "body differs".into(),
            },
        ),
        ("a newer version", 3, 3, Stop::Newer { theirs: 3, ours: 2 }),
        ("an older version", 1, 1, Stop::FoldAgain { seq: Seq(3) }),
    ];
    for (name, behaviour, producer, want) in cases {
        let mut log = Log::default();
        log.tick(1);
        let mut reader = born(&log, "b", START);
        let mut proposal = proposal.clone();
        if let Some(head) = &mut proposal.head {
            head.behaviour = behaviour;
        }
        proposal.outputs[0].envelope.producer.behaviour = producer;
        log.commit(&proposal).expect("it is the first");
        assert_eq!(read(&mut reader, &log, START), Err(want), "{name}");
    }
}

/// Changes a log that is written.
type Tamper = fn(&mut Log);

#[test]
fn an_audit_names_what_was_changed_left_out_or_added() {
    let mut log = Log::default();
    log.tick(2);
    log.tick(1);
    let mut live = born(&log, "a", START);
    commit_all(&mut live, &mut log, START);
    let clean = fold(&log).audited_from_start(&log).1;
    assert_eq!((clean.difference_count, clean.outputs), (0, 3));
    let tamper: [(&str, Tamper); 3] = [
        ("a changed byte", |log| {
            *log.entries[4].as_mut().unwrap().body.last_mut().unwrap() ^= 1
        }),
        ("an output left out", |log| drop(log.entries.remove(5))),
        ("an output added", |log| {
            let again = log.entries[5].clone();
            log.entries.insert(6, again);
        }),
    ];
    for (name, tamper) in tamper {
        let mut log = Log {
            entries: log.entries.clone(),
            head: None,
        };
        tamper(&mut log);
        assert_ne!(
            fold(&log).audited_from_start(&log).1.difference_count,
            0,
            "{name}"
        );
    }
}

#[test]
fn a_checkpoint_is_reproduced_and_a_release_spares_the_successor_the_wait() {
    let mut log = Log::default();
    log.tick(2);
    let mut live = born(&log, "a", START);
    commit_all(&mut live, &mut log, START);
    read(&mut live, &log, START).unwrap();
    let (checkpoint, proposal) = live.checkpoint(START).expect("everything is answered");
    let seq = log.commit(&proposal.clone()).unwrap();
    live.committed(seq, START);
    log.tick(1);
    read(&mut live, &log, START).unwrap();
    commit_all(&mut live, &mut log, START);
    let audit = fold(&log).audited_from_start(&log).1;
    assert_eq!((audit.checkpoints, audit.difference_count), (1, 0));
    let restored: Fold<Echo> = Fold::from_checkpoint(&checkpoint).unwrap();
    assert_eq!(restored.machine().sum, 2);
    read(&mut live, &log, START).unwrap();
    let release = live.release(START).expect("everything is answered").clone();
    live.committed(log.commit(&release).unwrap(), START);
    assert!(!live.leading());
    let mut successor = born(&log, "b", START);
    assert!(
        successor.next_commit(START).is_some(),
        "it need not wait for a second of silence"
    );
}
