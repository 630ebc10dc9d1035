//! `headroom explain`: why this number, and why not another.

use crate::args::{Explain, Format};
use crate::config::Config;
use crate::{connect, output};
use headroom_model::Seq;
use headroom_replay::explain::{Which, explain, render};
use std::process::ExitCode;

/// Explains one decision.
pub(super) async fn run(config: &Config, args: &Explain) -> anyhow::Result<ExitCode> {
    let log = connect::reader(config, args.from.log_file.as_deref()).await?;
    let which = match (args.at, args.seq) {
        (Some(moment), _) => Which::At(moment),
        (None, Some(seq)) => Which::Seq(Seq(seq)),
        (None, None) => Which::Newest,
    };
    let explanation = explain(&*log, &args.workload, which).await?;
    match args.output.output {
        Format::Json => output::json(&explanation)?,
        Format::Table => output::line(render(&explanation).trim_end())?,
    }
    Ok(ExitCode::SUCCESS)
}
