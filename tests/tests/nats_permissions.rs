//! The accounts of `deploy/nats`: every service can do its work, and none can write under another's name.

use async_nats::{Client, ConnectOptions, client::RequestErrorKind};
use futures::StreamExt as _;
use headroom_log::{CommitError, Filter, Log, LogError, nats::NatsLog};
use headroom_model::{Checkpoint, Kind, Record, Seq, Service, Timestamp};
use headroom_tests::{
    facts::{commit, everything, observed, output},
    servers::{
        PATIENCE,
        accounts::{login, password, server, user},
        nats::Node,
    },
};
use serde_json::{Value, json};
use std::time::Duration;

async fn connect(node: &Node, name: &str) -> NatsLog {
    let log = NatsLog::connect(login(node, name), "main", name).await;
    log.unwrap_or_else(|error| panic!("{name} may connect: {error}"))
}

/// A connection without our manners.
async fn raw(node: &Node, name: &str) -> Client {
    ConnectOptions::with_user_and_password(user(name).to_owned(), password(name))
        .connect(node.url())
        .await
        .unwrap()
}

fn fact(service: Service, number: u32) -> Record {
    let mut fact = observed("web", number);
    fact.envelope.producer.service = service;
    fact
}

#[tokio::test(flavor = "multi_thread")]
async fn every_service_can_do_its_work() {
    let Some(node) = server().unwrap() else {
        return;
    };
    let early = NatsLog::connect(login(&node, "planner"), "main", "planner").await;
    let Err(LogError::Unavailable(detail)) = early else {
        panic!("{early:?}")
    };
    assert!(detail.contains("may not make streams"), "{detail}");
    connect(&node, "admin").await;

    let collector = connect(&node, "collector").await;
    let facts = (0..2500).map(|number| observed("web", number)).collect();
    assert_eq!(collector.append(facts).await.unwrap().len(), 2500);
    let again = collector
        .append((2400..2600).map(|number| observed("web", number)).collect())
        .await;
    assert_eq!(
        again
            .unwrap()
            .iter()
            .filter(|place| place.duplicate)
            .count(),
        100
    );
    connect(&node, "operator")
        .await
        .append(vec![fact(Service::Operator, 1)])
        .await
        .unwrap();
    connect(&node, "actuator")
        .await
        .append(vec![fact(Service::Target, 1)])
        .await
        .unwrap();
    for (name, machine) in [
        ("clock", Service::Clock),
        ("evaluator", Service::Evaluator),
        ("planner", Service::Planner),
        ("actuator", Service::Actuator),
    ] {
        let log = connect(&node, name).await;
        let outputs = (0..3)
            .map(|number| output(machine, "web", number))
            .collect();
        log.commit(commit(machine, name, None, outputs))
            .await
            .unwrap();
        let checkpoint = Checkpoint {
            service: machine,
            version: 1,
            behaviour: 1,
            through: Seq(9),
            stamp: Timestamp(5),
            state: vec![7; 5000],
        };
        log.save_checkpoint(checkpoint.clone()).await.unwrap();
        assert_eq!(
            log.checkpoint(machine, Seq(9)).await.unwrap(),
            Some(checkpoint)
        );
        assert!(log.head(machine).await.unwrap().is_some());
    }
    let reader = connect(&node, "reader").await;
    assert_eq!(
        everything(&reader, Filter::default()).await.len(),
        2600 + 2 + 4 * 4
    );
    for name in ["collector", "operator", "reader"] {
        let log = connect(&node, name).await;
        let ledger = log.ledger(Seq::ZERO, Filter::default()).await;
        assert!(ledger.is_ok(), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_writes_under_anothers_name() {
    let Some(node) = server().unwrap() else {
        return;
    };
    let admin = connect(&node, "admin").await;
    admin
        .append(vec![fact(Service::Operator, 1)])
        .await
        .unwrap();
    let decision = output(Service::Planner, "web", 1);

    let collector = connect(&node, "collector").await;
    let forged = collector.append(vec![decision.clone()]).await;
    assert!(
        matches!(forged, Err(LogError::Unavailable(_))),
        "{forged:?}"
    );
    let forged = collector
        .append(vec![decision.clone(), decision.clone()])
        .await;
    assert!(
        matches!(forged, Err(LogError::Unavailable(_))),
        "{forged:?}"
    );
    let forged = collector
        .commit(commit(Service::Planner, "c", None, vec![decision]))
        .await;
    assert!(
        matches!(forged, Err(CommitError::Log(_) | CommitError::Unknown(_))),
        "{forged:?}"
    );
    let reader = connect(&node, "reader").await;
    let forged = reader.append(vec![observed("web", 1)]).await;
    assert!(
        matches!(forged, Err(LogError::Unavailable(_))),
        "{forged:?}"
    );
    assert_eq!(admin.bounds().await.unwrap().last, Seq(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pusher_reaches_the_collectors_only() {
    let Some(node) = server().unwrap() else {
        return;
    };
    let admin = connect(&node, "admin").await;
    let subject = "headroom.push.v1.main.test.web";
    let collector = raw(&node, "collector").await;
    let mut pushes = collector
        .queue_subscribe(subject, "c".to_owned())
        .await
        .unwrap();
    tokio::spawn(async move {
        let push = pushes.next().await.expect("it is pushed");
        let reply = push.reply.expect("an answer is asked for");
        collector.publish(reply, push.payload).await.unwrap();
        collector.flush().await.unwrap();
    });
    let pusher = raw(&node, "pusher").await;
    // Until the server knows of the subscription there is nobody to answer.
    let answered = async || loop {
        match pusher.request(subject, "42".into()).await {
            Err(error) if error.kind() == RequestErrorKind::NoResponders => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            answer => break answer.expect("a collector answers"),
        }
    };
    let answer = tokio::time::timeout(PATIENCE, answered()).await;
    assert_eq!(answer.expect("a collector subscribes").payload, "42");
    let forged = pusher
        .request("headroom.v1.main.collector.observed.test.web", "42".into())
        .await;
    assert!(forged.is_err(), "{forged:?}");
    assert_eq!(admin.bounds().await.unwrap().last, Seq::ZERO);
}

/// How many messages a stream has.
async fn count(client: &Client, stream: &str) -> u64 {
    let answer = client.request(format!("$JS.API.STREAM.INFO.{stream}"), "".into());
    let answer: Value = serde_json::from_slice(&answer.await.unwrap().payload).unwrap();
    answer["state"]["messages"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_lets_the_server_write_for_them() {
    let Some(node) = server().unwrap() else {
        return;
    };
    let admin = connect(&node, "admin").await;
    let mut policy = fact(Service::Operator, 1);
    policy.envelope.kind = Kind::PolicyApplied;
    admin.append(vec![policy]).await.unwrap();
    let keeper = raw(&node, "admin").await;
    let kept = async {
        while count(&keeper, "HEADROOM_main_LEDGER").await == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), kept)
        .await
        .expect("the ledger keeps it");

    let victim = "headroom.v1.main.operator.policy_applied.test.web";
    for name in ["collector", "planner", "reader", "pusher"] {
        let attacker = raw(&node, name).await;
        for stream in [
            "HEADROOM_main",
            "HEADROOM_main_LEDGER",
            "HEADROOM_main_HEADS",
        ] {
            for (consumer, more) in [("pull", Value::Null), ("push", json!(victim))] {
                let mut config =
                    json!({ "name": consumer, "ack_policy": "none", "deliver_policy": "all" });
                if !more.is_null() {
                    config["deliver_subject"] = more;
                }
                let question = json!({ "stream_name": stream, "config": config }).to_string();
                let api = format!("$JS.API.CONSUMER.CREATE.{stream}.{consumer}");
                attacker
                    .publish_with_reply(api, victim, question.into())
                    .await
                    .unwrap();
            }
            for (api, question) in [
                (format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.pull"), "5"),
                (format!("$JS.API.STREAM.MSG.GET.{stream}"), r#"{"seq":1}"#),
                (format!("$JS.API.DIRECT.GET.{stream}"), r#"{"seq":1}"#),
                (format!("$JS.API.STREAM.PURGE.{stream}"), ""),
                (format!("$JS.API.STREAM.DELETE.{stream}"), ""),
            ] {
                attacker
                    .publish_with_reply(api, victim, question.into())
                    .await
                    .unwrap();
            }
        }
        attacker.publish(victim, "forged".into()).await.unwrap();
        attacker.flush().await.unwrap();
    }
    // Time for what should not happen.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let all = everything(&admin, Filter::default()).await;
    assert_eq!(all.len(), 1, "only what the services wrote: {all:?}");
    assert_eq!(count(&keeper, "HEADROOM_main").await, 1);
    assert_eq!(count(&keeper, "HEADROOM_main_LEDGER").await, 1);
}
