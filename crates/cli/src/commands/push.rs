//! `headroom push`: one reading into the log.

use super::apply;
use crate::args::Push as Arguments;
use crate::config::{Config, LogConfig};
use crate::{connect, output};
use anyhow::Context as _;
use headroom_collector::{
    Push, Pusher, Status,
    push::{PushValue, ReplicaValues, nats},
};
use headroom_log::{Accepted, Log};
use headroom_model::WorkloadId;
use headroom_replay::sentences::counted;
use std::sync::Arc;

/// Writes one reading and says where it stands.
pub(super) async fn run(config: &Config, args: Arguments) -> anyhow::Result<()> {
    if args.workload.is_system() {
        anyhow::bail!(
            "{} names no workload; `headroom get` lists them",
            args.workload
        );
    }
    let (value, said) = match args.value {
        Some(value) => (PushValue::Total(value), format!("= {value}")),
        None => {
            let each = ReplicaValues::new(args.replicas).context("--replica")?;
            let said = format!("of {}", counted(each.count(), "replica"));
            (PushValue::PerReplica(each), said)
        }
    };
    let push = Push {
        source: args.source,
        metric: args.metric.clone(),
        value,
        at: args.at,
    };
    let accepted = give(config, &args.workload, push).await?;
    output::line(&format!(
        "{} {} {said} is event {}",
        args.workload, args.metric, accepted.seq
    ))
}

/// A reading that no policy can use is most likely one for a mistyped workload.
async fn warn_without_policy(log: &dyn Log, workload: &WorkloadId) -> anyhow::Result<()> {
    if !apply::in_force(log).await?.contains_key(workload) {
        output::warn(&format!(
            "no policy {workload} is in force, so nothing comes of this reading; `headroom get` lists those that are"
        ));
    }
    Ok(())
}

/// On NATS only collectors may write what was observed, so one is asked to; an embedded log has one owner for everything.
async fn give(config: &Config, workload: &WorkloadId, push: Push) -> anyhow::Result<Accepted> {
    if let LogConfig::Nats(settings) = &config.log {
        let client = headroom_log::nats::log_in(settings, &config.shard, "cli").await?;
        return Ok(nats::send(&client, &config.shard, workload, &push).await?);
    }
    let log = connect::user(config).await?;
    warn_without_policy(&*log, workload).await?;
    let status = Arc::new(Status::new(&prometheus::Registry::new())?);
    let pusher = Pusher::new(log, &config.sources, "cli", status)?;
    Ok(pusher.push(workload, push).await?)
}
