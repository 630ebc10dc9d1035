//! The accounts of `deploy/nats`: every service can do its work, and none can write under another's name.

use async_nats::{Client, ConnectOptions};
use headroom_log::{
    CommitError, Filter, Log, LogError,
    nats::{NatsLog, Secret, Settings},
};
use headroom_model::{Checkpoint, Record, Seq, Service, Timestamp};
use headroom_tests::{
    facts::{commit, everything, observed, output},
    servers::nats::{self, Node, settings},
};
use std::time::Duration;

const SERVICES: [&str; 8] = [
    "admin",
    "collector",
    "evaluator",
    "planner",
    "actuator",
    "clock",
    "operator",
    "reader",
];

/// A server with the accounts that we recommend. Every password is the name of its service, turned round.
fn server() -> Option<Node> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/nats/accounts.conf");
    let accounts = std::fs::read_to_string(path).expect("the example is there");
    let passwords = SERVICES.map(|name| {
        format!(
            "HEADROOM_{}_PASSWORD: {:?}\n",
            name.to_uppercase(),
            password(name)
        )
    });
    nats::single(&format!("{}{accounts}", passwords.concat())).unwrap()
}

fn password(name: &str) -> String {
    name.chars().rev().collect()
}

fn user(name: &str) -> String {
    if name == "admin" {
        "headroom".to_owned()
    } else {
        name.to_owned()
    }
}

fn login(node: &Node, name: &str) -> Settings {
    Settings {
        user: Some(user(name)),
        password: Some(Secret(password(name))),
        request_timeout_ms: 2000,
        ..settings(vec![node.url()], 1)
    }
}

async fn connect(node: &Node, name: &str) -> NatsLog {
    let log = NatsLog::connect(login(node, name), "main", name).await;
    log.unwrap_or_else(|error| panic!("{name} may connect: {error}"))
}

/// A connection without our manners.
async fn raw(node: &Node, name: &str) -> Client {
    ConnectOptions::with_user_and_password(user(name), password(name))
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
    let Some(node) = server() else { return };
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
    assert!(reader.ledger(Seq(1), Filter::default()).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_writes_under_anothers_name() {
    let Some(node) = server() else { return };
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
async fn nobody_lets_the_server_write_for_them() {
    let Some(node) = server() else { return };
    let admin = connect(&node, "admin").await;
    admin
        .append(vec![fact(Service::Operator, 1)])
        .await
        .unwrap();
    let collector = raw(&node, "collector").await;
    let victim = "headroom.v1.main.planner.decided.test.web";
    let consumer = r#"{"stream_name": "S", "config": {"name": "c", "ack_policy": "none", "deliver_policy": "all"}}"#;
    let pushing = consumer.replace(
        "\"name\"",
        &format!("\"deliver_subject\": \"{victim}\", \"name\""),
    );
    let ask = async |stream: &str, config: &str| {
        let subject = format!("$JS.API.CONSUMER.CREATE.{stream}.c");
        let config = config.replace("\"S\"", &format!("{stream:?}"));
        let _ = collector.request(subject, config.into()).await;
    };
    for stream in ["HEADROOM_main", "HEADROOM_main_LEDGER"] {
        ask(stream, &pushing).await;
        ask(stream, consumer).await;
        for (api, question) in [
            (format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.c"), "5"),
            (format!("$JS.API.STREAM.MSG.GET.{stream}"), r#"{"seq":1}"#),
            (format!("$JS.API.DIRECT.GET.{stream}"), r#"{"seq":1}"#),
        ] {
            collector
                .publish_with_reply(api, victim, question.into())
                .await
                .unwrap();
        }
        let kill = collector
            .request(format!("$JS.API.STREAM.DELETE.{stream}"), "".into())
            .await;
        assert!(kill.is_err(), "{kill:?}");
        let purge = collector
            .request(format!("$JS.API.STREAM.PURGE.{stream}"), "".into())
            .await;
        assert!(purge.is_err(), "{purge:?}");
    }
    // What was sent before this on the same connection has been dealt with when it is answered.
    collector.flush().await.unwrap();
    let own = connect(&node, "collector").await;
    own.append(vec![observed("web", 1)]).await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let all = everything(&admin, Filter::default()).await;
    assert_eq!(all.len(), 2, "only what the services wrote: {all:?}");
}
