//! The row `failover`: a planner is killed under load, and its standby goes on.

use super::fleet::Fleet;
use super::latency::{Load, Stand};
use super::stand::{Member, quiet};
use super::{Aim, Extent, Line, Spread, Unit};
use crate::servers::nats;
use anyhow::Result;
use futures::StreamExt as _;
use headroom_log::{Entry, Filter, Log};
use headroom_model::machine::Fold;
use headroom_model::{EventId, Kind, Machine as _, Seq, Service};
use headroom_planner::Planner;
use headroom_runtime::Phase;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// Workloads, each observed once a second; a twentieth of the observations wants a decision.
const WORKLOADS: (usize, usize) = (1_000, 100);
/// How long a pair of planners works before one is killed.
const CALM: (Duration, Duration) = (Duration::from_secs(3), Duration::from_millis(500));

/// See [`super::ROWS`].
pub(super) async fn measure(extent: &Extent) -> Result<Vec<Line>> {
    let Some(server) = nats::single("")? else {
        return Ok(Vec::new());
    };
    let fleet = Fleet::of(extent.of(WORKLOADS.0, WORKLOADS.1));
    let stand = Stand::without_planner(server.url(), fleet).await?;
    let mut leader = planner(&stand, 0).await?;
    stand.settle().await?;
    let (mut load, enough) = (Load::of(&stand), CancellationToken::new());
    let until = enough.clone();
    let loading = tokio::spawn(async move {
        while !until.is_cancelled() {
            load.run(1).await?;
        }
        anyhow::Ok(())
    });
    let mut seconds = Vec::new();
    for round in 1..=extent.rounds {
        leader.reaches(&Phase::Working).await?;
        let standby = planner(&stand, round).await?;
        standby.reaches(&Phase::Standby).await?;
        tokio::time::sleep(extent.of(CALM.0, CALM.1)).await;
        let killed = Instant::now();
        leader.kill().await;
        standby.reaches(&Phase::Working).await?;
        seconds.push(killed.elapsed().as_secs_f64());
        leader = standby;
    }
    enough.cancel();
    loading.await??;
    let last = quiet(&stand.log).await?;
    leader.reads(last_decision(&stand.log, last).await?).await?;
    let account = Account::of(&stand.log).await?;
    leader.stop().await?;
    stand.stop().await?;
    Ok(account.lines(&seconds))
}

async fn planner(stand: &Stand, number: usize) -> Result<Member> {
    let log = stand.connect("planner").await?;
    Ok(Member::start::<Planner>(log, &format!("planner-{number}")))
}

/// Where the last decision stands, at or before `last`.
async fn last_decision(log: &dyn Log, last: Seq) -> Result<Seq> {
    let head = log.head(Service::Planner).await?;
    Ok(head
        .map_or(Seq::ZERO, |placed| {
            Seq(placed.seq.0 + u64::from(placed.head.outputs))
        })
        .min(last))
}

/// What the log says of the planners' decisions.
struct Account {
    decisions: usize,
    doubled: usize,
    /// Decisions that are missing, that nothing asked for, or that are not what a planner answers.
    wrong: u64,
}

impl Account {
    async fn of(log: &dyn Log) -> Result<Self> {
        let filter = Filter {
            machines: vec![Service::Planner],
            ..Filter::kinds(Planner::inputs().iter().cloned())
        };
        let mut fold = Fold::<Planner>::default().audited();
        let (mut ids, mut decisions) = (BTreeSet::<EventId>::new(), 0);
        let mut entries = log.read(Seq(1), filter).await?;
        while let Some(chunk) = entries.next().await {
            for entry in chunk? {
                match entry {
                    Entry::Event(record) => {
                        if record.envelope.kind == Kind::Decided {
                            decisions += 1;
                            ids.insert(record.envelope.id);
                        }
                        fold.record(&record)?;
                    }
                    Entry::Head(placed) => fold.head(placed.seq, placed.stamp, &placed.head),
                    Entry::Damaged { detail, .. } => {
                        anyhow::bail!("a part of the log is damaged: {detail}")
                    }
                }
            }
        }
        let (_, audit) = fold.finish();
        Ok(Self {
            decisions,
            doubled: decisions - ids.len(),
            wrong: audit.difference_count,
        })
    }

    fn lines(&self, seconds: &[f64]) -> Vec<Line> {
        let bad = self.wrong as f64 + self.doubled as f64;
        vec![
            Line::new(
                "planner killed to its standby's first commit, NATS R1, under load",
                Unit::Seconds,
                Spread::of(seconds),
            )
            .aim(Aim::Below(2.0)),
            Line::new(
                "decisions lost, doubled or changed over all of these failovers",
                Unit::Count,
                Spread::of(&[bad]),
            )
            .aim(Aim::AtMost(0.0))
            .beside("decisions", Unit::Count, &[self.decisions as f64]),
        ]
    }
}
