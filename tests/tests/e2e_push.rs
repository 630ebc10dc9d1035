//! Readings of single replicas, handed in by hand: what a rule of replicas makes of them, end to end.

use anyhow::{Context as _, Result, ensure};
use headroom_model::Kind;
use headroom_tests::e2e::{
    checks, holdable,
    site::{Site, policy},
    story::{of_kind, scaled, wait},
};
use serde_json::{Value, json};

/// A replica for every 10 of `rps`, which each replica has of its own, and which nobody is asked for.
fn of_replicas() -> Value {
    let mut policy = policy("web", (1, 20), &Value::Null);
    policy["spec"]["metrics"] = json!([{
        "type": "Pods",
        "pods": {"metric": {"name": "rps"}, "target": {"averageValue": "10"}},
    }]);
    policy
}

/// Pushes a number for each of `web-0`, `web-1` and so on.
fn push(site: &Site, values: &[f64]) -> Result<String> {
    let replica = |(number, value): (usize, &f64)| format!("--replica=web-{number}={value}");
    let flags: Vec<_> = values.iter().enumerate().map(replica).collect();
    let flags = flags.iter().map(String::as_str);
    let line: Vec<_> = ["push", "shop/web", "rps"]
        .into_iter()
        .chain(flags)
        .collect();
    site.done(&line)
}

/// Pushes that are refused, with the exit code and what is said.
fn refused(site: &Site) -> Result<()> {
    let long = format!("--replica={}=1", "x".repeat(254));
    let many: Vec<_> = (0..5001)
        .map(|number| format!("--replica=r{number}=1"))
        .collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    let cases: [(&str, &[&str], i32, &str); 9] = [
        ("nothing", &[], 2, "<VALUE|--replica <NAME=NUMBER>>"),
        ("both", &["1", "--replica=a=1"], 2, "cannot be used with"),
        ("no number", &["--replica=a"], 2, "write NAME=NUMBER"),
        ("a word", &["--replica=a=b"], 2, "\"b\" is no number"),
        ("NaN", &["--replica=a=NaN"], 1, "NaN of replica \"a\""),
        (
            "no name",
            &["--replica==1"],
            1,
            "1 to 253 bytes, this one has 0",
        ),
        ("a long name", &[&long], 1, "this one has 254"),
        (
            "one twice",
            &["--replica=a=1", "--replica=a=2"],
            1,
            "\"a\" is named twice",
        ),
        ("too many", &many, 1, "more than 5000 replicas"),
    ];
    for (name, rest, code, says) in cases {
        let ran = site.run(&[&["push", "shop/web", "rps"], rest].concat())?;
        ensure!(
            ran.code == Some(code) && ran.stdout.is_empty(),
            "{name}: {ran:?}"
        );
        ensure!(ran.stderr.contains(says), "{name}: {ran:?}");
    }
    Ok(())
}

async fn scales(site: &mut Site) -> Result<()> {
    let target = holdable::target(&site.path(""), "web", true, true)?;
    site.configure(&json!({"targets": [target], "actuator": {"watch_ms": 200}}))?;
    let up = site.up()?;
    site.apply(&of_replicas())?;
    let log = site.served_log();
    wait(&log, "the target is known", |events| {
        (of_kind(events, &Kind::Drifted) == 1).then_some(())
    })
    .await?;
    let says = push(site, &[12.0, 30.0])?;
    ensure!(
        says.starts_with("shop/web rps of 2 replicas is event "),
        "{says}"
    );
    wait(&log, "five replicas", |events| {
        (scaled(events) == [5] && of_kind(events, &Kind::Verified) == 1).then_some(())
    })
    .await?;
    let why = site.done(&["explain", "shop/web"])?;
    ensure!(why.contains("rps = 21 against 10, fresh"), "{why}");

    let before = of_kind(&checks::events(&log).await?, &Kind::Observed);
    refused(site)?;
    // What says nothing of the others takes none of them away.
    push(site, &[1.0])?;
    site.done(&["push", "shop/web", "rps", "1"])?;
    let ticks = of_kind(&checks::events(&log).await?, &Kind::Ticked);
    let events = wait(&log, "four more ticks", |events| {
        (of_kind(events, &Kind::Ticked) >= ticks + 4).then(|| events.to_vec())
    })
    .await?;
    ensure!(scaled(&events) == [5], "{:?}", scaled(&events));
    let pushed = of_kind(&events, &Kind::Observed) - before;
    ensure!(pushed == 2, "{pushed} of the pushes are in the log");

    push(site, &[4.0; 5])?;
    wait(&log, "two replicas", |events| {
        (scaled(events) == [5, 2] && of_kind(events, &Kind::Verified) == 2).then_some(())
    })
    .await?;
    drop(log);
    up.stop()?;
    let orders = holdable::applied(&site.path("web"));
    let last = orders.last().context("there were orders")?;
    ensure!(last.count == 2, "{last:?}");
    site.check_replay()
}

#[tokio::test(flavor = "multi_thread")]
async fn pushed_numbers_of_replicas_scale_by_a_rule_of_replicas() -> Result<()> {
    let mut site = Site::new()?;
    let result = scales(&mut site).await;
    site.tell(result)
}
