//! What outlives a log, and what must not: a pool of processes goes on under a new log, and an imported log is there to be
//! read only.

use anyhow::{Result, ensure};
use headroom_tests::{
    e2e::site::{Site, policy},
    servers::until,
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::{fs, path::PathBuf};

/// A site whose pool keeps its state beside the log.
fn site() -> Result<Site> {
    let site = Site::new()?;
    let pool = json!({
        "kind": "process",
        "namespace": "shop",
        "name": "web",
        "program": "sleep",
        "args": ["1000"],
        "state_directory": site.path("pools"),
        "grace_seconds": 1,
    });
    site.configure(&json!({"targets": [pool], "actuator": {"watch_ms": 200}}))?;
    Ok(site)
}

fn apply(site: &Site) -> Result<()> {
    let mut policy = policy("web", (0, 20), &json!({"source": "push"}));
    policy["spec"]["scaleTargetRef"]["kind"] = json!("Process");
    site.apply(&policy)
}

fn pool_file(site: &Site) -> PathBuf {
    site.path("pools/shop.web/pool.json")
}

/// Pushes a load, and waits until the pool has its count.
fn scale(site: &Site, load: &str, count: usize) -> Result<Value> {
    site.done(&["push", "shop/web", "load", load])?;
    until("the pool has its count", || {
        let pool: Value = serde_json::from_slice(&fs::read(pool_file(site)).ok()?).ok()?;
        let settled = pool["settled"] == json!(true) && pool["wanted"] == json!(count);
        (settled && pool["children"].as_array()?.len() == count).then_some(pool)
    })
}

/// Children outlive every service, but should not outlive a test that failed.
fn end_children(site: &Site) -> Result<()> {
    let pool: Value = serde_json::from_slice(&fs::read(pool_file(site))?)?;
    for child in pool["children"].as_array().into_iter().flatten() {
        let pid = child["process"]["pid"]
            .as_i64()
            .and_then(|pid| i32::try_from(pid).ok());
        if let Some(pid) = pid.and_then(Pid::from_raw) {
            kill_process(pid, Signal::KILL)?;
        }
    }
    Ok(())
}

fn a_second_life(site: &mut Site) -> Result<()> {
    let up = site.up()?;
    apply(site)?;
    scale(site, "30", 3)?;
    // The log grows well past where the next one will be when it orders for the first time.
    for load in 1..=30 {
        site.done(&["push", "shop/web", "other", &load.to_string()])?;
    }
    let before = scale(site, "40", 4)?;
    up.stop()?;
    fs::remove_dir_all(site.path("log"))?;

    let up = site.up()?;
    apply(site)?;
    let after = scale(site, "20", 2)?;
    ensure!(
        after["generation"].as_u64() < before["generation"].as_u64(),
        "the new log begins with low generations: {after} after {before}"
    );
    ensure!(after["log"] != before["log"], "{after} after {before}");
    ensure!(
        after["children"][0]["process"] == before["children"][0]["process"],
        "the oldest child runs on: {after} after {before}"
    );
    scale(site, "0", 0)?;
    up.stop()
}

#[test]
fn a_fresh_log_takes_over_the_pool_that_an_earlier_one_left() -> Result<()> {
    let mut site = site()?;
    let result = a_second_life(&mut site);
    if result.is_err() {
        end_children(&site)?;
    }
    site.tell(result)
}

#[test]
fn no_service_runs_on_an_imported_log() -> Result<()> {
    let mut site = site()?;
    let up = site.up()?;
    apply(&site)?;
    site.done(&["log", "export", "log.hr"])?;
    up.stop()?;
    fs::remove_dir_all(site.path("log"))?;
    site.done(&["log", "import", "log.hr"])?;

    let refused = site.run(&["up", "--listen", "127.0.0.1:0"])?;
    ensure!(refused.code == Some(1), "{refused:?}");
    ensure!(
        refused.stderr.contains("was imported, to be read"),
        "{refused:?}"
    );
    let refused = site.run(&["pause", "shop/web"])?;
    ensure!(refused.code == Some(1), "{refused:?}");
    ensure!(refused.stderr.contains("takes nothing more"), "{refused:?}");
    ensure!(site.done(&["get"])?.contains("shop/web"), "it is read");
    site.done(&["replay", "--verify"]).map(drop)
}
