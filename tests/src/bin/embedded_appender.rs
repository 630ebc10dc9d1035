//! Appends to the embedded log in the directory that is its first argument, as fast as it can, until it is killed; its
//! second argument makes its events different from those of other runs. For each request that was acknowledged it prints a
//! line: `facts FIRST COUNT LABEL` or `commit HEAD OUTPUTS LABEL`.

use anyhow::{Context as _, Result};
use headroom_log::Log;
use headroom_log::embedded::{EmbeddedLog, Settings};
use headroom_model::Service;
use headroom_tests::facts;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

/// How many facts the appends of each task have: small ones share a flush, large ones become blocks at once.
const SIZES: [u32; 5] = [1, 1, 7, 120, 2500];

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let dir = arguments
        .next()
        .context("the first argument is a directory")?;
    let run = arguments
        .next()
        .context("the second argument names the run")?;
    let log = Arc::new(EmbeddedLog::open(Path::new(&dir), &Settings::default())?);
    let mut tasks = tokio::task::JoinSet::new();
    for (task, size) in SIZES.into_iter().enumerate() {
        tasks.spawn(append(Arc::clone(&log), format!("{run}-{task}"), size));
    }
    tasks.spawn(commit(log, format!("{run}-commits")));
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(())
}

async fn append(log: Arc<EmbeddedLog>, name: String, size: u32) -> Result<()> {
    for number in 0.. {
        let label = format!("{name}-{number}");
        let facts = (0..size)
            .map(|index| facts::observed(&label, index))
            .collect();
        let accepted = log.append(facts).await?;
        say(&format!("facts {} {size} {label}", accepted[0].seq))?;
    }
    Ok(())
}

async fn commit(log: Arc<EmbeddedLog>, name: String) -> Result<()> {
    for number in 0_u32.. {
        let (label, count) = (format!("{name}-{number}"), number % 37);
        let outputs = (0..count).map(|index| facts::output(Service::Planner, &label, index));
        let before = log.head(Service::Planner).await?;
        let commit = facts::commit(Service::Planner, &label, before.as_ref(), outputs.collect());
        let head = log.commit(commit).await?.at;
        say(&format!("commit {head} {count} {label}"))?;
    }
    Ok(())
}

/// Prints one line at once, whole.
fn say(line: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(format!("{line}\n").as_bytes())?;
    Ok(stdout.flush()?)
}
