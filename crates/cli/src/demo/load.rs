//! Sends real requests along the curve, and measures them.

use super::curve::Curve;
use super::fleet::Fleet;
use super::meter::Meter;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How often it is looked how many requests are due: two at a time in the surge, so that the load is even.
const TICK: Duration = Duration::from_millis(5);
/// How often the list of workers is read: sooner than a worker that leaves stops answering.
const READ_LIST_EVERY: Duration = Duration::from_millis(50);
/// An answer that takes longer is of no use to anybody.
const PATIENCE: Duration = Duration::from_secs(2);
/// Requests under way at a time: 2 s of the surge. Those beyond it are lost at once.
const UNDER_WAY: usize = 800;
/// Requests that were due longer ago are not sent any more: when the whole machine stood still, so did its users.
const CATCH_UP: Duration = Duration::from_millis(250);

/// What is loaded, and along which curve.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    pub(crate) curve: Curve,
    /// The list of workers that the target keeps.
    pub(crate) endpoints: PathBuf,
    pub(crate) fleet: Arc<Fleet>,
    pub(crate) meter: Arc<Meter>,
}

impl Load {
    /// Reads the list until a worker answers, and gives up when asked to stop.
    pub(crate) async fn first_worker(&self, stop: &CancellationToken) {
        let sender = Sender::new(self, Arc::new(Meter::default()));
        while self.fleet.ready() == 0 && !stop.is_cancelled() {
            self.fleet.read(&self.endpoints);
            sender.ask().await;
            tokio::time::sleep(READ_LIST_EVERY).await;
        }
    }

    /// Sends requests from `start` on until it is asked to stop, and waits for the answers that are under way.
    pub(crate) async fn drive(self, start: Instant, stop: CancellationToken) {
        let sender = Arc::new(Sender::new(&self, Arc::clone(&self.meter)));
        let room = Arc::new(Semaphore::new(UNDER_WAY));
        let under_way = TaskTracker::new();
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut list_read = start;
        let mut sent = 0;
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = stop.cancelled() => break,
            }
            if list_read.elapsed() >= READ_LIST_EVERY {
                self.fleet.read(&self.endpoints);
                list_read = Instant::now();
            }
            let elapsed = start.elapsed();
            let due = self.curve.requests_by(elapsed);
            sent = sent.max(self.curve.requests_by(elapsed.saturating_sub(CATCH_UP)));
            for _ in sent..due {
                self.meter.sent();
                let Ok(place) = Arc::clone(&room).try_acquire_owned() else {
                    self.meter.lost();
                    continue;
                };
                let sender = Arc::clone(&sender);
                under_way.spawn(async move {
                    sender.ask().await;
                    drop(place);
                });
            }
            sent = due;
        }
        under_way.close();
        under_way.wait().await;
    }
}

/// Sends one request at a time to whoever's turn it is.
struct Sender {
    client: Client<HttpConnector, Empty<Bytes>>,
    fleet: Arc<Fleet>,
    meter: Arc<Meter>,
}

impl Sender {
    fn new(load: &Load, meter: Arc<Meter>) -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self {
            client,
            fleet: Arc::clone(&load.fleet),
            meter,
        }
    }

    /// One request, measured.
    async fn ask(&self) {
        let began = Instant::now();
        match timeout(PATIENCE, self.fetch()).await {
            Ok(true) => self.meter.answered(began.elapsed()),
            Ok(false) | Err(_) => self.meter.lost(),
        }
    }

    /// Whether a worker did the work. One that does not listen (it is just starting, or it has gone) is passed over, as by
    /// any load balancer.
    async fn fetch(&self) -> bool {
        for worker in self.fleet.round() {
            match self.client.get(worker.work.clone()).await {
                Err(error) if error.is_connect() => {}
                Err(_) => return false,
                Ok(answer) => {
                    worker.answered();
                    let done = answer.status().is_success();
                    return answer.into_body().collect().await.is_ok() && done;
                }
            }
        }
        false
    }
}
