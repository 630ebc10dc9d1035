//! What must hold of commits.

use super::given::{Given, commit, event, fact, ids, observations, observed};
use crate::{Commit, CommitError, Entry, Filter, LogError};
use headroom_model::{EventId, Kind, Seq, Service};

pub(super) async fn head_and_outputs(log: Given) {
    log.append_one(observed("web", "input")).await;
    let first = commit(Service::Planner, Seq::ZERO, "first", 3);
    let committed = log.commit(&first).await;
    let second = commit(Service::Planner, committed.at, "second", 0);
    let after = log.commit(&second).await;
    assert_eq!((committed.at, after.at), (Seq(2), Seq(6)));

    let entries = log.everything().await;
    let seqs: Vec<_> = entries.iter().map(|entry| entry.seq().0).collect();
    assert_eq!(seqs, [1, 2, 3, 4, 5, 6]);
    let Entry::Head(head) = &entries[1] else {
        panic!("a head stands first, not {:?}", entries[1]);
    };
    assert_eq!(Some(&head.head), first.head.as_ref());
    for (entry, mut want) in entries[2..5].iter().zip(first.outputs) {
        let found = event(entry);
        assert!(found.envelope.stamp >= head.stamp);
        (want.envelope.seq, want.envelope.stamp) = (found.envelope.seq, found.envelope.stamp);
        assert_eq!(*found, want);
    }
    let newest = log.head(Service::Planner).await.expect("there is a head");
    assert_eq!((newest.seq, Some(newest.head)), (after.at, second.head));
}

pub(super) async fn stale(log: Given) {
    log.append_one(observed("web", "input")).await;
    let committed = log
        .commit(&commit(Service::Planner, Seq::ZERO, "first", 1))
        .await;
    let stale = [Seq::ZERO, Seq(1), committed.at.next(), Seq(99)];
    for expected in stale {
        let outcome = log
            .0
            .commit(commit(Service::Planner, expected, "stale", 2))
            .await;
        assert!(
            matches!(outcome, Err(CommitError::Conflict)),
            "expecting {expected}: {outcome:?}"
        );
    }
    let before_any = log
        .0
        .commit(commit(Service::Actuator, Seq(1), "stale", 2))
        .await;
    assert!(
        matches!(before_any, Err(CommitError::Conflict)),
        "{before_any:?}"
    );
    assert_eq!(log.last().await, Seq(3));
    let head = log.head(Service::Planner).await.expect("there is a head");
    assert_eq!(head.seq, committed.at);
}

pub(super) async fn races(log: Given) {
    let mut expected = Seq::ZERO;
    let mut written = 0;
    for round in 0..20 {
        let one = commit(Service::Planner, expected, &format!("one {round}"), 2);
        let two = commit(Service::Planner, expected, &format!("two {round}"), 3);
        let (one, two) = tokio::join!(log.settle(&one), log.settle(&two));
        let (head, outputs) = match (one, two) {
            (Some(one), None) => (one.at, 2),
            (None, Some(two)) => (two.at, 3),
            both => panic!("exactly one wins round {round}: {both:?}"),
        };
        written += 1 + outputs;
        assert_eq!(
            log.last().await,
            Seq(written),
            "the loser of round {round} wrote nothing"
        );
        expected = head;
    }
}

pub(super) async fn lost_ack(log: Given) {
    let commit = commit(Service::Planner, Seq::ZERO, "lost", 2);
    log.commit(&commit).await;
    let again = log.0.commit(commit.clone()).await;
    assert!(matches!(again, Err(CommitError::Conflict)), "{again:?}");
    let head = log.head(Service::Planner).await.expect("there is a head");
    assert_eq!(Some(head.head), commit.head);
    assert_eq!(log.last().await, Seq(3), "nothing is written twice");
}

pub(super) async fn under_a_head(log: Given) {
    log.append_one(observed("web", "input")).await;
    let head = log
        .commit(&commit(Service::Planner, Seq::ZERO, "head", 1))
        .await;
    let single = |expected: Seq, label: &str| Commit {
        head: None,
        ..commit(Service::Planner, expected, label, 1)
    };
    let first = log.commit(&single(head.at, "first")).await;
    log.append_one(observed("web", "between")).await;
    let second = log.commit(&single(head.at, "second")).await;
    assert_eq!((first.at, second.at), (Seq(4), Seq(6)));

    let other = commit(Service::Actuator, Seq::ZERO, "another machine", 0);
    log.commit(&other).await;
    let next = log
        .commit(&commit(Service::Planner, head.at, "next head", 0))
        .await;
    for expected in [head.at, first.at, next.at.next()] {
        let outcome = log.0.commit(single(expected, "too late")).await;
        assert!(
            matches!(outcome, Err(CommitError::Conflict)),
            "under {expected}: {outcome:?}"
        );
    }
    let shapeless = [
        single(Seq::ZERO, "under no head"),
        Commit {
            head: None,
            ..commit(Service::Planner, next.at, "two", 2)
        },
        Commit {
            head: None,
            ..commit(Service::Planner, next.at, "none", 0)
        },
    ];
    for commit in shapeless {
        let outcome = log.0.commit(commit).await;
        assert!(
            matches!(outcome, Err(CommitError::Log(LogError::Refused(_)))),
            "{outcome:?}"
        );
    }
    assert_eq!(log.last().await, next.at);
    let decided = log.read(Seq(1), Filter::kinds([Kind::Decided])).await;
    let want =
        ["head", "first", "second"].map(|label| EventId::named(&format!("{label} output 0")));
    assert_eq!(ids(&decided), want);
}

pub(super) async fn machines(log: Given) {
    let planner = log
        .commit(&commit(Service::Planner, Seq::ZERO, "planner", 1))
        .await;
    let actuator = log
        .commit(&commit(Service::Actuator, Seq::ZERO, "actuator", 1))
        .await;
    let next = log
        .commit(&commit(Service::Planner, planner.at, "planner again", 1))
        .await;
    let head = |service| log.head(service);
    assert_eq!(
        head(Service::Planner).await.map(|head| head.seq),
        Some(next.at)
    );
    assert_eq!(
        head(Service::Actuator).await.map(|head| head.seq),
        Some(actuator.at)
    );
    assert_eq!(head(Service::Evaluator).await, None);
}

pub(super) async fn batches(log: Given) {
    let full = commit(Service::Planner, Seq::ZERO, "full", 999);
    let committed = log.commit(&full).await;
    assert_eq!(log.everything().await.len(), 1000);
    let too_many = commit(Service::Planner, committed.at, "too many", 1000);
    match log.0.commit(too_many).await {
        Err(CommitError::Log(LogError::Refused(why))) => {
            assert!(why.contains("999"), "the sentence names the limit: {why}");
        }
        other => panic!("a batch of 1,001 messages is refused, not {other:?}"),
    }
    assert_eq!(log.last().await, Seq(1000));
}

pub(super) async fn heads_are_read(log: Given) {
    let planner = log
        .commit(&commit(Service::Planner, Seq::ZERO, "planner", 1))
        .await;
    log.append_one(observed("web", "input")).await;
    let actuator = log
        .commit(&commit(Service::Actuator, Seq::ZERO, "actuator", 1))
        .await;
    let positions = async |filter: Filter| -> Vec<u64> {
        let entries = log.read(Seq(1), filter).await;
        entries.iter().map(|entry| entry.seq().0).collect()
    };
    let machine = |service, kinds: &[Kind]| Filter {
        machines: vec![service],
        kinds: kinds.to_vec(),
        ..Filter::default()
    };
    assert_eq!((planner.at, actuator.at), (Seq(1), Seq(4)));
    assert_eq!(positions(Filter::default()).await, [1, 2, 3, 4, 5]);
    assert_eq!(
        positions(machine(Service::Planner, &[Kind::Ticked])).await,
        [1, 2]
    );
    assert_eq!(
        positions(machine(Service::Actuator, &[Kind::Observed])).await,
        [3, 4, 5]
    );
    assert_eq!(positions(Filter::kinds([Kind::Decided])).await, [2, 5]);
}

pub(super) async fn mixed(log: Given) {
    let writer = {
        let log = log.clone();
        tokio::spawn(async move {
            for fact in observations("fact", 100) {
                log.append_one(fact).await;
            }
        })
    };
    let mut head = Seq::ZERO;
    for round in 0..20 {
        let next = commit(Service::Planner, head, &format!("round {round}"), 3);
        head = log.commit(&next).await.at;
    }
    writer.await.expect("the writer goes on to its end");
    let ticked = fact(Service::Clock, Kind::Ticked, "web", "last");
    log.append_one(ticked).await;

    let entries = log.everything().await;
    let seqs: Vec<_> = entries.iter().map(|entry| entry.seq().0).collect();
    assert_eq!(seqs, (1..=181).collect::<Vec<_>>());
    let mut round = 0;
    for (index, entry) in entries.iter().enumerate() {
        let Entry::Head(_) = entry else { continue };
        let outputs = ids(&entries[index + 1..index + 4]);
        let want: Vec<_> = (0..3)
            .map(|output| EventId::named(&format!("round {round} output {output}")))
            .collect();
        assert_eq!(
            outputs, want,
            "nothing comes between a head and its outputs"
        );
        round += 1;
    }
    assert_eq!(round, 20);
}
