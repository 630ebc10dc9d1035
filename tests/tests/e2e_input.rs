//! Bad input, end to end: policies that are wrong, numbers that are none.

use anyhow::{Result, ensure};
use headroom_model::Kind;
use headroom_tests::e2e::{
    checks, holdable,
    site::{Site, policy},
    story::{of_kind, scaled, wait},
};
use serde_json::json;

const HEADER: &str = "apiVersion: headroom.dev/v1alpha1\nkind: ScalingPolicy\n";

/// A policy as people write it: `head` is its name, `spec` its lines.
fn written(name: &str, spec: &str) -> String {
    format!("{HEADER}metadata:\n  name: {name}\n  namespace: shop\nspec:\n{spec}")
}

fn refused(site: &mut Site) -> Result<()> {
    site.configure(&json!({"sources": {"main": {"push": {}}}}))?;
    let up = site.up()?;
    let target = "  scaleTargetRef:\n    kind: Command\n    name: web\n";
    let rule = "  thresholds:\n  - metric: load\n    from:\n      source: push\n    above: 3\n    change:\n      add: 1\n";
    let bounds = "  minReplicas: 1\n  maxReplicas: 4\n";
    let good = written("good", &format!("{target}{bounds}{rule}"));
    let cases: [(&str, String, &[&str]); 7] = [
        (
            "a minimum above the maximum",
            written(
                "web",
                &format!("{target}  minReplicas: 12\n  maxReplicas: 10\n{rule}"),
            ),
            &[
                "bad.yaml:10:",
                "spec.minReplicas",
                "12 is above maxReplicas 10",
                "lower one or raise the other",
            ],
        ),
        (
            "a field that is none",
            written("web", &format!("{target}{bounds}{rule}    abov: 4\n")),
            &[
                "bad.yaml:19:",
                "spec.thresholds[0].abov",
                "did you mean above?",
            ],
        ),
        (
            "a source that is not configured",
            written(
                "web",
                &format!("{target}{bounds}{}", rule.replace("push", "prom")),
            ),
            &["bad.yaml:15:", "spec.thresholds[0].from.source", "prom"],
        ),
        (
            "no maximum",
            written("web", &format!("{target}{rule}")),
            &["bad.yaml:", "spec.maxReplicas"],
        ),
        ("no YAML at all", "spec: [\n".to_owned(), &["bad.yaml:"]),
        (
            "a wrong one beside a good one",
            format!("{good}---\n{}", written("web", &format!("{target}{rule}"))),
            &["nothing was applied", "spec.maxReplicas"],
        ),
        (
            "two for one target",
            format!(
                "{good}---\n{}",
                written("rival", &format!("{target}{bounds}{rule}"))
            ),
            &["nothing was applied", "shop/good", "shop/rival"],
        ),
    ];
    for (name, text, says) in cases {
        site.write("bad.yaml", &text)?;
        let ran = site.run(&["apply", "-f", "bad.yaml"])?;
        ensure!(
            ran.code == Some(1) && ran.stdout.is_empty(),
            "{name}: {ran:?}"
        );
        for part in says {
            ensure!(
                ran.stderr.contains(part),
                "{name}: there is no {part:?} in {}",
                ran.stderr
            );
        }
        ensure!(
            site.done(&["get", "-o", "json"])?.trim() == "[]",
            "{name}: something was applied"
        );
    }

    site.write("good.yaml", &good)?;
    site.done(&["apply", "-f", "good.yaml"])?;
    site.write(
        "rival.yaml",
        &written("rival", &format!("{target}{bounds}{rule}")),
    )?;
    let ran = site.run(&["apply", "-f", "rival.yaml"])?;
    ensure!(ran.code == Some(1), "{ran:?}");
    for part in [
        "nothing was applied",
        "rival.yaml",
        "shop/rival",
        "shop/good",
        "Command web",
    ] {
        ensure!(
            ran.stderr.contains(part),
            "there is no {part:?} in {}",
            ran.stderr
        );
    }
    up.stop()
}

#[test]
fn a_wrong_policy_is_refused_with_file_line_field_and_mend() -> Result<()> {
    let mut site = Site::new()?;
    let result = refused(&mut site);
    site.tell(result)
}

async fn no_numbers(site: &mut Site) -> Result<()> {
    let target = holdable::target(&site.path(""), "web", true, true)?;
    site.configure(&json!({"targets": [target], "actuator": {"watch_ms": 200}}))?;
    let up = site.up()?;
    site.apply(&policy("web", (1, 20), &json!({"source": "push"})))?;
    let log = site.served_log();
    site.done(&["push", "shop/web", "load", "60"])?;
    wait(&log, "six replicas", |events| {
        (scaled(events) == [6]).then_some(())
    })
    .await?;
    let pushes: [&[&str]; 7] = [
        &["NaN"],
        &["--", "-inf"],
        &["inf"],
        &["10", "--at", "1h"],
        &["0", "--at", "1d"],
        &["-0", "--at", "11s"],
        &["NaN", "--at", "1h"],
    ];
    for push in pushes {
        site.done(&[&["push", "shop/web", "load"], push].concat())?;
    }
    // The clock goes on for a while, so that whatever follows has followed.
    let ticks = of_kind(&checks::events(&log).await?, &Kind::Ticked);
    let events = wait(&log, "five more ticks", |events| {
        (of_kind(events, &Kind::Ticked) >= ticks + 5).then(|| events.to_vec())
    })
    .await?;
    ensure!(
        scaled(&events) == [6],
        "{:?} were decided on",
        scaled(&events)
    );
    ensure!(
        of_kind(&events, &Kind::Observed) == 1 + pushes.len(),
        "what is not obeyed is kept"
    );
    // A good one is obeyed, so it was not that nothing works.
    site.done(&["push", "shop/web", "load", "30"])?;
    wait(&log, "three replicas", |events| {
        (scaled(events) == [6, 3]).then_some(())
    })
    .await?;
    wait(&log, "the order is carried out", |events| {
        (of_kind(events, &Kind::Verified) == 2).then_some(())
    })
    .await?;
    drop(log);
    up.stop()?;
    site.check_replay()
}

/// NaN, infinities and late readings: kept, and nothing is scaled down by them.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_number_or_late_scales_nothing_down() -> Result<()> {
    let mut site = Site::new()?;
    let result = no_numbers(&mut site).await;
    site.tell(result)
}
