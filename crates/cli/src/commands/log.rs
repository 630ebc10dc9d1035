//! `headroom log export | import | check`.

use crate::args::{Format, LogCommand};
use crate::config::{Config, LogConfig};
use crate::{connect, exit, output};
use anyhow::bail;
use headroom_replay::check::check;
use headroom_replay::export::{Range, export};
use headroom_replay::file::FileLog;
use headroom_replay::import::import;
use std::path::Path;
use std::process::ExitCode;

/// Runs one of the three.
pub(super) async fn run(config: &Config, command: LogCommand) -> anyhow::Result<ExitCode> {
    match command {
        LogCommand::Export { file, from, to } => {
            let log = connect::user(config).await?;
            let exported = export(&*log, &file, &config.shard, Range { from, to }).await?;
            output::line(&format!(
                "{}: {} entries, {} to {}, with {} checkpoints",
                file.display(),
                exported.entries,
                exported.about.first,
                exported.about.last,
                exported.checkpoints
            ))?;
        }
        LogCommand::Import { file } => take_in(config, &file).await?,
        LogCommand::Check { file, output } => {
            return look(config, file.as_deref(), output.output).await;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn take_in(config: &Config, file: &Path) -> anyhow::Result<()> {
    let LogConfig::Embedded(embedded) = &config.log else {
        bail!(
            "a file is imported into an embedded log; set log.embedded in the configuration, or read the file itself with --log-file"
        );
    };
    let imported = import(&FileLog::open(file)?, &embedded.directory).await?;
    output::line(&format!(
        "{}: {} entries and {} checkpoints from {}",
        embedded.directory.display(),
        imported.entries,
        imported.checkpoints,
        file.display()
    ))
}

async fn look(config: &Config, file: Option<&Path>, format: Format) -> anyhow::Result<ExitCode> {
    let log = connect::reader(config, file).await?;
    let found = check(&*log).await?;
    match format {
        Format::Json => output::json(&found)?,
        Format::Table => {
            for (what, count) in &found.counts {
                output::line(&format!("{count:>10} {what}"))?;
            }
            for fault in &found.faults {
                output::line(&format!(
                    "{}..{}: {}",
                    fault.first, fault.last, fault.detail
                ))?;
            }
            let bounds = found.bounds;
            let end = if found.sound() {
                "nothing wrong".to_owned()
            } else {
                format!("{} faults", found.fault_count)
            };
            output::line(&format!(
                "{} to {}, {} heads: {end}",
                bounds.first, bounds.last, found.heads
            ))?;
        }
    }
    Ok(if found.sound() {
        ExitCode::SUCCESS
    } else {
        exit::found_wrong()
    })
}
