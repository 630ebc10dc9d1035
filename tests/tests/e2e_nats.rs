//! The services as processes over one real NATS server, fed by a real Prometheus: killed again and again, without their
//! log, and with a standby.

use anyhow::{Context as _, Result, ensure};
use headroom_log::Filter;
use headroom_model::{Kind, Seq, Service};
use headroom_tests::{
    e2e::{
        brain::EVERY,
        campaign::{fight, seed},
        checks,
        stage::Stage,
    },
    facts::{events, everything},
    servers::{PATIENCE, nats, until},
};
use std::time::Duration;

/// Ten rounds for the five services alone and in pairs, then six for all of them.
const ROUNDS: usize = 16;

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_killed_nothing_is_lost_doubled_or_out_of_order() -> Result<()> {
    let Some(mut server) = nats::single("")? else {
        return Ok(());
    };
    let seed = seed();
    let Some(mut stage) = Stage::set(vec![server.url()], 1, seed)? else {
        return Ok(());
    };
    let fought = fight(&mut stage.brain, ROUNDS, seed, |_| Ok(())).await;
    stage.tell(fought)?;
    let rested = stage.come_to_rest().await;
    stage.tell(rested)?;
    let held = stage.check(0, 20).await;
    stage.tell(held)?;
    let elsewhere = stage.check_elsewhere(|| server.kill());
    stage.tell(elsewhere)
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_log_services_say_so_and_go_on_when_it_is_back() -> Result<()> {
    let Some(mut server) = nats::single("")? else {
        return Ok(());
    };
    let Some(mut stage) = Stage::set(vec![server.url()], 1, seed())? else {
        return Ok(());
    };
    tokio::time::sleep(Duration::from_secs(15)).await;
    server.stop()?;
    let said = say_so(&stage);
    stage.tell(said)?;
    tokio::time::sleep(Duration::from_secs(10)).await;
    server.start()?;
    let back = stage.brain.wait_ready();
    stage.tell(back)?;
    tokio::time::sleep(Duration::from_secs(15)).await;
    let rested = stage.come_to_rest().await;
    stage.tell(rested)?;
    let held = stage.check(1, 6).await;
    let tally = stage.tell(held)?;
    ensure!(
        tally.log_unavailable >= 1,
        "collectors say that nothing was scraped: {tally:?}"
    );
    Ok(())
}

/// Every service says that it cannot do its part, and why.
fn say_so(stage: &Stage) -> Result<()> {
    for service in EVERY {
        let mut said = None;
        let waiting = until("a service that misses its log", || {
            said = stage.brain.readiness((service, 'a'));
            let (status, phase) = said.as_ref()?;
            let reason = phase["reason"].as_str().unwrap_or_default();
            (*status == 503
                && phase["phase"] == "waiting"
                && reason.contains("the log is out of reach"))
            .then_some(())
        });
        waiting.with_context(|| format!("{service} says {said:?}"))?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_goes_on_when_its_leader_is_killed() -> Result<()> {
    let Some(server) = nats::single("")? else {
        return Ok(());
    };
    let Some(mut stage) = Stage::set(vec![server.url()], 1, seed())? else {
        return Ok(());
    };
    stage.brain.start((Service::Planner, 'b'))?;
    let taken = take_over(&mut stage).await;
    stage.tell(taken)?;
    let rested = stage.come_to_rest().await;
    stage.tell(rested)?;
    let held = stage.check(0, 4).await;
    stage.tell(held).map(drop)
}

/// Twice, so that each planner leads once: whoever comes back stands by.
async fn take_over(stage: &mut Stage) -> Result<()> {
    for (leader, standby) in [('a', 'b'), ('b', 'a')] {
        for (letter, phase) in [(leader, "working"), (standby, "standby")] {
            let seat = (Service::Planner, letter);
            let settled = || (stage.brain.readiness(seat)?.1["phase"] == phase).then_some(());
            until(phase, settled).with_context(|| format!("planner-{letter} is not {phase}"))?;
        }
        wait_for_a_decision_of(stage, leader).await?;
        stage.brain.kill((Service::Planner, leader));
        wait_for_a_decision_of(stage, standby).await?;
        stage.brain.start((Service::Planner, leader))?;
    }
    Ok(())
}

/// Waits for a new decision of this planner.
async fn wait_for_a_decision_of(stage: &Stage, letter: char) -> Result<()> {
    let log = stage.log().await?;
    let before = checks::newest_change(&log).await?.unwrap_or(Seq::ZERO);
    let name = format!("planner-{letter}");
    let decided = async {
        loop {
            let entries = everything(&log, Filter::kinds([Kind::Decided])).await;
            let mut new = events(&entries)
                .into_iter()
                .filter(|record| record.envelope.seq > before);
            if new.any(|record| *record.envelope.producer.instance == *name) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, decided)
        .await
        .with_context(|| format!("{name} does not decide"))
}
