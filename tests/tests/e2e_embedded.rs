//! `headroom up` on an embedded log, killed as a whole again and again.

use anyhow::{Context as _, Result, ensure};
use fastrand::Rng;
use headroom_log::Log;
use headroom_model::{
    Body, Event, Seq,
    body::{Decision, Measured},
};
use headroom_tests::e2e::{
    campaign,
    checks::{self, Tally},
    exporter::Exporter,
    order_book::OrderBook,
    site::{Site, Up, eventually, policy},
};
use serde_json::json;
use std::{
    collections::BTreeMap,
    process::{Child, Stdio},
    time::{Duration, Instant},
};

/// How often `up` is killed.
const KILLS: usize = 50;
/// The bounds of both policies.
const BOUNDS: (u32, u32) = (1, 20);
/// The load at the end: 7 replicas, and no other count is within the tolerance.
const CALM: (f64, u32) = (70.0, 7);
/// How long each load lasts.
const STEP: Duration = Duration::from_millis(300);
/// The metric of the readings that are pushed. No rule looks at it.
const PUSHED: &str = "pushed";

/// A campaign against one `up`.
struct Campaign {
    exporter: Exporter,
    books: [OrderBook; 2],
    random: Rng,
    pushes: u32,
    /// The readings that the log acknowledged, by position.
    acknowledged: BTreeMap<Seq, f64>,
}

impl Campaign {
    fn new(site: &Site, seed: u64) -> Result<Self> {
        let mut random = Rng::with_seed(seed);
        let load: Vec<_> = (0..1000).map(|_| f64::from(random.u32(5..220))).collect();
        let exporter = Exporter::start(load.into(), 0, STEP)?;
        let books = [
            OrderBook::open(&site.path(""), "again", true)?,
            OrderBook::open(&site.path(""), "once", false)?,
        ];
        site.configure(&json!({
            "sources": {"gauge": {"openmetrics": {"endpoints": [exporter.address()], "timeout_seconds": 1}}},
            "targets": books.each_ref().map(OrderBook::settings),
            "actuator": {"watch_ms": 300},
            "checkpoint_seconds": 1,
        }))?;
        Ok(Self {
            exporter,
            books,
            random,
            pushes: 0,
            acknowledged: BTreeMap::new(),
        })
    }

    fn apply(&self, site: &Site) -> Result<()> {
        for book in &self.books {
            site.apply(&policy(
                book.name,
                BOUNDS,
                &json!({"source": "gauge", "interval": "200ms"}),
            ))?;
        }
        Ok(())
    }

    /// One life, ended by SIGKILL, often in the middle of a push.
    fn live(&mut self, site: &mut Site) -> Result<()> {
        let up = site.up()?;
        let end = Instant::now() + Duration::from_millis(self.random.u64(500..3000));
        while Instant::now() < end {
            let mut push = self.push(site)?;
            while Instant::now() < end && push.try_wait()?.is_none() {
                std::thread::sleep(Duration::from_millis(5));
            }
            if Instant::now() >= end {
                up.kill();
                return self.note(push);
            }
            self.note(push)?;
            std::thread::sleep(Duration::from_millis(self.random.u64(0..200)));
        }
        up.kill();
        Ok(())
    }

    fn push(&mut self, site: &Site) -> Result<Child> {
        self.pushes += 1;
        let mut push = site.command(&["push", "shop/again", PUSHED, &self.pushes.to_string()]);
        push.stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        Ok(push.spawn()?)
    }

    /// Remembers what a push was told: `shop/again pushed = 7 is event 1234`.
    fn note(&mut self, push: Child) -> Result<()> {
        let output = push.wait_with_output()?;
        if output.status.success() {
            let said = String::from_utf8(output.stdout)?;
            let words: Vec<_> = said.split_whitespace().collect();
            let [_, _, "=", value, "is", "event", seq] = words[..] else {
                anyhow::bail!("a push says {said:?}");
            };
            self.acknowledged.insert(Seq(seq.parse()?), value.parse()?);
        }
        Ok(())
    }

    /// Calm load, until both targets have its count and the brain says that this is what is wanted.
    async fn rest(&self, site: &Site, up: &mut Up) -> Result<()> {
        self.exporter.hold(CALM.0);
        up.wait_ready()?;
        eventually("both targets have the count of calm load", || {
            for book in &self.books {
                if book
                    .orders()?
                    .last()
                    .is_none_or(|order| order.count != CALM.1)
                {
                    return Ok(None);
                }
            }
            let table = site.done(&["get"])?;
            Ok((table.matches("at_desired").count() == 2).then_some(()))
        })
        .await
    }

    async fn check(&self, log: &dyn Log) -> Result<Tally> {
        for book in &self.books {
            book.check(BOUNDS, KILLS)?;
        }
        let tally = checks::check_log(log).await?;
        ensure!(
            tally.unknown <= KILLS,
            "{tally:?}: at most one a kill may be unknown"
        );
        ensure!(
            tally.applied >= KILLS,
            "{tally:?}: too little happened to show anything"
        );
        let events = checks::events(log).await?;
        self.check_orders(&events)?;
        self.check_pushes(&events)?;
        Ok(tally)
    }

    /// Each order in a book is a decision of the log, with its count.
    fn check_orders(&self, events: &[Event]) -> Result<()> {
        for book in &self.books {
            for order in book.orders()? {
                let decided = events
                    .iter()
                    .find(|event| event.envelope.seq == Seq(order.generation));
                let decided = decided.with_context(|| format!("nothing stands at {order:?}"))?;
                let Body::Decided(decided) = &decided.body else {
                    anyhow::bail!("{order:?} follows from {decided:?}");
                };
                let Decision::Scale { to, .. } = decided.decision else {
                    anyhow::bail!("{order:?} follows from {decided:?}");
                };
                ensure!(to.0 == order.count, "{order:?} follows from {decided:?}");
            }
        }
        Ok(())
    }

    fn check_pushes(&self, events: &[Event]) -> Result<()> {
        ensure!(
            self.acknowledged.len() >= KILLS,
            "{} of {} pushes were acknowledged",
            self.acknowledged.len(),
            self.pushes
        );
        let pushed: BTreeMap<_, _> = events
            .iter()
            .filter_map(|event| match &event.body {
                Body::Observed(observed) => match &observed.readings[..] {
                    [reading] if reading.metric == PUSHED => {
                        Some((event.envelope.seq, reading.measured.clone()))
                    }
                    _ => None,
                },
                _ => None,
            })
            .collect();
        for (seq, value) in &self.acknowledged {
            ensure!(
                pushed.get(seq) == Some(&Measured::Total(*value)),
                "{value} was acknowledged at {seq}, and is not there"
            );
        }
        Ok(())
    }
}

async fn killed_again_and_again(site: &mut Site) -> Result<()> {
    let mut campaign = Campaign::new(site, campaign::seed())?;
    let first = site.up()?;
    campaign.apply(site)?;
    first.kill();
    for _ in 1..KILLS {
        campaign.live(site)?;
    }
    let mut last = site.up()?;
    campaign.rest(site, &mut last).await?;
    last.stop()?;
    let tally = campaign.check(&site.open_log()?).await?;
    eprintln!(
        "{tally:?}; {} of {} pushes acknowledged",
        campaign.acknowledged.len(),
        campaign.pushes
    );
    site.check_replay()
}

/// At rest after fifty kills at random moments of everything at once: no decision is lost or doubled, nothing that was
/// acknowledged is missing, no older order came after a newer one, and the replay agrees byte for byte.
#[tokio::test(flavor = "multi_thread")]
async fn fifty_kills_of_the_whole_process_lose_and_double_nothing() -> Result<()> {
    let mut site = Site::new()?;
    let result = killed_again_and_again(&mut site).await;
    site.tell(result)
}
