//! `headroom history`: what happened to a workload.

use crate::args::{Format, History};
use crate::config::Config;
use crate::{connect, output};
use headroom_replay::history::{history, render};
use std::process::ExitCode;

/// Lists what happened, oldest first.
pub(super) async fn run(config: &Config, args: &History) -> anyhow::Result<ExitCode> {
    let log = connect::reader(config, args.from.log_file.as_deref()).await?;
    let end = log.bounds().await?.last_stamp;
    let since = args.since.map(|moment| moment.seen_from(end));
    let rows = history(&*log, &args.workload, since, args.limit).await?;
    match args.output.output {
        Format::Json => rows.iter().try_for_each(output::json_line)?,
        Format::Table if rows.is_empty() => {
            output::line(&format!("nothing happened to {}", args.workload))?
        }
        Format::Table => output::line(render(&rows).trim_end())?,
    }
    Ok(ExitCode::SUCCESS)
}
