//! The log on real NATS servers that fail: lost acks, killed servers, leaders killed under load.

use futures::{Stream, StreamExt as _, TryStreamExt as _};
use headroom_log::{CommitError, Entry, Filter, Log, LogError, PlacedHead, nats::NatsLog};
use headroom_model::{Record, Seq, Service};
use headroom_tests::{
    facts::{commit, events, everything, number, observed, output, workload},
    servers::{
        nats::{self, Cluster, Node},
        proxy::{Mode, Proxy},
    },
};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tokio::{
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::{sleep, timeout},
};

const STREAM: &str = "HEADROOM_faults";
const PATIENCE: Duration = Duration::from_secs(60);

async fn connect(urls: Vec<String>, replicas: usize) -> Arc<NatsLog> {
    let settings = nats::settings(urls, replicas);
    let log = NatsLog::connect(settings, "faults", "tests").await;
    Arc::new(log.expect("a fresh server takes a log"))
}

/// Sends raw messages to a head's subject, all demanding to be the first, and gives the error codes of the refusals.
async fn race(urls: &[String], subject: &str) -> BTreeSet<u64> {
    let client = async_nats::connect(urls).await.expect("the cluster is up");
    let mut racers = JoinSet::new();
    for _ in 0..64 {
        let (client, subject) = (client.clone(), subject.to_owned());
        racers.spawn(async move {
            let mut headers = async_nats::HeaderMap::new();
            headers.insert("Nats-Expected-Last-Subject-Sequence", "0");
            let answer = client
                .request_with_headers(subject, headers, "x".into())
                .await;
            let answer = answer.expect("the leader answers").payload;
            let answer: serde_json::Value = serde_json::from_slice(&answer).expect("JSON");
            answer["error"]["err_code"].as_u64()
        });
    }
    racers.join_all().await.into_iter().flatten().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn racing_writers_on_a_cluster_meet_10071_and_10164_and_one_wins() {
    let Some(cluster) = Cluster::start("").unwrap() else {
        return;
    };
    let log = connect(cluster.urls(), 3).await;
    let (mut codes, mut round) = (BTreeSet::new(), 0);
    while codes != BTreeSet::from([10071, 10164]) && round < 200 {
        round += 1;
        // Not a head that our log reads: only what the server says is looked at.
        let subject = format!("headroom.v1.faults.tester.race{round}");
        codes.extend(race(&cluster.urls(), &subject).await);
    }
    assert_eq!(
        codes,
        BTreeSet::from([10071, 10164]),
        "after {round} rounds"
    );

    let mut before: Option<PlacedHead> = None;
    for round in 0..20 {
        let mut racers = JoinSet::new();
        for racer in 0..8 {
            let outputs = vec![output(Service::Planner, "web", round)];
            let mine = commit(
                Service::Planner,
                &format!("racer-{racer}"),
                before.as_ref(),
                outputs,
            );
            let log = Arc::clone(&log);
            racers.spawn(async move { (mine.head.clone(), log.commit(mine).await) });
        }
        let results = racers.join_all().await;
        let losers = results
            .iter()
            .filter(|(_, result)| matches!(result, Err(CommitError::Conflict)));
        assert_eq!(losers.count(), 7, "{results:?}");
        let (winner, place) = results
            .iter()
            .find(|(_, result)| result.is_ok())
            .expect("one wins");
        let head = log
            .head(Service::Planner)
            .await
            .unwrap()
            .expect("there is a head");
        assert_eq!(
            (Some(&head.head), head.seq),
            (winner.as_ref(), place.as_ref().unwrap().at)
        );
        before = Some(head);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_ack_is_lost_is_unknown_and_found_when_sent_again() {
    let Some(node) = nats::single("").unwrap() else {
        return;
    };
    let proxy = Proxy::start(node.port()).await.unwrap();
    let settings = headroom_log::nats::Settings {
        request_timeout_ms: 500,
        ..nats::settings(vec![proxy.url()], 1)
    };
    let log = NatsLog::connect(settings, "faults", "tests").await.unwrap();
    let outputs = (0..5).map(|n| output(Service::Planner, "web", n)).collect();
    let mine = commit(Service::Planner, "me", None, outputs);

    proxy.set(Mode::SwallowAnswers);
    let lost = log.commit(mine.clone()).await;
    assert!(matches!(lost, Err(CommitError::Unknown(_))), "{lost:?}");

    proxy.set(Mode::Cut);
    proxy.set(Mode::Open);
    let again = timeout(PATIENCE, async {
        loop {
            match log.commit(mine.clone()).await {
                Err(CommitError::Log(LogError::Unavailable(_)) | CommitError::Unknown(_)) => {
                    sleep(Duration::from_millis(20)).await;
                }
                other => return other,
            }
        }
    });
    let again = again.await.expect("the connection comes back");
    assert!(matches!(again, Err(CommitError::Conflict)), "{again:?}");
    let head = log
        .head(Service::Planner)
        .await
        .unwrap()
        .expect("it was taken");
    assert_eq!(Some(head.head), mine.head);
    assert_eq!(events(&everything(&log, Filter::default()).await).len(), 5);
}

/// Follows everything into a list until it is told which position is the last.
fn collect(log: &Arc<NatsLog>, mut last: watch::Receiver<Option<Seq>>) -> JoinHandle<Vec<Entry>> {
    let log = Arc::clone(log);
    tokio::spawn(async move {
        let mut entries = log
            .follow(Seq(1), Filter::default())
            .await
            .expect("it can be followed");
        let mut seen: Vec<Entry> = Vec::new();
        loop {
            let reached = seen.last().map_or(Seq::ZERO, Entry::seq);
            if last.borrow_and_update().is_some_and(|last| reached >= last) {
                return seen;
            }
            tokio::select! {
                chunk = entries.next() => {
                    seen.extend(chunk.expect("following has no end").expect("following goes on"));
                }
                changed = last.changed() => changed.expect("the test still runs"),
            }
        }
    })
}

/// Appends observations 0, 1, 2, … of a workload, `step` at a time, until told to stop; what failed is sent again.
async fn append_until(
    log: Arc<NatsLog>,
    name: String,
    step: u32,
    stop: watch::Receiver<bool>,
) -> Vec<(Seq, i64)> {
    let (mut acked, mut next) = (Vec::new(), 0);
    while !*stop.borrow() {
        let facts: Vec<_> = (next..next + step).map(|n| observed(&name, n)).collect();
        match log.append(facts.clone()).await {
            Ok(places) => {
                let numbers = facts.iter().map(number);
                acked.extend(places.iter().map(|place| place.seq).zip(numbers));
                next += step;
            }
            Err(LogError::Unavailable(_)) => sleep(Duration::from_millis(50)).await,
            Err(other) => panic!("{other}"),
        }
    }
    acked
}

/// Commits outputs whose numbers go on from the newest head's, against another who does the same, until told to stop.
async fn commit_until(log: Arc<NatsLog>, instance: String, stop: watch::Receiver<bool>) -> u32 {
    const OUTPUTS: u32 = 3;
    let mut won = 0;
    while !*stop.borrow() {
        let Ok(before) = log.head(Service::Planner).await else {
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        let done = before
            .as_ref()
            .map_or(0, |head| head.head.through.seq.0 + 1);
        let first = u32::try_from(done).unwrap() * OUTPUTS;
        let outputs = (first..first + OUTPUTS)
            .map(|n| output(Service::Planner, "web", n))
            .collect();
        let mine = commit(Service::Planner, &instance, before.as_ref(), outputs);
        loop {
            match log.commit(mine.clone()).await {
                Ok(_) => won += 1,
                Err(CommitError::Conflict) => {}
                Err(CommitError::Unknown(_) | CommitError::Log(LogError::Unavailable(_))) => {
                    sleep(Duration::from_millis(50)).await;
                    continue;
                }
                Err(other) => panic!("{other}"),
            }
            break;
        }
    }
    won
}

fn numbers_of(entries: &[Record], name: &str) -> Vec<i64> {
    entries
        .iter()
        .filter(|record| record.envelope.subject.name() == name)
        .map(number)
        .collect()
}

fn assert_gapless(numbers: &[i64], what: &str) {
    let want = 0..i64::try_from(numbers.len()).unwrap();
    assert!(
        numbers.iter().copied().eq(want),
        "{what} is complete, single and in order"
    );
}

/// One append after the other; within an append, what a leader lost comes after the rest.
fn assert_appended(numbers: &[i64], step: u32, what: &str) {
    let appends = numbers.iter().map(|number| number / i64::from(step));
    assert!(appends.is_sorted(), "the appends of {what} are in order");
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable();
    assert_gapless(&sorted, what);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_killed_under_load_loses_doubles_and_reorders_nothing() {
    let Some(mut cluster) = Cluster::start("").unwrap() else {
        return;
    };
    let log = connect(cluster.urls(), 3).await;
    let (stop, stopped) = watch::channel(false);
    let (last, ended) = watch::channel(None);
    let follower = collect(&log, ended);
    let appenders: Vec<_> = [("one", 1), ("some", 40), ("many", 400)]
        .map(|(name, step)| {
            let task = append_until(Arc::clone(&log), name.to_owned(), step, stopped.clone());
            (name, step, tokio::spawn(task))
        })
        .into();
    // Each committer has a connection of its own, as two processes would.
    let mut committers = Vec::new();
    for instance in ["a", "b"] {
        let own = connect(cluster.urls(), 3).await;
        committers.push(tokio::spawn(commit_until(
            own,
            instance.to_owned(),
            stopped.clone(),
        )));
    }

    for _ in 0..3 {
        sleep(Duration::from_millis(500)).await;
        let leader = cluster.leader(STREAM).unwrap();
        cluster.nodes[leader].kill();
        let before = log_end(&log).await;
        timeout(PATIENCE, async {
            while log_end(&log).await.0 < before.0 + 200 {
                sleep(Duration::from_millis(50)).await;
            }
        })
        .await
        .expect("two of three go on");
        cluster.nodes[leader].start().unwrap();
    }
    stop.send_replace(true);

    let mut won = 0;
    for committer in committers {
        won += committer.await.unwrap();
    }
    let mut acked = Vec::new();
    for (name, step, appender) in appenders {
        acked.push((name, step, appender.await.unwrap()));
    }
    let all = everything(&*log, Filter::default()).await;
    let end = all.last().expect("there is much").seq();
    last.send_replace(Some(end));
    let followed = timeout(PATIENCE, follower)
        .await
        .expect("the follower gets there")
        .unwrap();
    assert_eq!(followed.len(), all.len());
    assert!(
        followed == all,
        "a follower through all of it saw what a reader sees now"
    );
    assert!(
        !all.iter()
            .any(|entry| matches!(entry, Entry::Damaged { .. }))
    );

    let records: Vec<_> = events(&all).into_iter().cloned().collect();
    for (name, step, acked) in acked {
        assert_appended(&numbers_of(&records, name), step, name);
        for (seq, number_acked) in acked {
            let there = records.binary_search_by_key(&seq, |record| record.envelope.seq);
            let record =
                &records[there.unwrap_or_else(|_| panic!("{name} at {seq} was acknowledged"))];
            assert_eq!(
                (record.envelope.subject.name(), number(record)),
                (name, number_acked)
            );
        }
    }
    let outputs = numbers_of(&records, "web");
    assert_gapless(&outputs, "what was committed");
    assert!(
        won > 0 && outputs.len() >= won as usize * 3,
        "{won} commits, {} outputs",
        outputs.len()
    );
}

async fn log_end(log: &NatsLog) -> Seq {
    loop {
        match log.bounds().await {
            Ok(bounds) => return bounds.last,
            Err(_) => sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn append_when_possible(log: &NatsLog, fact: Record) {
    let done = timeout(PATIENCE, async {
        while let Err(error) = log.append(vec![fact.clone()]).await {
            assert!(matches!(error, LogError::Unavailable(_)), "{error}");
            sleep(Duration::from_millis(20)).await;
        }
    });
    done.await.expect("the server comes back");
}

/// The next event of a follower: the workload's name and the number.
async fn next(
    follower: &mut (impl Stream<Item = Result<Entry, LogError>> + Unpin),
) -> (String, i64) {
    let entry = timeout(PATIENCE, follower.next()).await;
    let entry = entry
        .expect("something comes")
        .expect("following has no end");
    match entry.expect("following goes on") {
        Entry::Event(record) => (record.envelope.subject.name().to_owned(), number(&record)),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn followers_go_on_when_the_server_was_restarted() {
    let Some(mut node) = nats::single("").unwrap() else {
        return;
    };
    let log = connect(vec![node.url()], 1).await;
    let follow = async |filter| {
        let entries = log.follow(Seq(1), filter).await.unwrap();
        let chunks = entries.map_ok(|chunk| futures::stream::iter(chunk.into_iter().map(Ok)));
        Box::pin(chunks.try_flatten())
    };
    let mut all = follow(Filter::default()).await;
    let mut one = follow(Filter::workload(&workload("b"))).await;

    // Some followers are up to date when the server goes, and some have much to read.
    type Stop = fn(&mut Node);
    let restarts: [(Stop, bool); 3] = [
        (Node::kill, true),
        (|node| node.stop().unwrap(), true),
        (Node::kill, false),
    ];
    for (round, (stop, up_to_date)) in (0..).zip(restarts) {
        append_when_possible(&log, observed("a", round)).await;
        append_when_possible(&log, observed("b", round)).await;
        let want = |name: &str| (name.to_owned(), i64::from(round));
        if up_to_date {
            assert_eq!(
                [next(&mut all).await, next(&mut all).await],
                [want("a"), want("b")]
            );
            assert_eq!(next(&mut one).await, want("b"));
        }
        stop(&mut node);
        let refused = log.append(vec![observed("lost", round)]).await;
        assert!(
            matches!(refused, Err(LogError::Unavailable(_))),
            "{refused:?}"
        );
        let unread = log.bounds().await;
        assert!(
            matches!(unread, Err(LogError::Unavailable(_))),
            "{unread:?}"
        );
        node.start().unwrap();
        if !up_to_date {
            assert_eq!(
                [next(&mut all).await, next(&mut all).await],
                [want("a"), want("b")]
            );
            assert_eq!(next(&mut one).await, want("b"));
        }
    }
    assert_eq!(
        log_end(&log).await,
        Seq(6),
        "what was refused was not written later"
    );
}
