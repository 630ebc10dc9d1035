//! The actuator between a target's effect and its outcome, and beside a successor.

use anyhow::{Context as _, Result, ensure};
use futures::TryStreamExt as _;
use headroom_log::{Entry, Filter, Log, nats::NatsLog};
use headroom_model::{
    Body, Event, EventId, Generation, Kind, Seq, Service,
    body::{Actuated, Decision, Outcome},
};
use headroom_tests::{
    e2e::{
        brain::{Brain, EVERY, Seat},
        checks,
        holdable::{self, Applied},
        site::{Site, policy},
    },
    servers::{
        nats::{self, Node},
        until,
    },
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// What happens to one target when everything is killed.
struct Case {
    name: &'static str,
    /// The point at which its program is: `before` or `after` it takes the number.
    at: &'static str,
    idempotent: bool,
    read: bool,
    /// How the plan ends, how often its order is given, and how often it is carried out.
    want: (Outcome, usize, usize),
}

const CASES: [Case; 8] = [
    Case {
        name: "taken-and-told",
        at: "after",
        idempotent: false,
        read: true,
        want: (Outcome::Adopted, 1, 1),
    },
    Case {
        name: "taken-and-told-though-it-could-be-repeated",
        at: "after",
        idempotent: true,
        read: true,
        want: (Outcome::Adopted, 1, 1),
    },
    Case {
        name: "taken-and-repeated",
        at: "after",
        idempotent: true,
        read: false,
        want: (Outcome::Applied, 2, 2),
    },
    Case {
        name: "taken-and-nobody-knows",
        at: "after",
        idempotent: false,
        read: false,
        want: (Outcome::Unknown, 1, 1),
    },
    Case {
        name: "not-taken-and-repeated",
        at: "before",
        idempotent: true,
        read: true,
        want: (Outcome::Applied, 2, 1),
    },
    Case {
        name: "not-taken-and-repeated-blindly",
        at: "before",
        idempotent: true,
        read: false,
        want: (Outcome::Applied, 2, 1),
    },
    Case {
        name: "not-taken-and-perhaps-on-its-way",
        at: "before",
        idempotent: false,
        read: true,
        want: (Outcome::Unknown, 1, 0),
    },
    Case {
        name: "not-taken-and-nobody-knows",
        at: "before",
        idempotent: false,
        read: false,
        want: (Outcome::Unknown, 1, 0),
    },
];

/// The outcomes that ended the plan of the first order of a target.
fn ends(events: &[Event], name: &str) -> Option<(Generation, Vec<Outcome>)> {
    let of_target = || {
        events
            .iter()
            .filter(|event| event.envelope.subject.name() == name)
    };
    let generation = of_target().find_map(|event| match &event.body {
        Body::ActuationStarted(started) => Some(started.generation),
        _ => None,
    })?;
    let ended = of_target().filter_map(|event| match &event.body {
        Body::Actuated(actuated) if actuated.generation == generation => {
            Some(actuated.outcome.clone())
        }
        _ => None,
    });
    Some((generation, ended.collect()))
}

async fn killed_at_work(site: &mut Site) -> Result<()> {
    let targets: Result<Vec<_>> = CASES
        .iter()
        .map(|case| {
            let settings = holdable::target(&site.path(""), case.name, case.idempotent, case.read)?;
            site.write(&format!("{}/hold-{}", case.name, case.at), "")?;
            Ok(settings)
        })
        .collect();
    site.configure(&json!({"targets": targets?, "actuator": {"watch_ms": 200}}))?;
    let up = site.up()?;
    for case in &CASES {
        site.apply(&holdable::fixed(case.name, 3))?;
    }
    let point = |case: &Case| site.text(&format!("{}/at-{}", case.name, case.at));
    until("every program is at its point", || {
        CASES
            .iter()
            .all(|case| point(case).ends_with('\n'))
            .then_some(())
    })?;
    up.kill();
    for case in &CASES {
        if case.at == "before" {
            let program = point(case).trim().parse()?;
            kill_process(Pid::from_raw(program).context("no process")?, Signal::KILL)?;
        }
        std::fs::remove_file(site.path(&format!("{}/hold-{}", case.name, case.at)))?;
    }

    let up = site.up()?;
    let log = site.served_log();
    until("every target has a count that is known", || {
        let last = |case: &Case| holdable::applied(&site.path(case.name)).last().copied();
        CASES
            .iter()
            .all(|case| last(case).is_some_and(|order| order.count == 3))
            .then_some(())
    })?;
    let mut ended = 0;
    for _ in 0..600 {
        let events = checks::events(&log).await?;
        ended = CASES
            .iter()
            .filter(|case| ends(&events, case.name).is_some_and(|(_, ends)| !ends.is_empty()))
            .count();
        if ended == CASES.len() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    ensure!(ended == CASES.len(), "only {ended} plans ended");
    drop(log);
    up.stop()?;

    let log = site.open_log()?;
    let events = checks::events(&log).await?;
    for case in &CASES {
        let (generation, ends) = ends(&events, case.name).context("nothing was begun")?;
        let asked = holdable::asked(&site.path(case.name));
        let applied = holdable::applied(&site.path(case.name));
        let count = |orders: &[Applied]| {
            orders
                .iter()
                .filter(|order| order.generation == generation.0)
                .count()
        };
        let got = (ends, count(&asked), count(&applied));
        let (outcome, asks, takes) = &case.want;
        ensure!(
            got == (vec![outcome.clone()], *asks, *takes),
            "{}: {got:?}, asked {asked:?}",
            case.name
        );
    }
    checks::check_log(&log).await?;
    drop(log);
    site.check_replay()
}

/// What became of an order whose giver was killed: the target is asked, or told again, or nobody knows.
#[tokio::test(flavor = "multi_thread")]
async fn an_order_whose_giver_was_killed_ends_as_its_target_allows() -> Result<()> {
    let mut site = Site::new()?;
    let result = killed_at_work(&mut site).await;
    site.tell(result)
}

const ELDER: Seat = (Service::Actuator, 'a');
const HEIR: Seat = (Service::Actuator, 'b');

/// The services over NATS, with two actuators of which the first leads, and one target.
struct Pair {
    brain: Brain,
    target: PathBuf,
    log: NatsLog,
    folder: TempDir,
    _server: Node,
}

impl Pair {
    async fn start() -> Result<Option<Self>> {
        let Some(server) = nats::single("")? else {
            return Ok(None);
        };
        let folder = tempfile::tempdir()?;
        let settings = json!({
            "shard": "pair",
            "log": {"nats": {"urls": [server.url()], "replicas": 1, "request_timeout_ms": 3000}},
            "targets": [holdable::target(folder.path(), "web", true, true)?],
            "actuator": {"watch_ms": 200},
        });
        let mut brain = Brain::new(folder.path(), &settings)?;
        for service in EVERY {
            brain.start((service, 'a'))?;
        }
        brain.wait_ready()?;
        let policy = policy("web", (1, 20), &json!({"source": "push"}));
        let file = folder.path().join("policy.yaml");
        std::fs::write(&file, policy.to_string())?;
        brain.run(&["apply", "-f", path_text(&file)?])?;
        let log = NatsLog::connect(nats::settings(vec![server.url()], 1), "pair", "tests").await?;
        let mut pair = Self {
            brain,
            target: folder.path().join("web"),
            log,
            folder,
            _server: server,
        };
        pair.wait_for(ELDER, "working")?;
        pair.brain.start(HEIR)?;
        pair.wait_for(HEIR, "standby")?;
        Ok(Some(pair))
    }

    fn wait_for(&mut self, seat: Seat, phase: &str) -> Result<()> {
        let mut said = None;
        let reached = until("a phase", || {
            said = self.brain.readiness(seat);
            said.as_ref()
                .is_some_and(|(_, said)| said["phase"] == phase)
                .then_some(())
        });
        reached.with_context(|| format!("{seat:?} says {said:?}, not {phase}"))
    }

    fn pin(&self, count: u32) -> Result<()> {
        self.brain
            .run(&["override", "set", "shop/web", &count.to_string()])
            .map(drop)
    }

    fn wait_applied(&self, count: u32) -> Result<()> {
        until("an order is carried out", || {
            holdable::applied(&self.target)
                .last()
                .is_some_and(|order| order.count == count)
                .then_some(())
        })
    }

    /// Waits until the log has a successful outcome of each decision to scale but the last few that were superseded.
    async fn wait_ended(&self) -> Result<()> {
        for _ in 0..600 {
            if checks::check_log(&self.log).await.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        checks::check_log(&self.log).await.map(drop)
    }

    fn check_replay(&self) -> Result<()> {
        let verified = self.brain.run(&["replay", "--verify"])?;
        ensure!(verified.contains(" 0 differences"), "{verified}");
        Ok(())
    }

    fn tell(mut self, result: Result<()>) -> Result<()> {
        result.map_err(|error| {
            self.folder.disable_cleanup(true);
            error.context(format!(
                "{}\nall is kept in {}",
                self.brain.tails(),
                self.folder.path().display()
            ))
        })
    }
}

fn path_text(path: &Path) -> Result<&str> {
    path.to_str().context("temporary folders have plain names")
}

/// Who wrote the outcome of each order: generation and instance.
fn doers(events: &[Event]) -> Vec<(EventId, String)> {
    let outcome = |event: &Event| match &event.body {
        Body::Actuated(Actuated {
            decision,
            attempt: 1..,
            ..
        }) => Some((*decision, event.envelope.producer.instance.to_string())),
        _ => None,
    };
    events.iter().filter_map(outcome).collect()
}

async fn stopped_and_woken(pair: &mut Pair) -> Result<()> {
    std::fs::write(pair.target.join("hold-before"), "")?;
    pair.pin(5)?;
    let program = until("the first actuator's program is at work", || {
        let text = std::fs::read_to_string(pair.target.join("at-before")).ok()?;
        text.ends_with('\n').then(|| text.trim().to_owned())
    })?;
    // From here on only this one is held up.
    std::fs::write(pair.target.join(format!("hold-{program}")), "")?;
    std::fs::remove_file(pair.target.join("hold-before"))?;
    pair.brain.process(ELDER)?.signal(Signal::STOP)?;
    pair.wait_applied(5)?;
    pair.pin(8)?;
    pair.wait_applied(8)?;
    pair.wait_ended().await?;

    pair.brain.process(ELDER)?.signal(Signal::CONT)?;
    // Its program would still bring the old order about: the lease is lost, so it is ended.
    let cmdline = PathBuf::from(format!("/proc/{program}/cmdline"));
    until(
        "the program of the actuator that was stopped is ended",
        || {
            std::fs::read(&cmdline)
                .map_or(true, |text| text.is_empty())
                .then_some(())
        },
    )?;
    std::fs::remove_file(pair.target.join(format!("hold-{program}")))?;
    pair.wait_for(ELDER, "standby")?;
    pair.pin(4)?;
    pair.wait_applied(4)?;
    pair.wait_ended().await?;

    let counts = |orders: Vec<Applied>| orders.iter().map(|order| order.count).collect::<Vec<_>>();
    let applied = holdable::applied(&pair.target);
    ensure!(
        applied.is_sorted_by(|before, after| before.generation < after.generation),
        "{applied:?}"
    );
    ensure!(counts(applied) == [5, 8, 4]);
    ensure!(counts(holdable::asked(&pair.target)) == [5, 5, 8, 4]);
    let doers = doers(&checks::events(&pair.log).await?);
    ensure!(
        doers.iter().all(|(_, instance)| instance == "actuator-b"),
        "{doers:?}"
    );
    pair.check_replay()
}

/// An actuator that was stopped in the middle of an order, and wakes after its successor has given it and the next.
#[tokio::test(flavor = "multi_thread")]
async fn an_actuator_that_wakes_after_its_successor_has_acted_does_nothing() -> Result<()> {
    let Some(mut pair) = Pair::start().await? else {
        return Ok(());
    };
    let result = stopped_and_woken(&mut pair).await;
    pair.tell(result)
}

/// The heads of the actuators as (seq, instance, released), and the positions of the clock's ticks.
async fn heads_and_ticks(log: &NatsLog) -> Result<(Vec<(Seq, String, bool)>, Vec<Seq>)> {
    let filter = Filter {
        machines: vec![Service::Actuator],
        ..Filter::kinds([Kind::Ticked])
    };
    let chunks: Vec<_> = log.read(Seq(1), filter).await?.try_collect().await?;
    let (mut heads, mut ticks) = (Vec::new(), Vec::new());
    for entry in chunks.into_iter().flatten() {
        match entry {
            Entry::Head(placed) => {
                heads.push((placed.seq, placed.head.instance, placed.head.released))
            }
            Entry::Event(record) if record.envelope.kind == Kind::Ticked => {
                ticks.push(record.envelope.seq)
            }
            _ => {}
        }
    }
    Ok((heads, ticks))
}

async fn asked_to_stop(pair: &mut Pair) -> Result<()> {
    pair.brain.process(ELDER)?.stop()?;
    pair.wait_for(HEIR, "working")?;
    pair.pin(5)?;
    pair.wait_applied(5)?;
    pair.wait_ended().await?;
    let (heads, ticks) = heads_and_ticks(&pair.log).await?;
    let released = heads
        .iter()
        .position(|(_, _, released)| *released)
        .context("the lease was not released")?;
    let [(given_up, elder, _), (taken, heir, _)] = &heads[released..released + 2] else {
        anyhow::bail!("nobody took over");
    };
    ensure!(
        (elder.as_str(), heir.as_str()) == ("actuator-a", "actuator-b"),
        "{elder} and {heir}"
    );
    let waited = ticks
        .iter()
        .filter(|tick| *tick > given_up && *tick < taken)
        .count();
    ensure!(
        waited < 3,
        "the successor waited for {waited} ticks, as if the lease still ran"
    );
    let decided = checks::events(&pair.log).await?.into_iter().filter(|event| {
        matches!(&event.body, Body::Decided(decided) if matches!(decided.decision, Decision::Scale { .. }))
    });
    ensure!(decided.count() == 1, "one pin is one decision");
    pair.check_replay()
}

/// An actuator that is asked to stop gives its lease up, and its successor does not wait for it to run out.
#[tokio::test(flavor = "multi_thread")]
async fn the_successor_of_an_actuator_that_was_asked_to_stop_acts_at_once() -> Result<()> {
    let Some(mut pair) = Pair::start().await? else {
        return Ok(());
    };
    let result = asked_to_stop(&mut pair).await;
    pair.tell(result)
}
