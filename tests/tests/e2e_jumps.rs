//! A clock that is put back, or jumps ahead, under an embedded log: readings are obeyed again by themselves.

use anyhow::{Result, ensure};
use headroom_model::Kind;
use headroom_tests::{
    e2e::{
        checks, holdable,
        site::{Site, Up, fake_clock, policy},
        story::{of_kind, scaled, wait},
    },
    servers::{PATIENCE, until, wanted},
};
use serde_json::json;
use std::time::{Duration, Instant};

/// So far ahead is the clock: more than the freshness of readings, and not more than a test can wait for.
const AHEAD: &str = "+12s";

fn prepare() -> Result<Option<Site>> {
    if wanted("faketime").is_none() {
        return Ok(None);
    }
    let site = Site::new()?;
    let target = holdable::target(&site.path(""), "web", true, true)?;
    site.configure(&json!({"targets": [target], "actuator": {"watch_ms": 200}}))?;
    Ok(Some(site))
}

fn apply(site: &Site) -> Result<()> {
    let from = json!({"source": "push", "interval": "2s", "freshness": "4s"});
    site.apply(&policy("web", (1, 20), &from))
}

/// Pushes a load that was read by a clock that is off by `offset`.
fn push(site: &Site, load: u32, offset: Option<&str>) -> Result<()> {
    let mut push = site.command(&["push", "shop/web", "load", &load.to_string()]);
    if let Some(offset) = offset {
        fake_clock(&mut push, offset)?;
    }
    ensure!(push.output()?.status.success(), "a push is taken");
    Ok(())
}

/// Pushes a load again and again until it has become a decision.
async fn push_until(site: &Site, load: u32, offset: Option<&str>, decided: &[u32]) -> Result<()> {
    let since = Instant::now();
    let log = site.served_log();
    loop {
        push(site, load, offset)?;
        let counts = scaled(&checks::events(&log).await?);
        if counts == decided {
            return Ok(());
        }
        ensure!(since.elapsed() < PATIENCE, "{counts:?} is not {decided:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn says_so(up: &Up) -> bool {
    up.readyz().is_some_and(|(status, body)| {
        status == 503 && body.contains("ahead of this machine's clock")
    })
}

async fn put_back(site: &mut Site) -> Result<()> {
    let up = site.up_under(Some(AHEAD))?;
    apply(site)?;
    push_until(site, 50, Some(AHEAD), &[5]).await?;
    up.stop()?;

    let mut up = site.up()?;
    until("readyz says it", || says_so(&up).then_some(()))?;
    let log = site.served_log();
    // What is read now is older than the log's time: neither fewer nor more are decided on.
    for load in [10, 200] {
        push(site, load, None)?;
    }
    let ticks = of_kind(&checks::events(&log).await?, &Kind::Ticked);
    let events = wait(&log, "two ticks", |events| {
        (of_kind(events, &Kind::Ticked) >= ticks + 2).then(|| events.to_vec())
    })
    .await?;
    ensure!(scaled(&events) == [5], "{:?}", scaled(&events));
    push_until(site, 70, None, &[5, 7]).await?;
    up.wait_ready()?;
    drop(log);
    up.stop()?;
    checks::check_log(&site.open_log()?).await?;
    site.check_replay()
}

/// Without an end to it, one start under a clock that is ahead would make every later reading late for good.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_opened_under_a_clock_ahead_recovers_when_the_clock_is_right() -> Result<()>
{
    let Some(mut site) = prepare()? else {
        return Ok(());
    };
    let result = put_back(&mut site).await;
    site.tell(result)
}

async fn jump_ahead(site: &mut Site) -> Result<()> {
    site.write("offset", "+0")?;
    let offset = site.path("offset");
    let up = site.up_as(|command| {
        fake_clock(command, "+0")?;
        command
            .env_remove("FAKETIME")
            .env("FAKETIME_TIMESTAMP_FILE", &offset)
            .env("FAKETIME_NO_CACHE", "1");
        Ok(())
    })?;
    apply(site)?;
    push_until(site, 50, None, &[5]).await?;
    site.write("offset", "+1h")?;
    push_until(site, 70, Some("+1h"), &[5, 7]).await?;
    up.stop()?;
    site.check_replay()
}

/// As after a suspension, or when the machine learns the time.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_ahead_is_followed() -> Result<()> {
    let Some(mut site) = prepare()? else {
        return Ok(());
    };
    let result = jump_ahead(&mut site).await;
    site.tell(result)
}
