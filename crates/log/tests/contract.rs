//! The contract, on the logs that need no server.

use headroom_log::embedded::{EmbeddedLog, Settings};
use headroom_log::memory::MemoryLog;
use headroom_log::{Log, contract};
use headroom_model::{Seq, Span};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// An embedded log whose directory lasts as long as the returned guard.
fn embedded(settings: &Settings) -> (Arc<dyn Log>, TempDir) {
    let dir = tempfile::tempdir().expect("there is a place for temporary files");
    let log = EmbeddedLog::open(dir.path(), settings).expect("a new log opens");
    (Arc::new(log), dir)
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_keeps_the_contract() {
    contract::all(async || Arc::new(MemoryLog::new()) as Arc<dyn Log>).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_forgets_as_agreed() {
    let log = Arc::new(MemoryLog::new());
    let forgetting = Arc::clone(&log);
    contract::retention(log, async move |_| forgetting.forget_before(Seq(2000))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn embedded_keeps_the_contract() {
    for case in contract::facts().into_iter().chain(contract::commits()) {
        let (log, _dir) = embedded(&Settings::default());
        case.run(log).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn embedded_forgets_as_agreed() {
    let settings = Settings {
        max_age: Span(300),
        ..Settings::default()
    };
    let (log, _dir) = embedded(&settings);
    contract::retention(log, forget_by_age).await;
}

/// Appends until what is old is gone.
async fn forget_by_age(log: Arc<dyn Log>) {
    let first = async || log.bounds().await.expect("bounds can be asked for").first;
    let mut number = 0;
    while first().await == Seq(1) {
        tokio::time::sleep(Duration::from_millis(20)).await;
        log.append(contract::filler(number..number + 10))
            .await
            .expect("an append is taken");
        number += 10;
        assert!(number < 100_000, "the log never forgets");
    }
}
