//! `headroom replay --verify`: every answer again, compared with the record byte for byte.

use crate::args::{Format, Replay};
use crate::config::Config;
use crate::{connect, exit, output};
use headroom_replay::verify;
use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

/// Replays, and says what differs.
pub(super) async fn run(config: &Config, args: &Replay) -> anyhow::Result<ExitCode> {
    let log = connect::reader(config, args.file.as_deref()).await?;
    let shown = std::io::stderr().is_terminal();
    let mut progress = |at: headroom_replay::verify::Progress| {
        if shown {
            let _ = write!(
                std::io::stderr(),
                "\rreplayed up to {} of {} ",
                at.seq,
                at.last
            );
        }
    };
    let report = verify(&*log, &mut progress).await?;
    match args.output.output {
        Format::Json => output::json(&report)?,
        Format::Table => {
            let details = report.details();
            if !details.is_empty() {
                output::line(details.trim_end())?;
            }
            output::line(&report.final_line())?;
        }
    }
    Ok(if report.verified() {
        ExitCode::SUCCESS
    } else {
        exit::found_wrong()
    })
}
