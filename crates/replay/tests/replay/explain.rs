//! Explanations, whole and of what the ledger alone still knows.

use crate::support::{self, Archive, STORE};
use headroom_log::{Entry, Log};
use headroom_model::body::{
    Body, Decision, HoldReason, OverrideAction, OverrideSet, PauseDirection, PolicyRemoved,
    StepTaken, TrailStep,
};
use headroom_model::{Event, EventId, Kind, Producer, Record, Seq, Service, WorkloadId};
use headroom_replay::explain::{ExplainError, Which, explain, render};
use headroom_replay::moment::Moment;

fn workload() -> WorkloadId {
    "sim/w1".parse().unwrap()
}

/// Decisions about the workload, with their positions.
fn decisions() -> Vec<(Seq, Decision)> {
    let entries = STORE.entries(Seq(1)).iter();
    let decided = entries.filter_map(|entry| match entry {
        Entry::Event(record) if record.envelope.subject == workload() => {
            match record.decode().ok()?.body {
                Body::Decided(decided) => Some((record.envelope.seq, decided.decision)),
                _ => None,
            }
        }
        _ => None,
    });
    decided.collect()
}

async fn text(log: &dyn Log, which: Which) -> String {
    render(&explain(log, &workload(), which).await.unwrap())
}

#[tokio::test]
async fn a_scale_reads_well() {
    let archive = Archive::of(&STORE);
    let scales = decisions();
    let mut scales = scales
        .iter()
        .filter(|(_, decision)| matches!(decision, Decision::Scale { .. }));
    let (seq, _) = scales.next().expect("the run scales");
    insta::assert_snapshot!(text(&archive.log, Which::Seq(*seq)).await);
}

#[tokio::test]
async fn a_hold_reads_well() {
    let archive = Archive::of(&STORE);
    let holds = decisions();
    let held_back = |decision: &Decision| matches!(decision, Decision::Hold { reason, .. } if !matches!(reason, HoldReason::AtDesired | HoldReason::NoRecommendation | HoldReason::CurrentUnknown));
    let (seq, _) = holds
        .iter()
        .find(|(_, decision)| held_back(decision))
        .expect("the run holds back");
    insta::assert_snapshot!(text(&archive.log, Which::Seq(*seq)).await);
}

#[tokio::test]
async fn the_decision_in_force_is_found_by_time_position_and_age() {
    let archive = Archive::of(&STORE);
    let newest = explain(&archive.log, &workload(), Which::Newest)
        .await
        .unwrap();
    assert_eq!(newest.decision.until, None);
    let all = decisions();
    assert_eq!(newest.decision.seq, all[all.len() - 1].0);
    let (seq, choice) = &all[all.len() / 2];
    let there = explain(&archive.log, &workload(), Which::Seq(*seq))
        .await
        .unwrap();
    assert_eq!(&there.decision.choice, choice);
    let end = there.decision.until.expect("it is not the newest");
    let last_moment = Moment::At(headroom_model::Timestamp(end.0 - 1));
    if end > there.decision.at {
        let then = explain(&archive.log, &workload(), Which::At(last_moment))
            .await
            .unwrap();
        assert_eq!(then.decision.seq, *seq);
    }
    let now = explain(&archive.log, &workload(), Which::At("0s".parse().unwrap()))
        .await
        .unwrap();
    assert_eq!(now.decision.seq, newest.decision.seq);
}

#[tokio::test]
async fn every_event_that_led_to_a_decision_is_named() {
    let archive = Archive::of(&STORE);
    let mut inputs = 0;
    for (seq, _) in decisions() {
        let explanation = explain(&archive.log, &workload(), Which::Seq(seq))
            .await
            .unwrap();
        assert!(explanation.decision.cause.is_some(), "seq {seq}");
        assert!(explanation.policy.owner.is_some(), "seq {seq}");
        for rule in &explanation.rules {
            assert!(rule.recommendation.is_some(), "seq {seq}");
            for input in &rule.inputs {
                inputs += 1;
                assert_eq!(input.source.as_deref(), Some("sim"), "seq {seq}");
            }
        }
    }
    assert!(inputs > 0);
}

#[tokio::test]
async fn the_ledger_alone_is_enough() {
    let ledger: Vec<_> = STORE.ledger(Seq::ZERO).cloned().collect();
    let scale = decisions()
        .into_iter()
        .find(|(_, decision)| matches!(decision, Decision::Scale { .. }));
    let (seq, _) = scale.expect("the run scales");
    let whole = explain(&Archive::of(&STORE).log, &workload(), Which::Seq(seq))
        .await
        .unwrap();
    let alone = explain(&Archive::new(ledger, &[]).log, &workload(), Which::Seq(seq))
        .await
        .unwrap();
    assert_eq!(
        (&alone.trail, &alone.summary),
        (&whole.trail, &whole.summary)
    );
    assert_eq!(alone.policy, whole.policy);
    let wishes = |rules: &[headroom_replay::explain::RuleSaid]| -> Vec<_> {
        rules
            .iter()
            .map(|rule| (rule.rule.clone(), rule.replicas, rule.event))
            .collect()
    };
    assert_eq!(wishes(&alone.rules), wishes(&whole.rules));
    insta::assert_snapshot!(render(&alone));
}

#[tokio::test]
async fn what_cannot_be_explained_is_said_helpfully() {
    let archive = Archive::of(&STORE);
    let unknown = explain(&archive.log, &"sim/w9".parse().unwrap(), Which::Newest).await;
    insta::assert_snapshot!(unknown.unwrap_err().to_string());
    let early = explain(&archive.log, &workload(), Which::Seq(Seq(1))).await;
    insta::assert_snapshot!(early.unwrap_err().to_string());
    let policies: Vec<_> = STORE
        .entries(Seq(1))
        .iter()
        .filter(|entry| matches!(entry, Entry::Event(record) if record.envelope.kind == Kind::PolicyApplied))
        .cloned()
        .collect();
    let undecided = explain(&Archive::new(policies, &[]).log, &workload(), Which::Newest).await;
    assert!(matches!(undecided, Err(ExplainError::NoDecision { .. })));
    insta::assert_snapshot!(undecided.unwrap_err().to_string());
}

#[tokio::test]
async fn while_a_pin_is_in_force_the_rules_are_not_the_way_to_another_number() {
    let archive = Archive::of(&STORE);
    let mut pinned = 0;
    for entry in STORE.entries(Seq(1)) {
        let Entry::Event(record) = entry else {
            continue;
        };
        let Ok(Body::Decided(decided)) = record.decode().map(|event| event.body) else {
            continue;
        };
        let (workload, seq) = (&record.envelope.subject, record.envelope.seq);
        let pin = |step: &TrailStep| matches!(step.step, StepTaken::Pinned { .. });
        if !decided.trail.iter().any(pin) {
            continue;
        }
        pinned += 1;
        let explanation = explain(&archive.log, workload, Which::Seq(seq))
            .await
            .unwrap();
        let ways = explanation.otherwise.join("\n");
        assert!(
            ways.contains("`headroom override clear`"),
            "seq {seq}: {ways}"
        );
        assert!(!ways.contains(" once load is "), "seq {seq}: {ways}");
    }
    assert!(pinned > 0, "the run has pins");
}

#[tokio::test]
async fn an_override_that_ended_with_its_policy_is_not_in_force() {
    let removed = Body::from(PolicyRemoved {
        owner: "ana".to_owned(),
    });
    let paused = Body::from(OverrideSet {
        action: OverrideAction::Pause(PauseDirection::Both),
        owner: "ana".to_owned(),
        reason: "sale".to_owned(),
        expires_at: None,
    });
    for (name, bodies, want) in [
        ("it is set", vec![paused.clone()], 1),
        ("its policy is gone", vec![paused, removed], 0),
    ] {
        let mut entries = STORE.entries(Seq(1)).to_vec();
        let first = decisions()[0].0;
        let mut place = 0;
        for body in bodies {
            // A tick less makes room for what a person says.
            place = support::find(&entries, place, |_, body| matches!(body, Body::Ticked(_)));
            let tick = support::record(&mut entries[place]);
            assert!(tick.envelope.seq < first, "{name}");
            *tick = said(body, tick);
        }
        let archive = Archive::new(entries, &[]);
        let explanation = explain(&archive.log, &workload(), Which::Seq(first))
            .await
            .unwrap();
        assert_eq!(explanation.overrides.len(), want, "{name}");
    }
}

/// What a person says about the workload, in the place of a tick.
fn said(body: Body, tick: &Record) -> Record {
    let producer = Producer {
        service: Service::Operator,
        instance: "operator".into(),
        behaviour: 0,
    };
    let (at, seq) = (tick.envelope.stamp, tick.envelope.seq);
    let id = EventId::named(&format!("said {seq}"));
    let mut event = Event::fact(id, workload(), at, producer, body);
    (event.envelope.stamp, event.envelope.seq) = (at, seq);
    event.to_record()
}
