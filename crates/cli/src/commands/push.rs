//! `headroom push`: one reading into the log.

use crate::args::Push as Arguments;
use crate::config::Config;
use crate::{connect, output};
use headroom_collector::{Push, Pusher, Status};
use std::sync::Arc;

/// Writes one reading and says where it stands.
pub(super) async fn run(config: &Config, args: Arguments) -> anyhow::Result<()> {
    let log = connect::user(config).await?;
    let status = Arc::new(Status::new(&prometheus::Registry::new())?);
    let pusher = Pusher::new(log, &config.sources, "cli", status)?;
    let push = Push {
        source: args.source,
        at: args.at,
        ..Push::new(&args.metric, args.value)
    };
    let accepted = pusher.push(&args.workload, push).await?;
    output::line(&format!(
        "{} {} = {} is event {}",
        args.workload, args.metric, args.value, accepted.seq
    ))
}
