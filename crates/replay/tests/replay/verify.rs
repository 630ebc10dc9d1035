//! A replay agrees with what was recorded, and names what was tampered with.

use crate::support::{Archive, STORE, checkpoints, find, record};
use headroom_log::Entry;
use headroom_model::{Body, Kind, Seq, Service, body::Decision};
use headroom_replay::verify::{Report, Start};
use headroom_sim::{Scenario, run};

async fn verified(archive: &Archive) -> Report {
    let report = headroom_replay::verify(&archive.log, &mut |_| {}).await;
    report.expect("the file can be read")
}

#[tokio::test]
async fn what_was_recorded_is_what_the_machines_answer() {
    for seed in [1, 7, 9, 42] {
        let store = run(&Scenario::from_seed(seed)).store;
        let report = verified(&Archive::of(&store)).await;
        assert!(report.verified(), "seed {seed}: {}", report.details());
        let events = store
            .entries(Seq(1))
            .iter()
            .filter(|entry| matches!(entry, Entry::Event(_)));
        let (events, decisions) = (events.count(), report.decisions);
        assert!(decisions > 5, "seed {seed}");
        assert_eq!(
            report.final_line(),
            format!("replay verified: {events} events, {decisions} decisions, 0 differences"),
        );
        for machine in &report.machines {
            assert!(
                machine.outputs > 0 && machine.inputs > 0,
                "seed {seed}: {machine:?}"
            );
            assert_eq!(machine.starts, [Start::Beginning], "seed {seed}");
        }
    }
}

#[tokio::test]
async fn what_retention_left_is_verified_from_the_oldest_checkpoint() {
    let mut store = STORE.clone();
    let oldest = |service| {
        let kept = checkpoints(&STORE).into_iter();
        let of_service = kept.filter(|checkpoint| checkpoint.service == service);
        of_service.map(|checkpoint| checkpoint.through).min()
    };
    let machines = [Service::Evaluator, Service::Planner, Service::Actuator];
    let first = machines.map(|machine| oldest(machine).expect("every machine has some"));
    let first = first.into_iter().min().expect("there are three").next();
    assert!(first > Seq(1));
    store.forget_before(first);
    let archive = Archive::new(store.entries(first).to_vec(), &checkpoints(&store));
    let report = verified(&archive).await;
    assert!(report.verified(), "{}", report.details());
    for machine in &report.machines {
        assert!(
            matches!(machine.starts[..], [Start::Checkpoint { .. }]),
            "{machine:?}"
        );
        assert!(machine.outputs > 0, "{machine:?}");
    }
}

#[tokio::test]
async fn without_a_checkpoint_the_rest_of_a_log_is_not_called_verified() {
    let report = verified(&Archive::new(STORE.entries(Seq(50)).to_vec(), &[])).await;
    assert!(!report.verified());
    assert_eq!(report.first_seq(), Some(Seq(50)));
    assert!(
        report.final_line().starts_with("replay incomplete: "),
        "{}",
        report.final_line()
    );
}

/// What is changed, and the position that must be named.
type Tampering = fn(&mut Vec<Entry>) -> Seq;

fn a_scale(entries: &[Entry]) -> usize {
    find(
        entries,
        entries.len() / 4,
        |_, body| matches!(body, Body::Decided(decided) if matches!(decided.decision, Decision::Scale { .. })),
    )
}

/// Changes one byte of a decision, so that what it says is another (`readable`), or nothing.
fn change_a_byte(entries: &mut [Entry], readable: bool) -> Seq {
    let at = a_scale(entries);
    let record = record(&mut entries[at]);
    let good = record.decode().expect("the machine wrote it").body;
    for byte in (0..record.body.len()).rev() {
        record.body[byte] ^= 1;
        let now = record.decode().map(|event| event.body);
        if now.as_ref().is_ok_and(|body| *body != good) == readable && now.is_ok() == readable {
            return record.envelope.seq;
        }
        record.body[byte] ^= 1;
    }
    panic!("no byte of a decision gives that");
}

fn drop_an_output(entries: &mut Vec<Entry>) -> Seq {
    let at = a_scale(entries);
    entries.remove(at).seq()
}

fn swap_two_outputs(entries: &mut [Entry]) -> Seq {
    let first = a_scale(entries);
    let second = find(entries, first + 1, |record, _| {
        record.envelope.kind == Kind::Decided
    });
    let (a, b) = (entries[first].seq(), entries[second].seq());
    entries.swap(first, second);
    record(&mut entries[first]).envelope.seq = a;
    record(&mut entries[second]).envelope.seq = b;
    a
}

/// Makes ten times as much of a reading that a rule used.
fn change_an_observation(entries: &mut [Entry]) -> Seq {
    let used = |body: &Body| match body {
        Body::Recommended(said) => match said.inputs.first() {
            Some(input) if input.value > 0.0 => Some((input.seq, input.value)),
            _ => None,
        },
        _ => None,
    };
    let said = find(entries, 0, |_, body| used(body).is_some());
    let body = record(&mut entries[said])
        .decode()
        .expect("it was found readable")
        .body;
    let (seq, value) = used(&body).expect("it was found so");
    let input = find(entries, 0, |record, _| record.envelope.seq == seq);
    let observed = record(&mut entries[input]);
    let number = observed
        .body
        .windows(8)
        .position(|bytes| bytes == value.to_be_bytes());
    let number = number.expect("the rule used the reading as it came");
    observed.body[number..number + 8].copy_from_slice(&(value * 10.0).to_be_bytes());
    Seq::ZERO
}

#[tokio::test]
async fn what_was_tampered_with_is_named() {
    let cases: [(&str, Tampering, &str); 5] = [
        (
            "one byte of a decision",
            |entries| change_a_byte(entries, true),
            "replay differs",
        ),
        (
            "a byte that leaves nothing to read",
            |entries| change_a_byte(entries, false),
            "replay differs",
        ),
        ("an output is gone", drop_an_output, "replay incomplete"),
        (
            "two outputs have changed places",
            |entries| swap_two_outputs(entries),
            "replay differs",
        ),
        (
            "an input is another",
            |entries| change_an_observation(entries),
            "replay differs",
        ),
    ];
    for (name, tamper, line) in cases {
        let mut entries = STORE.entries(Seq(1)).to_vec();
        let at = tamper(&mut entries);
        let report = verified(&Archive::new(entries, &[])).await;
        let found = report.first_seq().expect(name);
        assert!(
            report.final_line().starts_with(line),
            "{name}: {}",
            report.final_line()
        );
        assert!(
            report.final_line().ends_with(&format!("seq {found}")),
            "{name}"
        );
        if at != Seq::ZERO {
            assert!(
                report.details().contains(&format!("seq {at}")),
                "{name}: {}",
                report.details()
            );
            assert!(
                found <= at,
                "{name}: {found} is named first, and {at} was tampered with"
            );
        }
        let changed = report.machines.iter().flat_map(|machine| &machine.findings);
        if name == "one byte of a decision" {
            let changed = changed
                .into_iter()
                .find(|finding| finding.seq == at)
                .expect(name);
            assert!(
                changed.expected.is_some() && changed.recorded.is_some(),
                "{changed:?}"
            );
            assert_ne!(changed.expected, changed.recorded);
            assert_eq!(found, at, "{name}");
        }
    }
}

#[tokio::test]
async fn behind_a_loss_the_replay_goes_on_at_the_next_checkpoint() {
    let mut entries = STORE.entries(Seq(1)).to_vec();
    let lost = drop_an_output(&mut entries);
    let report = verified(&Archive::new(entries, &checkpoints(&STORE))).await;
    assert_eq!(report.differences(), 0, "{}", report.details());
    assert_eq!(report.first_seq(), Some(lost));
    assert!(!report.verified());
    for machine in &report.machines {
        assert!(
            matches!(machine.starts[..], [Start::Beginning, Start::Checkpoint { through }] if through >= lost),
            "{machine:?}"
        );
    }
}

#[tokio::test]
async fn another_behaviour_version_is_said_and_its_differences_are_no_defects() {
    let mut entries = STORE.entries(Seq(1)).to_vec();
    change_a_byte(&mut entries, true);
    for entry in &mut entries {
        match entry {
            Entry::Event(record) if record.envelope.producer.service == Service::Planner => {
                record.envelope.producer.behaviour = 7;
            }
            Entry::Head(placed) if placed.head.service == Service::Planner => {
                placed.head.behaviour = 7;
            }
            _ => {}
        }
    }
    let report = verified(&Archive::new(entries, &[])).await;
    assert!(report.excused() > 0);
    let planner = &report.machines[1];
    assert_eq!(
        (planner.differences, planner.other_behaviours.contains(&7)),
        (0, true)
    );
    assert!(
        report.details().contains("behaviour version 7"),
        "{}",
        report.details()
    );
}
