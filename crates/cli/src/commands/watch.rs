//! `headroom watch`: decisions as they are made.

use crate::args::{Format, Watch};
use crate::config::Config;
use crate::{connect, output, time};
use futures::TryStreamExt as _;
use headroom_log::{Entry, Filter, Place};
use headroom_model::{Body, Event, Kind, Seq};
use headroom_replay::sentences::decision_line;

/// Shows decisions until interrupted.
pub(super) async fn run(config: &Config, args: &Watch) -> anyhow::Result<()> {
    let log = match args.no_follow {
        true => connect::reader(config, None).await?,
        false => connect::follower(config).await?,
    };
    let filter = Filter {
        place: args.workload.clone().map(Place::Workload),
        ..Filter::kinds([Kind::Decided])
    };
    let from = match args.from {
        Some(seq) => Seq(seq),
        None => log.bounds().await?.last.next(),
    };
    let mut entries = if args.no_follow {
        log.read(from, filter).await?
    } else {
        log.follow(from, filter).await?
    };
    loop {
        let chunk = tokio::select! {
            chunk = entries.try_next() => chunk?,
            _ = tokio::signal::ctrl_c() => return Ok(()),
        };
        let Some(chunk) = chunk else { return Ok(()) };
        for entry in chunk {
            if let Entry::Event(record) = entry {
                show(&record.into_event()?, args.output.output)?;
            }
        }
    }
}

fn show(event: &Event, format: Format) -> anyhow::Result<()> {
    match (format, &event.body) {
        (Format::Json, _) => output::json_line(&event.to_json()),
        (Format::Table, Body::Decided(decided)) => output::line(&format!(
            "{} {:>8} {} {}",
            time::show(event.envelope.stamp),
            event.envelope.seq,
            event.envelope.subject,
            decision_line(decided)
        )),
        (Format::Table, other) => output::line(&format!(
            "{} {:>8} {} a decision of version {} that this build cannot read",
            time::show(event.envelope.stamp),
            event.envelope.seq,
            event.envelope.subject,
            other.version()
        )),
    }
}
