//! Prints every decision in the log, then each new one.

use anyhow::Context as _;
use async_nats::jetstream::{self, consumer::pull::OrderedConfig};
use futures::TryStreamExt as _;
use headroom_model::body::{Decided, Mode};
use std::{env, io::Write as _};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let mut arguments = env::args().skip(1);
    let url = arguments.next().unwrap_or("nats://127.0.0.1:4222".into());
    let shard = arguments.next().unwrap_or("main".into());
    let jetstream = jetstream::new(async_nats::connect(url).await?);
    let stream = format!("HEADROOM_{shard}");
    let log = jetstream.get_stream_no_info(stream).await?;
    let wanted = OrderedConfig {
        filter_subject: format!("headroom.v1.{shard}.planner.decided.>"),
        ..OrderedConfig::default()
    };
    let mut decisions = log.create_consumer(wanted).await?.messages().await?;
    while let Some(message) = decisions.try_next().await? {
        let decided: Decided = rmp_serde::from_slice(&message.payload)?;
        let headers = message.headers.as_ref().context("it has no headers")?;
        let workload = headers.get("ce-subject").context("it has no subject")?;
        let info = message.info().map_err(anyhow::Error::from_boxed)?;
        let mode = match decided.mode {
            Mode::Active => "active",
            Mode::Shadow => "shadow",
        };
        let choice = serde_json::to_string(&decided.decision)?;
        let line = format!("{} {workload} {mode} {choice}", info.stream_sequence);
        writeln!(std::io::stdout(), "{line}")?;
    }
    Ok(())
}
