//! What a pool's children are given, when they are ready, and how they end.

use crate::pool::{Pool, environment, name, order, until};
use headroom_targets::Target as _;
use serde_json::json;
use std::{
    collections::BTreeSet,
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    time::Duration,
};

#[tokio::test]
async fn a_child_is_asked_before_it_is_killed_and_leaves_nothing_behind() {
    let script =
        r#"trap 'echo asked >> "$OUT"; exit 0' USR1; sleep 1000 & while :; do sleep 0.05; done"#;
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("out");
    let pool = Pool::new(&json!({
        "program": "sh", "args": ["-c", script], "stop_signal": "USR1", "env": {"OUT": out},
    }));
    pool.set(1, 1).await.unwrap();
    // The trap is set before the grandchild is started.
    until("the grandchild is there", async || {
        pool.processes().len() >= 2
    })
    .await;
    pool.set(2, 0).await.unwrap();
    assert_eq!(fs::read_to_string(&out).unwrap(), "asked\n");
    assert!(pool.processes().is_empty(), "the grandchild is gone too");

    let stubborn = Pool::new(&json!({
        "program": "sh", "args": ["-c", "trap '' TERM; sleep 1000 & while :; do sleep 0.05; done"], "grace_seconds": 0,
    }));
    stubborn.set(1, 1).await.unwrap();
    until("the grandchild is there", async || {
        stubborn.processes().len() >= 2
    })
    .await;
    stubborn.set(2, 0).await.unwrap();
    assert!(stubborn.processes().is_empty());
}

#[tokio::test]
async fn each_child_gets_its_own_arguments_environment_port_and_log() {
    let pool = Pool::new(&json!({
        "program": "sh",
        "args": ["-c", "echo \"$0 $1 $GREETING $HEADROOM_REPLICA $PWD\"; exec sleep 1000", "{replica}:{port}", "{namespace}/{name}/{index}"],
        "env": {"GREETING": "hello-{index}"},
        "working_directory": "/",
        "port_base": 41000,
    }));
    pool.set(1, 2).await.unwrap();
    for (number, pid) in pool.children() {
        let environment = environment(pid).unwrap();
        assert!(
            environment.contains(&format!("HEADROOM_PORT={}", 41000 + number)),
            "{environment:?}"
        );
        let log = pool.path().join(format!("logs/web-{number}.log"));
        let want = format!(
            "web-{number}:{} shop/web/{number} hello-{number} web-{number} /\n",
            41000 + number
        );
        until(&want, async || {
            fs::read_to_string(&log).is_ok_and(|log| log == want)
        })
        .await;
    }
    let want = [("web-0", "127.0.0.1:41000"), ("web-1", "127.0.0.1:41001")];
    assert_eq!(
        pool.endpoints(),
        want.map(|(name, address)| (name.to_owned(), address.to_owned()))
            .into()
    );
    assert_eq!(
        pool.driver().endpoints(&name()),
        pool.path().join("endpoints.json")
    );
}

#[tokio::test]
async fn free_ports_differ_and_a_pool_without_ports_lists_nobody() {
    let pool = Pool::new(&json!({"program": "sh", "args": ["-c", "exec sleep 1000", "{port}"]}));
    pool.set(1, 6).await.unwrap();
    assert_eq!(
        pool.endpoints()
            .into_values()
            .collect::<BTreeSet<_>>()
            .len(),
        6
    );
    let silent = Pool::new(&json!({}));
    silent.set(1, 2).await.unwrap();
    assert!(silent.endpoints().is_empty());
}

#[tokio::test]
async fn a_child_is_ready_when_it_answers() {
    let own = std::env::current_exe().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let pool = Pool::new(&json!({
        "program": own, "args": ["--exact", "children::serves", "--ignored"], "ready": "http://127.0.0.1:{port}/ready",
        "env": {"READY_FILE": format!("{}/{{replica}}", directory.path().display())},
    }));
    assert_eq!(pool.set(1, 2).await.unwrap().replicas.0, 2);
    assert_eq!(pool.read().await, (2, 0));
    fs::write(directory.path().join("web-1"), "").unwrap();
    until("one is ready", async || pool.read().await == (2, 1)).await;
    fs::write(directory.path().join("web-0"), "").unwrap();
    until("both are ready", async || pool.read().await == (2, 2)).await;
}

#[tokio::test]
async fn a_child_that_never_becomes_ready_is_replaced_and_one_that_was_is_kept() {
    let own = std::env::current_exe().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let ready = directory.path().join("web-0");
    fs::write(&ready, "").unwrap();
    let pool = Pool::new(&json!({
        "program": own, "args": ["--exact", "children::serves", "--ignored"], "ready": "http://127.0.0.1:{port}/ready",
        "env": {"READY_FILE": format!("{}/{{replica}}", directory.path().display())},
        "start_timeout_seconds": 2,
    }));
    pool.set(1, 2).await.unwrap();
    let before = pool.children();
    until("web-0 is ready", async || pool.read().await.1 == 1).await;
    fs::remove_file(&ready).unwrap();
    until("web-1 counts as failed", async || {
        pool.read().await == (1, 0)
    })
    .await;
    assert_eq!(pool.children(), before, "reading kills nobody");
    pool.set(1, 2).await.unwrap();
    let after = pool.children();
    assert_eq!(
        after[&0], before[&0],
        "a child that was ready once is busy, not failed"
    );
    assert_ne!(after[&1], before[&1]);
}

#[tokio::test]
async fn a_child_that_is_late_but_ready_when_an_order_comes_is_kept() {
    let own = std::env::current_exe().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let pool = Pool::new(&json!({
        "program": own, "args": ["--exact", "children::serves", "--ignored"], "ready": "http://127.0.0.1:{port}/ready",
        "env": {"READY_FILE": format!("{}/{{replica}}", directory.path().display())},
        "start_timeout_seconds": 1,
    }));
    pool.set(1, 1).await.unwrap();
    let before = pool.children();
    until("the child counts as failed", async || {
        pool.read().await == (0, 0)
    })
    .await;
    fs::write(directory.path().join("web-0"), "").unwrap();
    assert_eq!(pool.set(1, 1).await.unwrap().replicas.0, 1);
    assert_eq!(pool.children(), before);
}

#[tokio::test]
async fn nobody_is_sent_to_a_child_that_is_leaving() {
    let script = "trap '' TERM; while :; do sleep 0.1; done # {port}";
    let pool = Pool::new(&json!({"program": "sh", "args": ["-c", script]}));
    pool.set(1, 2).await.unwrap();
    until("both are deaf to SIGTERM", async || {
        pool.processes().len() >= 4
    })
    .await;
    let driver = pool.driver();
    let slow = tokio::spawn(async move { driver.set(&order(2, 1)).await });
    until("only one is listed", async || {
        pool.endpoints().keys().eq(["web-0"])
    })
    .await;
    assert_eq!(pool.children().len(), 2, "the leaving one still lives");
    slow.abort();
    assert!(slow.await.unwrap_err().is_cancelled());
}

/// No test: the program of children that have to answer. Ready once the file named by `READY_FILE` is there.
#[test]
#[ignore = "the program of other tests' children"]
fn serves() {
    let (Ok(port), Ok(ready)) = (std::env::var("HEADROOM_PORT"), std::env::var("READY_FILE"))
    else {
        return;
    };
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).unwrap();
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
        let _ = stream.read(&mut [0; 1024]);
        let status = if fs::exists(&ready).unwrap() {
            "200 OK"
        } else {
            "503 Service Unavailable"
        };
        let _ = write!(
            stream,
            "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        );
    }
}
