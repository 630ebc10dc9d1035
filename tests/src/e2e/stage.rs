//! What an end-to-end test plays on: recorded load, a Prometheus that scrapes it, the services, and two targets.

use super::{
    brain::{Brain, EVERY},
    checks::{self, Tally},
    exporter::{Exporter, Trace},
    order_book::OrderBook,
};
use crate::servers::{PATIENCE, nats, prometheus::Prometheus};
use anyhow::{Context as _, Result, bail, ensure};
use headroom_log::{
    nats::NatsLog,
    patient::{Patience, Patient},
};
use headroom_model::Service;
use serde_json::{Value, json};
use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// The shard of every test: each has servers of its own.
pub const SHARD: &str = "e2e";
/// The bounds of every policy.
pub const BOUNDS: (u32, u32) = (1, 12);
/// Half an hour of the recorded load passes in this time: a day in 12 s.
const STEP: Duration = Duration::from_millis(250);
/// The load at the end, when everything comes to rest.
const CALM: f64 = 15_000.0;
/// So long nothing new is decided or done at rest: far longer than any delay of a policy, a retry or a look at a target.
const REST: Duration = Duration::from_secs(8);

/// The stage. What it owns ends with it.
#[derive(Debug)]
pub struct Stage {
    /// The services.
    pub brain: Brain,
    /// The targets, each with the count that calm load asks for.
    pub books: Vec<(OrderBook, u32)>,
    exporter: Exporter,
    _prometheus: Prometheus,
    urls: Vec<String>,
    replicas: usize,
    folder: TempDir,
}

impl Stage {
    /// Starts everything over NATS at `urls`, one process of each service, and applies a policy for each target. The load
    /// begins at a step of the trace that `seed` names. `None` when something is not installed.
    ///
    /// # Errors
    /// When something does not come up.
    pub fn set(urls: Vec<String>, replicas: usize, seed: u64) -> Result<Option<Self>> {
        let Some(trace) = Trace::read("nyc_taxi_30m")? else {
            return Ok(None);
        };
        let exporter = Exporter::start(trace, usize::try_from(seed % 10_000)?, STEP)?;
        let scraping = json!({
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
            "scrape_configs": [{"job_name": "shop", "static_configs": [{"targets": [exporter.address()]}]}],
        });
        let Some(prometheus) = Prometheus::start(&scraping.to_string())? else {
            return Ok(None);
        };
        let folder = tempfile::tempdir()?;
        let book = |name, idempotent| OrderBook::open(folder.path(), name, idempotent);
        let books = vec![
            (book("web", true)?, 5),
            (book("api", true)?, 4),
            (book("jobs", false)?, 3),
            (book("mail", false)?, 2),
        ];
        let settings = json!({
            "shard": SHARD,
            "log": {"nats": {"urls": urls, "replicas": replicas, "request_timeout_ms": 3000}},
            "sources": {"main": {"prometheus": {"url": prometheus.url(), "timeout_seconds": 2}}},
            "targets": books.iter().map(|(book, _)| book.settings()).collect::<Vec<_>>(),
            "actuator": {"watch_ms": 500},
            "checkpoint_seconds": 5,
        });
        let brain = Brain::new(folder.path(), &settings)?;
        let mut stage = Self {
            brain,
            books,
            exporter,
            _prometheus: prometheus,
            urls,
            replicas,
            folder,
        };
        for service in EVERY {
            stage.brain.start((service, 'a'))?;
        }
        stage.apply()?;
        stage.brain.wait_ready()?;
        Ok(Some(stage))
    }

    fn apply(&self) -> Result<()> {
        for (book, calm) in &self.books {
            let file = self.folder.path().join(format!("{}.yaml", book.name));
            std::fs::write(
                &file,
                policy(book.name, CALM / f64::from(*calm)).to_string(),
            )?;
            let file = file
                .to_str()
                .context("temporary folders have plain names")?;
            self.brain.run(&["apply", "-f", file, "--owner", "e2e"])?;
        }
        Ok(())
    }

    /// The log, for looking.
    ///
    /// # Errors
    /// When NATS is out of reach for long.
    pub async fn log(&self) -> Result<Patient> {
        let settings = nats::settings(self.urls.clone(), self.replicas);
        let patience = Patience {
            limit: PATIENCE,
            tell: |_| {},
        };
        let connect = || NatsLog::connect(settings.clone(), SHARD, "tests");
        let log = Arc::new(patience.ask(connect).await?);
        Ok(Patient::new(log, patience))
    }

    /// Makes the load calm, and waits until nothing more is decided or done.
    ///
    /// # Errors
    /// When the targets do not get the counts that calm load asks for, or go on changing.
    pub async fn come_to_rest(&mut self) -> Result<()> {
        self.exporter.hold(CALM);
        self.brain.wait_ready()?;
        let log = self.log().await?;
        let start = Instant::now();
        let mut seen = None;
        let mut since = Instant::now();
        while since.elapsed() < REST {
            ensure!(
                start.elapsed() < 2 * PATIENCE,
                "nothing comes to rest: {:?}",
                self.counts()
            );
            let newest = checks::newest_change(&log).await?;
            if newest != seen || self.counts()?.iter().any(|(now, calm)| now != calm) {
                (seen, since) = (newest, Instant::now());
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        self.brain.check_alive()
    }

    /// The newest count of each target, and that of calm load.
    fn counts(&self) -> Result<Vec<(u32, u32)>> {
        let counts = self.books.iter().map(|(book, calm)| {
            let newest = book.orders()?.last().map_or(BOUNDS.0, |order| order.count);
            Ok((newest, *calm))
        });
        counts.collect()
    }

    /// Checks what must hold at rest: of the books, of the log, and of its replay. An actuator may have lost its lease
    /// `interruptions` times besides being killed. With fewer than `least` decisions to scale, a test has shown nothing.
    ///
    /// # Errors
    /// When something does not hold.
    pub async fn check(&self, interruptions: usize, least: usize) -> Result<Tally> {
        let crashes = self.brain.kills(Service::Actuator) + interruptions;
        for (book, _) in &self.books {
            book.check(BOUNDS, crashes)?;
        }
        let tally = checks::check_log(&self.log().await?).await?;
        eprintln!("{tally:?}");
        ensure!(
            tally.unknown <= crashes,
            "{tally:?}: more than {crashes} crashes can explain"
        );
        ensure!(
            tally.scaled >= least,
            "{tally:?}: too little happened to show anything"
        );
        ensure_no_difference(&self.brain.run(&["replay", "--verify"])?)?;
        Ok(tally)
    }

    /// Carries the log away, and replays it where there is no server. `stop` ends the servers in between.
    ///
    /// # Errors
    /// When the replay differs from the record.
    pub fn check_elsewhere(&mut self, stop: impl FnOnce()) -> Result<()> {
        let file = self.folder.path().join("log.export");
        let file = file
            .to_str()
            .context("temporary folders have plain names")?;
        self.brain.run(&["log", "export", file])?;
        for seat in self.brain.seats() {
            self.brain.kill(seat);
        }
        stop();
        let empty = tempfile::tempdir()?;
        ensure_no_difference(
            &self
                .brain
                .run_in(empty.path(), &["replay", "--verify", file])?,
        )?;
        self.brain.run_in(empty.path(), &["log", "check", file])?;
        ensure!(
            is_empty(empty.path())?,
            "a replay of a file leaves nothing behind"
        );
        Ok(())
    }

    /// Adds to an error what the services logged last, and keeps the folder.
    ///
    /// # Errors
    /// When `result` is one.
    pub fn tell<T>(&mut self, result: Result<T>) -> Result<T> {
        let Err(error) = result else {
            return result;
        };
        self.folder.disable_cleanup(true);
        let folder = self.folder.path().display();
        bail!(
            "{error:?}\n\n{}\nbooks and whole logs are kept in {folder}",
            self.brain.tails()
        );
    }
}

fn ensure_no_difference(output: &str) -> Result<()> {
    eprintln!("{output}");
    ensure!(
        output.contains(" 0 differences"),
        "the replay differs:\n{output}"
    );
    Ok(())
}

fn is_empty(folder: &Path) -> Result<bool> {
    Ok(std::fs::read_dir(folder)?.next().is_none())
}

/// A policy that reacts at once, so that much happens in little time.
fn policy(name: &str, average: f64) -> Value {
    json!({
        "apiVersion": "headroom.dev/v1alpha1",
        "kind": "ScalingPolicy",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {
            "scaleTargetRef": {"kind": "Command", "name": name},
            "minReplicas": BOUNDS.0,
            "maxReplicas": BOUNDS.1,
            "metrics": [{
                "type": "External",
                "external": {
                    "metric": {"name": "load"},
                    "target": {"type": "AverageValue", "averageValue": average.to_string()},
                },
                "from": {"source": "main", "query": "sum(load)", "interval": "500ms"},
            }],
            "behavior": {
                "scaleUp": {"policies": [{"type": "Pods", "value": 12, "periodSeconds": 1}]},
                "scaleDown": {
                    "stabilizationWindowSeconds": 1,
                    "policies": [{"type": "Percent", "value": 100, "periodSeconds": 1}],
                },
            },
        },
    })
}
