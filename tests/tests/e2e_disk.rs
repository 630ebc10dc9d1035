//! `headroom up` whose log is on a disk that becomes full.

use anyhow::{Context as _, Result, ensure};
use headroom_model::WorkloadId;
use headroom_tests::{
    e2e::{
        checks,
        site::{Site, Up},
    },
    servers::{small_disk::SmallDisk, until},
};
use serde_json::json;
use std::process::Command;

/// Pushes until one is refused. Gives the positions that were acknowledged, and what was said in the end.
fn push_until_refused(site: &Site) -> Result<(Vec<u64>, String)> {
    let mut acknowledged = Vec::new();
    for number in 0..2000 {
        let ran = site.run(&["push", "shop/web", "load", &number.to_string()])?;
        if ran.code != Some(0) {
            return Ok((acknowledged, ran.stderr));
        }
        let seq = ran
            .stdout
            .split_whitespace()
            .next_back()
            .context("it says where")?;
        acknowledged.push(seq.parse()?);
    }
    anyhow::bail!("the disk is never full")
}

/// What `up` says of its services: on `/readyz`, or, if it has ended, in its log.
fn says(up: &mut Up) -> Option<String> {
    match up.readyz() {
        Some((200, _)) => None,
        Some((_, body)) => Some(body),
        None => (!up.alive()).then(|| up.logged()),
    }
}

async fn full(site: &mut Site) -> Result<()> {
    site.configure(&json!({}))?;
    let mut up = site.up()?;
    up.wait_ready()?;
    site.done(&["push", "shop/web", "load", "1"])?;
    // Whatever room is left goes to somebody else.
    let filler = site.path("log/filler");
    let _ = Command::new("dd")
        .args(["if=/dev/zero", "bs=4096"])
        .arg(format!("of={}", filler.display()))
        .output()?;
    let (acknowledged, refusal) = push_until_refused(site)?;
    eprintln!(
        "{} pushes were acknowledged; then: {refusal}",
        acknowledged.len()
    );
    ensure!(
        refusal.contains("disk is full") || refusal.contains("No space left"),
        "{refusal}"
    );
    let said = until("the services say that they cannot go on", || says(&mut up))?;
    eprintln!("up says {said}");
    ensure!(
        said.contains("disk is full") || said.contains("No space left"),
        "{said}"
    );
    ensure!(
        up.logged().contains("disk is full"),
        "nothing on standard error"
    );
    up.kill();

    std::fs::remove_file(filler)?;
    let mut up = site.up()?;
    up.wait_ready()?;
    site.done(&["push", "shop/web", "load", "2"])?;
    up.stop()?;
    let log = site.open_log()?;
    let events = checks::events(&log).await?;
    let web = WorkloadId::new("shop", "web")?;
    for seq in acknowledged {
        let kept = events
            .iter()
            .any(|event| event.envelope.seq.0 == seq && event.envelope.subject == web);
        ensure!(kept, "{seq} was acknowledged, and is not there");
    }
    drop(log);
    site.check_replay()
}

/// The disk of the log is full: that is said, and nothing that was acknowledged is lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_said_aloud_and_loses_nothing() -> Result<()> {
    let mut site = Site::new()?;
    let Some(disk) = SmallDisk::mount(48) else {
        return Ok(());
    };
    std::os::unix::fs::symlink(disk.path(), site.path("log"))?;
    let result = full(&mut site).await;
    drop(disk);
    site.tell(result)
}
