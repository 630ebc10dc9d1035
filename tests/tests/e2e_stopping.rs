//! Services that are asked to stop amid an order, and services whose log has gone away: real processes over real NATS.

use anyhow::{Context as _, Result, ensure};
use futures::TryStreamExt as _;
use headroom_log::{Entry, Filter, Log, nats::NatsLog};
use headroom_model::{Body, Seq, Service, body::Outcome};
use headroom_tests::{
    e2e::{
        brain::{Brain, EVERY, Seat},
        checks, holdable,
    },
    servers::{
        nats::{self, Node},
        until,
    },
};
use rustix::process::Signal;
use serde_json::json;
use std::time::Duration;
use tempfile::TempDir;

const ACTUATOR: Seat = (Service::Actuator, 'a');

/// One process of each service over NATS, and a target that can neither be asked nor told twice.
struct Stage {
    brain: Brain,
    folder: TempDir,
    server: Node,
}

impl Stage {
    /// Checkpoints are as rare as they are by default: they must not be what notices an outage.
    fn set() -> Result<Option<Self>> {
        let Some(server) = nats::single("")? else {
            return Ok(None);
        };
        let folder = tempfile::tempdir()?;
        let settings = json!({
            "shard": "stopping",
            "log": {"nats": {"urls": [server.url()], "replicas": 1}},
            "targets": [holdable::target(folder.path(), "web", false, false)?],
        });
        let mut brain = Brain::new(folder.path(), &settings)?;
        for service in EVERY {
            brain.start((service, 'a'))?;
        }
        brain.wait_ready()?;
        Ok(Some(Self {
            brain,
            folder,
            server,
        }))
    }

    fn tell(mut self, result: Result<()>) -> Result<()> {
        result.map_err(|error| {
            self.folder.disable_cleanup(true);
            let kept = self.folder.path().display();
            error.context(format!("{}\nall is kept in {kept}", self.brain.tails()))
        })
    }
}

/// The heads of the actuator: positions, and whether each gives the machine up.
async fn heads(log: &NatsLog) -> Result<Vec<(Seq, bool)>> {
    let filter = Filter {
        machines: vec![Service::Actuator],
        ..Filter::default()
    };
    let chunks: Vec<_> = log.read(Seq(1), filter).await?.try_collect().await?;
    let head = |entry| match entry {
        Entry::Head(placed) if placed.head.service == Service::Actuator => {
            Some((placed.seq, placed.head.released))
        }
        _ => None,
    };
    Ok(chunks.into_iter().flatten().filter_map(head).collect())
}

async fn asked_to_stop_amid_an_order(stage: &mut Stage) -> Result<()> {
    let target = stage.folder.path().join("web");
    std::fs::write(target.join("hold-before"), "")?;
    let policy = stage.folder.path().join("policy.yaml");
    std::fs::write(&policy, holdable::fixed("web", 3).to_string())?;
    let policy = policy
        .to_str()
        .context("temporary folders have plain names")?;
    stage.brain.run(&["apply", "-f", policy])?;
    until("the program is at work", || {
        std::fs::read_to_string(target.join("at-before")).ok()
    })?;
    stage.brain.process(ACTUATOR)?.signal(Signal::TERM)?;

    let settings = nats::settings(vec![stage.server.url()], 1);
    let log = NatsLog::connect(settings, "stopping", "tests").await?;
    let before = heads(&log).await?.len();
    for _ in 0..600 {
        // One a second, so these are longer than a lease.
        if heads(&log).await?.len() >= before + 4 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    ensure!(heads(&log).await?.len() >= before + 4, "the lease ran out");
    ensure!(stage.brain.process(ACTUATOR)?.ended().is_none());
    std::fs::remove_file(target.join("hold-before"))?;
    let ended = until("the actuator has ended", || {
        stage.brain.process(ACTUATOR).ok()?.ended()
    })?;
    ensure!(ended.success(), "{ended}");

    let events = checks::events(&log).await?;
    let outcomes: Vec<_> = events
        .iter()
        .filter_map(|event| match &event.body {
            Body::Actuated(actuated) => Some((event.envelope.seq, &actuated.outcome)),
            _ => None,
        })
        .collect();
    let [(told, Outcome::Applied)] = outcomes[..] else {
        anyhow::bail!("{outcomes:?}");
    };
    let last = heads(&log).await?.last().copied();
    ensure!(
        last.is_some_and(|(seq, released)| released && seq > told),
        "{last:?}, and the outcome stands at {told}"
    );
    ensure!(holdable::asked(&target).len() == 1 && holdable::applied(&target).len() == 1);
    let verified = stage.brain.run(&["replay", "--verify"])?;
    ensure!(verified.contains(" 0 differences"), "{verified}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_actuator_that_is_asked_to_stop_sees_its_order_to_the_end() -> Result<()> {
    let Some(mut stage) = Stage::set()? else {
        return Ok(());
    };
    let result = asked_to_stop_amid_an_order(&mut stage).await;
    stage.tell(result)
}

/// Waits until every process says that it waits, or that it does not.
fn wait_for(brain: &Brain, waiting: bool) -> Result<()> {
    for seat in brain.seats() {
        let mut said = None;
        let says = until("everyone says how the log is", || {
            said = brain.readiness(seat);
            let (status, said) = said.as_ref()?;
            let waits = *status == 503 && said["phase"] == "waiting";
            let ready = *status == 200;
            (if waiting { waits } else { ready }).then_some(())
        });
        says.with_context(|| format!("{seat:?} says {said:?}"))?;
    }
    Ok(())
}

fn cut_off(stage: &mut Stage) -> Result<()> {
    for service in EVERY {
        stage.brain.start((service, 'b'))?;
    }
    stage.brain.wait_ready()?;
    stage.server.kill();
    wait_for(&stage.brain, true)?;
    stage.server.start()?;
    wait_for(&stage.brain, false)?;
    stage.brain.check_alive()
}

/// Nothing is asked of the services meanwhile: no policy, no reading, no checkpoint.
#[tokio::test(flavor = "multi_thread")]
async fn services_and_their_standbys_wait_while_nats_is_down_though_they_have_nothing_to_do()
-> Result<()> {
    let Some(mut stage) = Stage::set()? else {
        return Ok(());
    };
    let result = cut_off(&mut stage);
    stage.tell(result)
}
