//! The command line from end to end, on an embedded log: what people type, what they read, and the exit codes.

use anyhow::{Context as _, Result, ensure};
use headroom_tests::{
    e2e::{
        holdable,
        site::{Site, policy},
    },
    servers::until,
};
use serde_json::{Value, json};

/// Runs a command that prints JSON.
fn value(site: &Site, arguments: &[&str]) -> Result<Value> {
    let text = site.done(arguments)?;
    serde_json::from_str(&text).with_context(|| format!("{arguments:?} prints {text}"))
}

/// Runs a command that prints a line of JSON for each thing.
fn values(site: &Site, arguments: &[&str]) -> Result<Vec<Value>> {
    let text = site.done(arguments)?;
    let values = text.lines().map(|line| Ok(serde_json::from_str(line)?));
    values
        .collect::<Result<_>>()
        .with_context(|| format!("{arguments:?} prints {text}"))
}

fn ensure_holds(text: &str, parts: &[&str]) -> Result<()> {
    for part in parts {
        ensure!(text.contains(part), "there is no {part:?} in:\n{text}");
    }
    Ok(())
}

/// Waits until the target has a count, and the newest decision is that this is right.
fn wait_count(site: &Site, count: u32) -> Result<()> {
    until("the target has its count", || {
        let row = value(site, &["get", "shop/web", "-o", "json"]).ok()?[0].take();
        let at_rest = row.pointer("/lastDecision/decision/hold/at") == Some(&json!(count));
        (row["currentReplicas"] == count && at_rest).then_some(())
    })
}

/// Waits for the reason of the newest decision, as the table shows it.
fn wait_reason(site: &Site, reason: &str) -> Result<String> {
    until("a decision", || {
        site.done(&["get"])
            .ok()
            .filter(|table| table.contains(reason))
    })
}

fn hands(site: &Site) -> Result<()> {
    ensure_holds(
        &site.done(&[
            "pause",
            "shop/web",
            "--for",
            "30m",
            "--reason",
            "moving house",
        ])?,
        &["shop/web paused until"],
    )?;
    site.done(&["push", "shop/web", "load", "90"])?;
    ensure_holds(&wait_reason(site, "paused")?, &["shop/web", "Command/web"])?;
    let overrides = site.done(&["override", "list"])?;
    ensure_holds(
        &overrides,
        &["shop/web", "paused both", "e2e", "moving house"],
    )?;
    ensure_holds(&site.done(&["resume", "shop/web"])?, &["shop/web resumed"])?;
    wait_count(site, 9)?;

    ensure_holds(
        &site.done(&["override", "set", "shop/web", "4"])?,
        &["pinned to 4 until it is ended"],
    )?;
    wait_count(site, 4)?;
    ensure_holds(
        &site.done(&["explain", "shop/web"])?,
        &["hold at 4: e2e pinned 4", "once the pin ends"],
    )?;
    let overrides = value(site, &["override", "list", "-o", "json"])?;
    ensure!(
        overrides[0].pointer("/override/action/pin") == Some(&json!(4)),
        "{overrides}"
    );
    site.done(&["override", "clear", "shop/web"])?;
    ensure!(value(site, &["override", "list", "-o", "json"])? == json!([]));
    wait_count(site, 9)
}

fn reading(site: &Site) -> Result<()> {
    let rows = value(site, &["get", "-o", "json"])?;
    let row = &rows[0];
    ensure!(
        row["workload"] == "shop/web" && row["minReplicas"] == 1 && row["maxReplicas"] == 20,
        "{rows}"
    );
    let decisions = values(site, &["watch", "--from", "1", "--no-follow", "-o", "json"])?;
    let scaled: Vec<_> = decisions
        .iter()
        .filter_map(|event| event.pointer("/body/decision/scale/to"))
        .collect();
    ensure!(
        scaled == [&json!(6), &json!(9), &json!(4), &json!(9)],
        "{scaled:?}"
    );
    ensure!(
        decisions
            .iter()
            .all(|event| event["kind"] == "decided" && event["seq"].is_u64())
    );
    let first = decisions
        .iter()
        .find(|event| event.pointer("/body/decision/scale/to") == Some(&json!(6)));
    let seq = first
        .and_then(|event| event["seq"].as_u64())
        .context("there is a first")?
        .to_string();
    let why = site.done(&["explain", "shop/web", "--seq", &seq])?;
    ensure_holds(
        &why,
        &[
            "scale 2 → 6",
            &format!("seq {seq}"),
            "load = 55 against 10",
            "Why not another number",
        ],
    )?;
    let why = value(site, &["explain", "shop/web", "-o", "json"])?;
    ensure!(why.is_object(), "{why}");
    let history = site.done(&["history", "shop/web"])?;
    ensure_holds(
        &history,
        &[
            "policy_applied",
            "drifted",
            "actuation_started",
            "actuated",
            "moving house",
            "9 → 4",
        ],
    )?;
    let newest = values(site, &["history", "shop/web", "--limit", "3", "-o", "json"])?;
    ensure!(newest.len() == 3, "{newest:?}");
    Ok(())
}

/// The log in a file, elsewhere: verified without a server, explained, and taken into another log.
fn carried_away(site: &Site) -> Result<()> {
    let decisions = site.done(&["watch", "--from", "1", "--no-follow"])?;
    site.done(&["log", "export", "log.hr"])?;
    let elsewhere = Site::new()?;
    std::fs::copy(site.path("log.hr"), elsewhere.path("log.hr"))?;
    ensure_holds(
        &elsewhere.done(&["replay", "--verify", "log.hr"])?,
        &["replay verified: ", ", 0 differences"],
    )?;
    elsewhere.done(&["log", "check", "log.hr"])?;
    ensure_holds(
        &elsewhere.done(&["explain", "shop/web", "--log-file", "log.hr"])?,
        &["hold at 9"],
    )?;
    let files: Vec<_> = std::fs::read_dir(elsewhere.path(""))?.collect();
    ensure!(
        files.len() == 1,
        "reading a file leaves nothing behind: {files:?}"
    );

    elsewhere.done(&["log", "import", "log.hr"])?;
    elsewhere.done(&["log", "check"])?;
    ensure!(
        elsewhere.done(&["watch", "--from", "1", "--no-follow"])? == decisions,
        "the same decisions"
    );
    let again = elsewhere.run(&["log", "import", "log.hr"])?;
    ensure!(
        again.code == Some(1),
        "a log that is not empty takes no import: {again:?}"
    );

    let mut damaged = std::fs::read(site.path("log.hr"))?;
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0xff;
    std::fs::write(elsewhere.path("damaged.hr"), damaged)?;
    let check = elsewhere.run(&["log", "check", "damaged.hr"])?;
    ensure!(check.code == Some(1), "damage is found: {check:?}");
    Ok(())
}

fn exit_codes(site: &Site) -> Result<()> {
    let cases: &[(&str, &[&str], i32, &str)] = &[
        ("help is no error", &["--help"], 0, "Exit codes:"),
        (
            "a command that is none",
            &["scale"],
            2,
            "unrecognized subcommand",
        ),
        (
            "a workload that is none",
            &["get", "Web"],
            2,
            "invalid value",
        ),
        (
            "a span that is none",
            &["pause", "shop/web", "--for", "soon"],
            2,
            "soon",
        ),
        (
            "a workload without a policy",
            &["get", "shop/none"],
            1,
            "no policy shop/none is in force",
        ),
        (
            "a pin without a policy",
            &["override", "set", "shop/none", "3"],
            1,
            "nothing was changed",
        ),
        (
            "a source that takes no pushes",
            &["push", "shop/web", "load", "1", "--source", "x"],
            1,
            "no source \"x\"",
        ),
        (
            "a file that is not there",
            &["replay", "--verify", "none.hr"],
            1,
            "none.hr",
        ),
        ("a service that needs NATS", &["planner"], 1, "log.nats"),
        (
            "a file without a policy, checked",
            &["validate", "empty.yaml"],
            1,
            "empty.yaml:1:1: there is no policy in it",
        ),
        (
            "a file without a policy, applied",
            &["apply", "-f", "empty.yaml"],
            1,
            "nothing was applied:\nempty.yaml:1:1: there is no policy in it",
        ),
        (
            "a reading for nobody",
            &["push", "shop/none", "load", "1"],
            0,
            "warning: no policy shop/none is in force",
        ),
        ("a second up", &["up", "--listen", "127.0.0.1:0"], 1, "log"),
    ];
    site.write("empty.yaml", "# nothing yet\n")?;
    for (name, arguments, code, says) in cases {
        let ran = site.run(arguments)?;
        ensure!(ran.code == Some(*code), "{name}: {ran:?}");
        ensure!(
            format!("{}{}", ran.stdout, ran.stderr).contains(says),
            "{name}: {ran:?}"
        );
    }
    Ok(())
}

/// A deleted policy takes its overrides along: the same one, applied again, begins without.
fn deleted(site: &Site) -> Result<()> {
    site.done(&["pause", "shop/web"])?;
    ensure_holds(
        &site.done(&["delete", "shop/web"])?,
        &["its overrides have ended; its target stays as it is"],
    )?;
    ensure!(value(site, &["override", "list", "-o", "json"])? == json!([]));
    site.done(&["apply", "-f", "policy.yaml"])?;
    site.done(&["push", "shop/web", "load", "72"])?;
    wait_count(site, 8)?;
    ensure_holds(
        &site.done(&["delete", "shop/web"])?,
        &["shop/web removed; its target stays as it is"],
    )?;
    ensure!(value(site, &["get", "-o", "json"])? == json!([]));
    Ok(())
}

fn round_trip(site: &mut Site) -> Result<()> {
    let target = holdable::target(&site.path(""), "web", true, true)?;
    site.configure(&json!({"targets": [target], "actuator": {"watch_ms": 200}}))?;
    let policy = policy("web", (1, 20), &json!({"source": "push"}));
    site.write("policy.yaml", &policy.to_string())?;
    ensure_holds(
        &site.done(&["validate", "policy.yaml"])?,
        &["shop/web is valid: 1 to 20 replicas"],
    )?;
    let up = site.up()?;
    ensure_holds(
        &site.done(&["apply", "-f", "policy.yaml", "--dry-run"])?,
        &["created (dry run)"],
    )?;
    ensure!(
        value(site, &["get", "-o", "json"])? == json!([]),
        "a dry run does nothing"
    );
    ensure_holds(
        &site.done(&["apply", "-f", "policy.yaml"])?,
        &["shop/web created"],
    )?;
    ensure_holds(
        &site.done(&["apply", "-f", "policy.yaml"])?,
        &["shop/web unchanged"],
    )?;
    wait_reason(site, "rules_unavailable")?;
    ensure_holds(
        &site.done(&["push", "shop/web", "load", "55"])?,
        &["shop/web load = 55 is event "],
    )?;
    wait_count(site, 6)?;
    hands(site)?;
    reading(site)?;
    carried_away(site)?;
    exit_codes(site)?;
    ensure_holds(
        &site.done(&["completions", "bash"])?,
        &["_headroom()", "override"],
    )?;
    deleted(site)?;
    up.stop()?;
    ensure!(
        holdable::applied(&site.path("web"))
            .last()
            .is_some_and(|order| order.count == 8)
    );
    site.check_replay()
}

#[test]
fn the_command_line_from_apply_to_replay() -> Result<()> {
    let mut site = Site::new()?;
    let result = round_trip(&mut site);
    site.tell(result)
}

fn from_nothing(site: &mut Site) -> Result<()> {
    site.configure(&json!({}))?;
    for arguments in [&["get"][..], &["watch", "--no-follow"], &["log", "check"]] {
        let ran = site.run(arguments)?;
        ensure!(ran.code == Some(1), "{arguments:?}: {ran:?}");
        ensure_holds(&ran.stderr, &["there is no log in", "headroom up"])?;
    }
    ensure_holds(
        &site.run(&["watch"])?.stderr,
        &["nobody writes the log in", "--no-follow"],
    )?;
    // While `up` has the directory and does not serve it yet.
    let quiet = || std::process::Stdio::null();
    let mut starting = site.command(&["up", "--listen", "127.0.0.1:0"]);
    let mut starting = starting.stdout(quiet()).stderr(quiet()).spawn()?;
    let applied = site.apply(&policy("web", (1, 9), &json!({"source": "push"})));
    starting.kill()?;
    starting.wait()?;
    applied?;
    let up = site.up()?;
    let again = site.done(&["apply", "-f", "policy.yaml"])?;
    ensure_holds(&again, &["shop/web unchanged"])?;
    let again = site.done(&["apply", "-f", "policy.yaml", "--again"])?;
    ensure_holds(&again, &["shop/web written again"])?;
    let revisions = values(site, &["history", "shop/web", "-o", "json"])?;
    let applied = revisions
        .iter()
        .filter(|event| event["event"] == "policy_applied");
    ensure!(applied.count() == 2, "{revisions:?}");
    ensure!(
        site.run(&["push", "_/clock", "load", "1"])?.code == Some(1),
        "no reading is about the clock"
    );
    up.stop()
}

#[test]
fn commands_before_the_first_up_and_while_it_starts() -> Result<()> {
    let mut site = Site::new()?;
    let result = from_nothing(&mut site);
    site.tell(result)
}
