//! A small real service: answers `GET /work` after a while, a few requests at a time, and shows its metrics.

use anyhow::Context as _;
use axum::{Router, extract::State, http::StatusCode, routing::get};
use headroom_runtime::shutdown;
use prometheus::{IntCounter, IntGauge, Registry, TextEncoder};
use std::net::Ipv4Addr;
use std::os::unix::process::parent_id;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Requests served at a time.
const SLOTS: u32 = 4;
/// How long the work of one request takes, as if it waited for a database.
const WORK: Duration = Duration::from_millis(40);
/// Requests a second that a worker carries: 4 slots ÷ 40 ms.
pub(crate) const CAPACITY: u32 = SLOTS * 1000 / 40;
/// Requests that may wait, 0.64 s of work; more are refused, since nobody would wait for their answers.
const WAITING: i64 = 64;
/// A worker that was asked to stop answers for so long, until nobody sends it anything any more.
const LEAVING: Duration = Duration::from_millis(300);
/// How often a worker looks whether the demonstration still lives.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// What a worker counts.
#[derive(Clone, Debug)]
struct Worker {
    slots: Arc<Semaphore>,
    registry: Registry,
    requests: IntCounter,
    refused: IntCounter,
    waiting: IntGauge,
    in_flight: IntGauge,
}

/// Serves until SIGTERM or SIGINT, or until `parent` is no longer the parent of this process.
pub(crate) async fn run(port: u16, parent: Option<u32>) -> anyhow::Result<()> {
    let asked = shutdown::on_signal()?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .with_context(|| format!("cannot listen on 127.0.0.1:{port}; something else does"))?;
    let router = Router::new()
        .route("/work", get(work))
        .route("/metrics", get(metrics))
        .route("/healthz", get(|| async { "ok\n" }))
        .with_state(Worker::new()?);
    let served = axum::serve(listener, router).with_graceful_shutdown(leave(asked, parent));
    served.await.context("the worker has ended")
}

/// Waits for the reason to go, and then until nobody asks any more.
async fn leave(asked: CancellationToken, parent: Option<u32>) {
    tokio::select! {
        () = asked.cancelled() => {}
        () = orphaned(parent) => {}
    }
    tokio::time::sleep(LEAVING).await;
}

/// Waits for the end of the demonstration: whatever kills it, its workers end too.
async fn orphaned(parent: Option<u32>) {
    let Some(parent) = parent else {
        return std::future::pending().await;
    };
    while parent_id() == parent {
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn work(State(worker): State<Worker>) -> (StatusCode, &'static str) {
    worker.requests.inc();
    if worker.waiting.get() >= WAITING {
        worker.refused.inc();
        return (
            StatusCode::SERVICE_UNAVAILABLE,
            "too many requests are waiting\n",
        );
    }
    let waiting = Counted::begin(&worker.waiting);
    let Ok(_slot) = worker.slots.acquire().await else {
        return (StatusCode::SERVICE_UNAVAILABLE, "the worker is going\n");
    };
    drop(waiting);
    let _in_flight = Counted::begin(&worker.in_flight);
    tokio::time::sleep(WORK).await;
    (StatusCode::OK, "done\n")
}

async fn metrics(State(worker): State<Worker>) -> ([(&'static str, &'static str); 1], String) {
    let text = TextEncoder::new().encode_to_string(&worker.registry.gather());
    (
        [("content-type", "text/plain; version=0.0.4")],
        text.unwrap_or_default(),
    )
}

impl Worker {
    fn new() -> anyhow::Result<Self> {
        let worker = Self {
            slots: Arc::new(Semaphore::new(SLOTS as usize)),
            registry: Registry::new(),
            requests: IntCounter::new("requests_total", "Requests that came, refused ones too")?,
            refused: IntCounter::new(
                "requests_refused_total",
                "Requests refused because too many were waiting",
            )?,
            waiting: IntGauge::new("requests_waiting", "Requests that wait for a slot")?,
            in_flight: IntGauge::new("requests_in_flight", "Requests that are being served")?,
        };
        let capacity = IntGauge::new(
            "capacity_requests_per_second",
            "Requests a second that this worker carries",
        )?;
        capacity.set(i64::from(CAPACITY));
        worker
            .registry
            .register(Box::new(worker.requests.clone()))?;
        worker.registry.register(Box::new(worker.refused.clone()))?;
        for gauge in [&worker.waiting, &worker.in_flight, &capacity] {
            worker.registry.register(Box::new(gauge.clone()))?;
        }
        Ok(worker)
    }
}

/// Counts a request for as long as it lives, so that one whose client has gone is not counted for ever.
struct Counted<'a>(&'a IntGauge);

impl<'a> Counted<'a> {
    fn begin(gauge: &'a IntGauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}
