//! Which servers and streams the log accepts, and how it makes its own.

use headroom_log::{
    Filter, Log, LogError,
    nats::{NatsLog, Settings},
};
use headroom_model::Service;
use headroom_tests::{
    facts::{commit, everything, observed, output},
    servers::nats::{self, Cluster, settings},
};
use serde_json::{Value, json};
use tokio::task::JoinSet;

async fn refusal(settings: Settings) -> String {
    match NatsLog::connect(settings, "s", "tests").await {
        Err(LogError::Refused(detail)) => detail,
        other => panic!("this should be refused: {other:?}"),
    }
}

fn assert_says(detail: &str, words: &[&str]) {
    for word in words {
        assert!(detail.contains(word), "{detail:?} should say {word:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_too_old_is_refused_with_both_versions() {
    let Some(node) = nats::single_of("nats-server-old", "").unwrap() else {
        return;
    };
    let detail = refusal(settings(vec![node.url()], 1)).await;
    assert_says(&detail, &["2.9.", "2.12.1", "too old"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_without_jetstream_is_refused() {
    let accounts = "accounts { PLAIN { users: [{user: u, password: p}] } }\nno_auth_user: u";
    let Some(node) = nats::single(accounts).unwrap() else {
        return;
    };
    let detail = refusal(settings(vec![node.url()], 1)).await;
    assert_says(&detail, &["JetStream is not enabled"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_at_the_address_means_wait() {
    let nobody = format!("nats://127.0.0.1:{}", headroom_tests::servers::free_port());
    let result = NatsLog::connect(settings(vec![nobody.clone()], 1), "s", "tests").await;
    let Err(LogError::Unavailable(detail)) = result else {
        panic!("{result:?}")
    };
    assert_says(&detail, &[&nobody]);
}

#[tokio::test(flavor = "multi_thread")]
async fn three_copies_on_one_server_are_refused_by_name_of_setting() {
    let Some(node) = nats::single("").unwrap() else {
        return;
    };
    let detail = refusal(settings(vec![node.url()], 3)).await;
    assert_says(&detail, &["replicas", "HEADROOM_s"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_sees_too_few_servers_is_waited_for() {
    let Some(cluster) = Cluster::start("").unwrap() else {
        return;
    };
    // Those that have just started do not see each other yet; here two never come.
    match NatsLog::connect(settings(cluster.urls(), 5), "s", "tests").await {
        Err(LogError::Unavailable(detail)) => {
            assert_says(&detail, &["HEADROOM_s", "10005", "replicas (5)"]);
        }
        other => panic!("it should wait: {:?}", other.err()),
    }
}

async fn api(client: &async_nats::Client, endpoint: &str, question: Value) -> Value {
    let question = question.to_string().into();
    let answer = client
        .request(format!("$JS.API.{endpoint}"), question)
        .await;
    serde_json::from_slice(&answer.expect("the server answers").payload).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn racing_services_make_one_log_with_the_promised_settings() {
    let Some(node) = nats::single("").unwrap() else {
        return;
    };
    let mut racers = JoinSet::new();
    for racer in 0..8 {
        let settings = Settings {
            // They may even disagree on what is theirs to choose.
            max_age_seconds: 600 + racer % 2,
            ..settings(vec![node.url()], 1)
        };
        racers.spawn(NatsLog::connect(settings, "s", "tests"));
    }
    for log in racers.join_all().await {
        log.expect("all of them connect");
    }
    let client = async_nats::connect(node.url()).await.unwrap();
    let config = api(&client, "STREAM.INFO.HEADROOM_s", json!({})).await["config"].clone();
    let want = [
        ("subjects", json!(["headroom.v1.s.>"])),
        ("allow_atomic", json!(true)),
        ("allow_direct", json!(true)),
        ("deny_delete", json!(true)),
        ("deny_purge", json!(true)),
        ("allow_rollup_hdrs", json!(false)),
        ("duplicate_window", json!(120_000_000_000_i64)),
        ("discard", json!("old")),
        ("storage", json!("file")),
        ("num_replicas", json!(1)),
    ];
    for (setting, value) in want {
        assert_eq!(config[setting], value, "{setting}");
    }
    let ledger = api(&client, "STREAM.INFO.HEADROOM_s_LEDGER", json!({})).await["config"].clone();
    assert_eq!(
        ledger["max_age"],
        json!(365 * 24 * 3600 * 1_000_000_000_i64)
    );
    assert_eq!(ledger["sources"][0]["name"], "HEADROOM_s");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_existing_stream_that_breaks_a_promise_is_refused_by_name_of_setting() {
    let Some(node) = nats::single("").unwrap() else {
        return;
    };
    let client = async_nats::connect(node.url()).await.unwrap();
    let good = json!({
        "storage": "file", "discard": "old", "max_age": 600_000_000_000_i64, "allow_atomic": true,
        "allow_direct": true, "deny_delete": true, "deny_purge": true, "duplicate_window": 120_000_000_000_i64,
    });
    let cases = [
        ("deny_delete", json!(false)),
        ("deny_purge", json!(false)),
        ("allow_atomic", json!(false)),
        ("allow_msg_ttl", json!(true)),
        ("max_msgs_per_subject", json!(5)),
        ("storage", json!("memory")),
        (
            "subjects",
            json!(["headroom.v1.s6.*.*.*.*", "headroom.v1.s6.*.head"]),
        ),
        ("duplicate_window", json!(1_000_000_000_i64)),
        ("allow_msg_schedules", json!(true)),
        ("persist_mode", json!("async")),
        ("retention", json!("interest")),
    ];
    for (number, (setting, value)) in cases.into_iter().enumerate() {
        let (shard, name) = (format!("s{number}"), format!("HEADROOM_s{number}"));
        let mut config = good.clone();
        config["name"] = json!(name);
        config["subjects"] = json!([format!("headroom.v1.{shard}.>")]);
        config[setting] = value;
        if setting == "persist_mode" {
            // The server does not take both.
            config["allow_atomic"] = json!(false);
        }
        let made = api(&client, &format!("STREAM.CREATE.{name}"), config).await;
        assert_eq!(made["error"], Value::Null, "{setting}");
        let result = NatsLog::connect(settings(vec![node.url()], 1), &shard, "tests").await;
        let Err(LogError::Refused(detail)) = result else {
            panic!("{setting}: {result:?}")
        };
        assert_says(&detail, &[&name, setting]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_cloudevents_on_their_own_subjects() {
    let Some(node) = nats::single("").unwrap() else {
        return;
    };
    let log = NatsLog::connect(settings(vec![node.url()], 1), "s", "tests")
        .await
        .unwrap();
    let fact = observed("web.eu", 7);
    log.append(vec![fact.clone()]).await.unwrap();
    let caused = {
        let mut record = output(Service::Planner, "web", 7);
        record.envelope.cause = Some(headroom_model::Cause {
            id: fact.envelope.id,
            seq: headroom_model::Seq(1),
        });
        record.envelope.correlation = Some(fact.envelope.id);
        record
    };
    log.commit(commit(Service::Planner, "p", None, vec![caused]))
        .await
        .unwrap();

    let client = async_nats::connect(node.url()).await.unwrap();
    let stream = async_nats::jetstream::new(client)
        .get_stream("HEADROOM_s")
        .await
        .unwrap();
    let message = stream.get_raw_message(1).await.unwrap();
    assert_eq!(
        message.subject.as_str(),
        "headroom.v1.s.collector.observed.test.web=2Eeu"
    );
    assert_eq!(
        message.payload, fact.body,
        "the body is the payload, byte for byte"
    );
    let id = fact.envelope.id.to_string();
    let want = [
        ("ce-specversion", "1.0"),
        ("ce-id", id.as_str()),
        ("ce-type", "headroom.observed.v1"),
        ("ce-source", "/headroom/s/collector"),
        ("ce-subject", "test/web.eu"),
        ("ce-time", "1970-01-01T00:00:07.000Z"),
        ("ce-datacontenttype", "application/msgpack"),
        ("Nats-Msg-Id", id.as_str()),
    ];
    for (name, value) in want {
        assert_eq!(
            message.headers.get(name).map(|value| value.as_str()),
            Some(value),
            "{name}"
        );
    }
    let head = stream.get_raw_message(2).await.unwrap();
    assert_eq!(head.subject.as_str(), "headroom.v1.s.planner.head");
    assert_eq!(
        head.headers.get("ce-type").map(|value| value.as_str()),
        Some("headroom.head.v1")
    );
    let output = stream.get_raw_message(3).await.unwrap();
    let want = [
        ("ce-cause", id.as_str()),
        ("ce-causeseq", "1"),
        ("ce-correlation", id.as_str()),
        ("ce-behaviour", "1"),
    ];
    for (name, value) in want {
        assert_eq!(
            output.headers.get(name).map(|value| value.as_str()),
            Some(value),
            "{name}"
        );
    }
    assert!(
        output.headers.get("Nats-Msg-Id").is_none(),
        "ids of derived events can be foreseen"
    );
    assert_eq!(everything(&log, Filter::default()).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_above_the_servers_payload_limit_is_refused_and_names_it() {
    let Some(node) = nats::single("max_payload: 8192").unwrap() else {
        return;
    };
    let log = NatsLog::connect(settings(vec![node.url()], 1), "s", "tests")
        .await
        .unwrap();
    let mut large = observed("web", 1);
    large.body = vec![0; 9000];
    let result = log.append(vec![observed("web", 0), large.clone()]).await;
    let Err(LogError::Refused(detail)) = result else {
        panic!("{result:?}")
    };
    assert_says(&detail, &["max_payload", "8192"]);
    assert_eq!(
        everything(&log, Filter::default()).await,
        [],
        "nothing of it was written"
    );
    large.body.truncate(7000);
    log.append(vec![large]).await.expect("what fits is taken");
}
