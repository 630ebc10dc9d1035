//! `headroom log`: carries the log away, brings it back, and looks it over.

use crate::args::{Format, LogCommand};
use crate::config::{Config, LogConfig};
use crate::{connect, exit, output};
use anyhow::Context as _;
use headroom_model::Seq;
use headroom_replay::check::{Check, check};
use headroom_replay::export::{Range, export};
use headroom_replay::file::FileLog;
use headroom_replay::import::import;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Runs one of them.
pub(super) async fn run(config: &Config, command: LogCommand) -> anyhow::Result<ExitCode> {
    match command {
        LogCommand::Export { file, from, to } => {
            carry_away(config, &file, Range { from, to }).await
        }
        LogCommand::Import { file } => bring_back(config, &file).await,
        LogCommand::Check { file, output } => look_over(config, file, output.output).await,
    }
}

async fn carry_away(config: &Config, path: &Path, range: Range) -> anyhow::Result<ExitCode> {
    let log = connect::reader(config, None).await?;
    let exported = export(&*log, path, &config.shard, range).await?;
    let about = &exported.about;
    if about.first < about.asked_first {
        output::line(&format!(
            "begins at {} and not at {}, so that it can be replayed from checkpoints",
            about.first, about.asked_first
        ))?;
    }
    output::line(&format!(
        "{}: {} entries, seq {} to {}, {} checkpoints",
        path.display(),
        exported.entries,
        about.first,
        about.last,
        exported.checkpoints
    ))?;
    if exported.damaged == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    output::line(&format!(
        "{} parts of the log are damaged; `headroom log check` names them",
        exported.damaged
    ))?;
    Ok(exit::found_wrong())
}

async fn bring_back(config: &Config, path: &Path) -> anyhow::Result<ExitCode> {
    let LogConfig::Embedded(embedded) = &config.log else {
        anyhow::bail!(
            "a log on NATS cannot be imported into: the server would give every event a new time, and decisions were made by \
             the old ones; use an embedded log (`log: {{ embedded: {{ directory: … }} }}`), or read the file itself with \
             `explain --log-file`, `history --log-file` and `replay --verify FILE`"
        );
    };
    let file = FileLog::open(path)?;
    let imported = import(&file, &embedded.directory)
        .await
        .with_context(|| format!("cannot import {}", path.display()))?;
    output::line(&format!(
        "{}: {} entries, seq {} to {}, {} checkpoints; an archive, to be read: it takes nothing more, and no service starts on it",
        embedded.directory.display(),
        imported.entries,
        imported.about.first,
        imported.about.last,
        imported.checkpoints
    ))?;
    for part in &imported.damaged {
        output::line(&format!(
            "damaged, and left out: byte {}: {}",
            part.offset, part.detail
        ))?;
    }
    Ok(if imported.damaged.is_empty() {
        ExitCode::SUCCESS
    } else {
        exit::found_wrong()
    })
}

async fn look_over(
    config: &Config,
    path: Option<PathBuf>,
    format: Format,
) -> anyhow::Result<ExitCode> {
    let found = match path {
        None => check(&*connect::reader(config, None).await?).await?,
        Some(path) => {
            let file = FileLog::open(&path)?;
            let mut found = check(&file).await?;
            for part in file.damaged() {
                found.fault(
                    Seq::ZERO,
                    Seq::ZERO,
                    format!("byte {} of the file: {}", part.offset, part.detail),
                );
            }
            found
        }
    };
    match format {
        Format::Json => output::json(&found)?,
        Format::Table => tell(&found)?,
    }
    Ok(if found.sound() {
        ExitCode::SUCCESS
    } else {
        exit::found_wrong()
    })
}

fn tell(found: &Check) -> anyhow::Result<()> {
    let rows = found
        .counts
        .iter()
        .map(|(name, count)| vec![name.clone(), count.to_string()]);
    output::table(&["EVENTS OF", "COUNT"], rows.collect())?;
    for fault in &found.faults {
        let place = match (fault.first, fault.last) {
            (Seq::ZERO, _) => String::new(),
            (first, last) if first == last => format!("seq {first}: "),
            (first, last) => format!("seq {first} to {last}: "),
        };
        output::line(&format!("{place}{}", fault.detail))?;
    }
    if found.unknown > 0 {
        output::line(&format!(
            "{} events are of a kind or version that this build does not know",
            found.unknown
        ))?;
    }
    output::line(&format!(
        "{} events and {} commits, seq {} to {}: {}",
        found.events,
        found.heads,
        found.bounds.first,
        found.bounds.last,
        match found.fault_count {
            0 => "nothing is wrong".to_owned(),
            faults => format!("{faults} faults"),
        }
    ))
}
