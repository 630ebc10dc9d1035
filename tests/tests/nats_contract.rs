//! The contract of every log, kept by NATS: on one server, and on a cluster of three with three copies.

use headroom_log::{
    Log, contract,
    nats::{NatsLog, Settings},
};
use headroom_tests::servers::nats::{self, Cluster, settings};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use tokio::time::{sleep, timeout};

/// Every log is a shard of its own on the same servers.
async fn keeps_the_contract(urls: Vec<String>, replicas: usize) {
    let shards = AtomicU32::new(0);
    let fresh = async || {
        let shard = format!("case-{}", shards.fetch_add(1, Ordering::Relaxed));
        let log = NatsLog::connect(settings(urls.clone(), replicas), &shard, "tests").await;
        let log: Arc<dyn Log> = Arc::new(log.expect("the servers take another shard"));
        log
    };
    contract::all(fresh).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_server_keeps_the_contract() {
    let Some(node) = nats::single("").unwrap() else {
        return;
    };
    keeps_the_contract(vec![node.url()], 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_keeps_the_contract() {
    let Some(cluster) = Cluster::start("").unwrap() else {
        return;
    };
    keeps_the_contract(cluster.urls(), 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn retention_keeps_the_contract() {
    let Some(node) = nats::single("").unwrap() else {
        return;
    };
    let short = Settings {
        max_age_seconds: 2,
        ..settings(vec![node.url()], 1)
    };
    let log = NatsLog::connect(short, "short", "tests")
        .await
        .expect("the server takes it");
    contract::retention(Arc::new(log), async |log| {
        let written = log.bounds().await.expect("the log answers").last;
        let forgotten = async {
            while log.bounds().await.expect("the log answers").first <= written {
                let fresh = contract::filler(0..1);
                log.append(fresh).await.expect("the log takes facts");
                sleep(Duration::from_millis(100)).await;
            }
        };
        let patience = Duration::from_secs(60);
        timeout(patience, forgotten).await.expect("retention comes");
    })
    .await;
}
