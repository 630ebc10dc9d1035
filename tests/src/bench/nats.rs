//! The row `nats`: the log on NATS, beside a bare client that publishes the very same messages.
//!
//! What the log publishes is overheard once by a plain subscriber. In every round the log writes its facts into a stream of
//! a fresh shard, and the bare client publishes what was overheard into that of another: the same subjects, headers and
//! bodies, ready made.

use super::fleet::{Fleet, producer};
use super::overheard::{Batch, Overheard, publish_batches, publish_singles};
use super::{Aim, Extent, Line, Spread, Unit};
use crate::servers::nats;
use anyhow::{Context as _, Result};
use futures::{StreamExt as _, TryStreamExt as _};
use headroom_log::nats::NatsLog;
use headroom_log::{Commit, Log as _};
use headroom_model::{
    Event, EventId, Head, Record, Replicas, Seq, Service, Span, Through, Timestamp,
    body::{Decided, Decision, Direction, Mode, RateLimit, StepTaken, TrailStep, Wish},
};
use std::time::Instant;

/// Observations of a round, and those of one append: as many as a collector sends together.
const OBSERVATIONS: (usize, usize) = (50_000, 2_000);
const BATCH: usize = 250;
/// Appends, and so acks, in flight.
const IN_FLIGHT: usize = 6;
/// Commits of a round, one after the other, and the decisions in each.
const COMMITS: (usize, usize) = (300, 20);
const OUTPUTS: usize = 50;
const WORKLOADS: usize = 1_000;

/// See [`super::ROWS`].
pub(super) async fn measure(extent: &Extent) -> Result<Vec<Line>> {
    let Some(server) = nats::single("")? else {
        return Ok(Vec::new());
    };
    let url = server.url();
    let observations = extent.of(OBSERVATIONS.0, OBSERVATIONS.1);
    let appends = appends(&url, observations, extent.rounds).await?;
    let commits = commits(&url, extent.of(COMMITS.0, COMMITS.1), extent.rounds).await?;
    Ok(vec![appends, commits])
}

async fn appends(url: &str, observations: usize, rounds: usize) -> Result<Line> {
    let facts = facts(observations);
    let heard = overhear(url, observations, async |log| {
        append(log, &facts).await.map(drop)
    })
    .await?;
    let (mut single, mut ours) = (vec![], vec![]);
    let rate = |seconds: f64| observations as f64 / seconds;
    for round in 0..rounds {
        let messages = heard.renamed("overheard", &format!("single-{round}"));
        single.push(rate(
            bare(
                url,
                &format!("single-{round}"),
                messages,
                async |client, batches| publish_singles(client, batches, IN_FLIGHT * BATCH).await,
            )
            .await?,
        ));
        let log = connect(url, &format!("ours-{round}")).await?;
        ours.push(rate(append(&log, &facts).await?));
        forget(&log).await?;
    }
    let what = format!(
        "append, NATS R1, against a bare client with {} acks in flight",
        IN_FLIGHT * BATCH
    );
    Ok(Line::new(what, Unit::Times, Spread::ratio(&ours, &single))
        .aim(Aim::AtLeast(0.8))
        .beside("headroom, facts", Unit::PerSecond, &ours)
        .beside("bare client", Unit::PerSecond, &single))
}

async fn commits(url: &str, commits: usize, rounds: usize) -> Result<Line> {
    let chain = chain(commits);
    let heard = overhear(url, commits * (OUTPUTS + 1), async |log| {
        commit(log, &chain).await.map(drop)
    })
    .await?;
    let (mut bare_rates, mut ours) = (vec![], vec![]);
    let rate = |seconds: f64| commits as f64 / seconds;
    for round in 0..rounds {
        let messages = heard.renamed("overheard", &format!("bare-{round}"));
        bare_rates.push(rate(
            bare(
                url,
                &format!("bare-{round}"),
                messages,
                async |client, batches| publish_batches(client, batches, 1).await,
            )
            .await?,
        ));
        let log = connect(url, &format!("ours-{round}")).await?;
        ours.push(rate(commit(&log, &chain).await?));
        forget(&log).await?;
    }
    let what = format!(
        "commits of a head and {OUTPUTS} decisions, NATS R1, against a bare client doing the same batches"
    );
    Ok(
        Line::new(what, Unit::Times, Spread::ratio(&ours, &bare_rates))
            .aim(Aim::AtLeast(0.8))
            .beside("headroom, commits", Unit::PerSecond, &ours)
            .beside("bare client", Unit::PerSecond, &bare_rates),
    )
}

async fn connect(url: &str, shard: &str) -> Result<NatsLog> {
    let settings = nats::settings(vec![url.to_owned()], 1);
    NatsLog::connect(settings, shard, "bench")
        .await
        .with_context(|| format!("opening the shard {shard}"))
}

/// What the log publishes while `work` is done.
async fn overhear(
    url: &str,
    messages: usize,
    work: impl AsyncFnOnce(&NatsLog) -> Result<()>,
) -> Result<Overheard> {
    let log = connect(url, "overheard").await?;
    let listener = connect(url, "listener").await?;
    let hearing = Overheard::listen(listener.client(), "overheard", messages).await?;
    work(&log).await?;
    let heard = hearing.await??;
    forget(&log).await?;
    Ok(heard)
}

/// The seconds that a bare client takes to publish into the stream of a fresh shard.
async fn bare(
    url: &str,
    shard: &str,
    batches: Vec<Batch>,
    publish: impl AsyncFnOnce(async_nats::Client, Vec<Batch>) -> Result<()>,
) -> Result<f64> {
    let log = connect(url, shard).await?;
    let started = Instant::now();
    publish(log.client(), batches).await?;
    let seconds = started.elapsed().as_secs_f64();
    forget(&log).await?;
    Ok(seconds)
}

/// Deletes every stream, so that no round carries the weight of those before.
async fn forget(log: &NatsLog) -> Result<()> {
    let context = async_nats::jetstream::new(log.client());
    let names: Vec<String> = context.stream_names().try_collect().await?;
    for name in names {
        context.delete_stream(name).await?;
    }
    Ok(())
}

async fn append(log: &NatsLog, facts: &[Vec<Record>]) -> Result<f64> {
    let facts = facts.to_vec();
    let started = Instant::now();
    let appends = futures::stream::iter(facts).map(|facts| log.append(facts));
    appends
        .buffered(IN_FLIGHT)
        .try_for_each(async |_| Ok(()))
        .await?;
    Ok(started.elapsed().as_secs_f64())
}

fn facts(count: usize) -> Vec<Vec<Record>> {
    let fleet = Fleet::of(WORKLOADS);
    let one = |index: usize| {
        let at = Timestamp(1_790_000_000_000 + (index as i64) * 15);
        fleet
            .noisy_observation(index % WORKLOADS, index / WORKLOADS, at)
            .to_record()
    };
    let all: Vec<_> = (0..count).map(one).collect();
    all.chunks(BATCH).map(<[Record]>::to_vec).collect()
}

async fn commit(log: &NatsLog, chain: &[Commit]) -> Result<f64> {
    let chain = chain.to_vec();
    let started = Instant::now();
    for commit in chain {
        log.commit(commit).await?;
    }
    Ok(started.elapsed().as_secs_f64())
}

/// Commits, each upon the one before, in an empty log.
fn chain(commits: usize) -> Vec<Commit> {
    let fleet = Fleet::of(WORKLOADS);
    let length = OUTPUTS as u64 + 1;
    let one = |number: u64| Commit {
        expected: Seq(number
            .checked_sub(1)
            .map_or(0, |before| 1 + before * length)),
        head: Some(Head {
            service: Service::Planner,
            instance: "bench".to_owned(),
            epoch: 1,
            behaviour: 1,
            through: Through::default(),
            commit_id: EventId::named(&format!("commit {number}")).0,
            outputs: OUTPUTS as u32,
            checkpoint: None,
            released: false,
        }),
        outputs: (0..OUTPUTS)
            .map(|index| decided(&fleet, number as usize * OUTPUTS + index))
            .collect(),
    };
    (0..commits as u64).map(one).collect()
}

/// A decision with a trail of the usual length.
fn decided(fleet: &Fleet, index: usize) -> Record {
    let (from, to) = (Replicas(2), Replicas(3));
    let input = EventId::named(&format!("input {index}"));
    let step = |before, after, step| TrailStep {
        before,
        after,
        step,
    };
    let body = Decided {
        revision: Seq(1),
        mode: Mode::Active,
        decision: Decision::Scale { from, to },
        wishes: vec![Wish {
            rule: "requests_per_second".to_owned(),
            replicas: Some(to),
            event: input,
            seq: Seq(index as u64),
        }],
        trail: vec![
            step(
                from,
                to,
                StepTaken::Joined {
                    winner: Some("requests_per_second".to_owned()),
                    unavailable: vec![],
                },
            ),
            step(
                to,
                to,
                StepTaken::Stabilized {
                    up_window: Span::ZERO,
                    down_window: Span::ZERO,
                    lowest: to,
                    highest: to,
                },
            ),
            step(
                to,
                to,
                StepTaken::Bounded {
                    minimum: Replicas(1),
                    maximum: Replicas(10),
                    rate_limit: Some(RateLimit {
                        direction: Direction::Up,
                        limit: Replicas(102),
                        policy: "Pods 100 per 1s".to_owned(),
                        used: Replicas(0),
                    }),
                },
            ),
            step(
                to,
                to,
                StepTaken::HardBounds {
                    minimum: Replicas(1),
                    maximum: Replicas(10),
                },
            ),
        ],
    };
    let id = EventId::derived(Service::Planner, input, 0);
    let subject = fleet.ids()[index % fleet.len()].clone();
    let event = Event::fact(
        id,
        subject,
        Timestamp(1_790_000_000_000),
        producer(Service::Planner),
        body.into(),
    );
    event.caused_by(input, Seq(index as u64), None).to_record()
}
