//! From a HorizontalPodAutoscaler to a policy, by `headroom import` and `headroom autoscale`.

use anyhow::{Result, ensure};
use headroom_tests::{
    e2e::{
        holdable,
        site::{Ran, Site},
    },
    servers::until,
};
use serde_json::{Value, json};
use std::{
    io::Write as _,
    process::{Command, Stdio},
};

const V1: &str = include_str!("../../crates/policy/tests/import/manifests/v1.yaml");
const V2: &str = include_str!("../../crates/policy/tests/import/manifests/v2.yaml");
const V2_POLICY: &str = include_str!("../../crates/policy/tests/import/manifests/v2.policy.yaml");
const V2BETA1: &str = include_str!("../../crates/policy/tests/import/manifests/v2beta1.yaml");
const V2BETA2: &str = include_str!("../../crates/policy/tests/import/manifests/v2beta2.yaml");
const LIST: &str = include_str!("../../crates/policy/tests/import/manifests/list.yaml");

fn ensure_holds(text: &str, parts: &[&str]) -> Result<()> {
    for part in parts {
        ensure!(text.contains(part), "there is no {part:?} in:\n{text}");
    }
    Ok(())
}

/// Runs a command with a text on its standard input.
fn fed(site: &Site, arguments: &[&str], input: &str) -> Result<Ran> {
    let mut command: Command = site.command(arguments);
    let piped = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = piped.spawn()?;
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(input.as_bytes())?;
    drop(stdin);
    let output = child.wait_with_output()?;
    Ok(Ran {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout)?,
        stderr: String::from_utf8(output.stderr)?,
    })
}

fn imports(site: &Site) -> Result<()> {
    site.write("hpa.yaml", &format!("{V1}---\n{V2}"))?;
    site.write("list.yaml", LIST)?;
    site.write("older.yaml", &format!("{V2BETA1}---\n{V2BETA2}"))?;
    let ran = site.run(&[
        "import",
        "hpa.yaml",
        "list.yaml",
        "older.yaml",
        "-o",
        "all.yaml",
    ])?;
    ensure!(ran.code == Some(0) && ran.stdout.is_empty(), "{ran:?}");
    ensure_holds(
        &ran.stderr,
        &[
            "headroom: hpa.yaml:1: shop/frontend (autoscaling/v1): nothing changed\n",
            "shop/checkout (autoscaling/v2): nothing changed\n",
            "list.yaml:15: staging/web (autoscaling/v1): nothing changed; it has no metrics, so cpu at 80 %",
            "older.yaml:1: shop/mail (autoscaling/v2beta1): nothing changed\n",
            "shop/search (autoscaling/v2beta2): nothing changed\n",
        ],
    )?;
    let valid = site.done(&["validate", "all.yaml"])?;
    ensure!(valid.lines().count() == 6, "{valid}");
    ensure_holds(
        &valid,
        &["shop/frontend is valid: 3 to 20 replicas, 6 rules"],
    )?;

    site.write("one.yaml", V2)?;
    let again = site.run(&["import", "one.yaml", "./one.yaml", "one.yaml"])?;
    ensure!(
        again.code == Some(0) && again.stdout == V2_POLICY,
        "a file that is named again is read once: {again:?}"
    );
    ensure!(
        again.stderr.matches("shop/checkout").count() == 1,
        "{again:?}"
    );

    let over = site.run(&["import", "one.yaml", "--output", "./one.yaml"])?;
    ensure!(over.code == Some(1), "{over:?}");
    ensure_holds(
        &over.stderr,
        &["./one.yaml is one of the manifests that are read"],
    )?;
    site.done(&["import", "one.yaml"])?;

    let piped = fed(site, &["import", "-", "-"], V2)?;
    ensure!(
        piped.code == Some(0) && piped.stdout == V2_POLICY,
        "{piped:?}"
    );
    ensure_holds(&piped.stderr, &["standard input:1: shop/checkout"])?;
    let shadow = fed(site, &["import", "-", "--shadow"], V2)?.stdout;
    ensure!(
        shadow.replace("  mode: shadow\n", "") == V2_POLICY && shadow != V2_POLICY,
        "{shadow}"
    );
    let flags = [
        "import",
        "-",
        "--horizontal-pod-autoscaler-sync-period=30s",
        "--downscale-stabilization=1m0s",
        "--tolerance=0.2",
    ];
    ensure_holds(
        &fed(site, &flags, V2)?.stdout,
        &[
            "period: 30s\n",
            "downscaleStabilization: 1m\n",
            "tolerance: \"0.2\"\n",
            "tolerance: 50m\n",
        ],
    )
}

fn refusals(site: &Site) -> Result<()> {
    let bad = V2.replace("  maxReplicas: 30\n", "  maxReplica: 30\n");
    site.write("bad.yaml", &bad)?;
    let ran = site.run(&["import", "list.yaml", "bad.yaml", "-o", "none.yaml"])?;
    ensure!(ran.code == Some(1) && ran.stdout.is_empty(), "{ran:?}");
    ensure_holds(
        &ran.stderr,
        &[
            "headroom: nothing was imported:\nbad.yaml:",
            ": spec.maxReplica: is not a field here; did you mean maxReplicas?",
        ],
    )?;
    ensure!(!site.path("none.yaml").exists(), "nothing is written");
    let ran = site.run(&["import", "list.yaml", "--sync-period", "0s"])?;
    ensure!(ran.code == Some(1), "{ran:?}");
    ensure_holds(&ran.stderr, &["--sync-period: 0s is out of range"])?;
    ensure!(
        site.run(&["import"])?.code == Some(2),
        "no file is a usage error"
    );
    Ok(())
}

#[test]
fn manifests_of_every_version_become_policies() -> Result<()> {
    let site = Site::new()?;
    let result = imports(&site).and_then(|()| refusals(&site));
    site.tell(result)
}

const HPA: &str = "\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: shop}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 2
  maxReplicas: 10
  metrics:
  - type: External
    external: {metric: {name: load}, target: {type: AverageValue, averageValue: 10}}
";

/// An imported HPA runs beside the autoscaler it came from, and says what it would do.
fn shadows(site: &mut Site) -> Result<()> {
    let target = holdable::target(&site.path(""), "web", true, true)?;
    site.configure(&json!({"targets": [target], "actuator": {"watch_ms": 200}}))?;
    let imported = fed(
        site,
        &["import", "-", "--shadow", "--sync-period", "1s"],
        HPA,
    )?;
    ensure!(imported.code == Some(0), "{imported:?}");
    let policy = imported.stdout.replace(
        "    apiVersion: apps/v1\n    kind: Deployment\n",
        "    kind: Command\n",
    );
    site.write("web.yaml", &policy)?;
    let up = site.up()?;
    site.done(&["apply", "-f", "web.yaml"])?;
    site.done(&["push", "shop/web", "load", "55"])?;
    until("a decision in the shadow", || {
        let decisions = site.done(&["watch", "--from", "1", "--no-follow"]).ok()?;
        decisions
            .contains(
                "shop/web shadow: scale 2 → 4: load wants 6, Times 2, at least 4, per 1s allows 4",
            )
            .then_some(())
    })?;
    up.stop()?;
    ensure!(
        holdable::applied(&site.path("web")).is_empty(),
        "nothing was done"
    );
    site.check_replay()
}

#[test]
fn an_imported_hpa_decides_in_the_shadow() -> Result<()> {
    let mut site = Site::new()?;
    let result = shadows(&mut site);
    site.tell(result)
}

fn applied(site: &Site) -> Result<usize> {
    let history = site.done(&["history", "shop/web", "-o", "json"])?;
    Ok(history.matches("\"policy_applied\"").count())
}

fn autoscales(site: &mut Site) -> Result<()> {
    site.configure(&json!({}))?;
    let line = [
        "autoscale",
        "shop/web",
        "--min",
        "2",
        "--max",
        "10",
        "--cpu-percent",
        "70",
    ];
    let dry = site.done(&[&line[..], &["--dry-run"]].concat())?;
    site.write("web.yaml", &dry)?;
    ensure_holds(
        &site.done(&["validate", "web.yaml"])?,
        &["shop/web is valid: 2 to 10 replicas, 1 rule"],
    )?;
    let up = site.up()?;
    ensure!(
        site.done(&["get", "-o", "json"])?.trim() == "[]",
        "a dry run does nothing"
    );
    ensure_holds(&site.done(&line)?, &["shop/web created"])?;
    ensure_holds(&site.done(&line)?, &["shop/web unchanged"])?;
    ensure_holds(
        &site.done(&["apply", "-f", "web.yaml"])?,
        &["shop/web unchanged"],
    )?;
    let json: Value = serde_json::from_str(&site.done(&[&line[..], &["-o", "json"]].concat())?)?;
    ensure!(
        json["result"] == "unchanged" && json["workload"] == "shop/web",
        "{json}"
    );
    ensure!(applied(site)? == 1);
    ensure_holds(&site.done(&["get"])?, &["Deployment/web", "2    10"])?;
    ensure_holds(&site.done(&["history", "shop/web"])?, &["e2e"])?;

    let other = site.run(&["autoscale", "shop/web", "--max", "10"])?;
    ensure!(other.code == Some(1), "{other:?}");
    ensure_holds(
        &other.stderr,
        &[
            "nothing was applied: shop/web has another policy (revision ",
            "`headroom apply`",
            "`headroom delete shop/web` first",
        ],
    )?;
    let rival = site.run(&[
        "autoscale",
        "shop/site",
        "--max",
        "3",
        "--target",
        "deployment/web",
    ])?;
    ensure!(rival.code == Some(1), "{rival:?}");
    ensure_holds(
        &rival.stderr,
        &["policy shop/site scales Deployment web, and so does policy shop/web"],
    )?;
    let bounds = site.run(&["autoscale", "shop/site", "--min", "5", "--max", "3"])?;
    ensure!(bounds.code == Some(1), "{bounds:?}");
    ensure_holds(
        &bounds.stderr,
        &["spec.minReplicas: 5 is above maxReplicas 3"],
    )?;
    ensure!(
        site.run(&["autoscale", "shop/web"])?.code == Some(2),
        "--max is required"
    );
    ensure!(applied(site)? == 1);

    // In other words it is still the same.
    site.write(
        "web.yaml",
        &dry.replace("          type: Utilization\n", ""),
    )?;
    ensure_holds(
        &site.done(&["apply", "-f", "web.yaml"])?,
        &["shop/web changed"],
    )?;
    ensure_holds(&site.done(&line)?, &["shop/web unchanged"])?;
    up.stop()
}

#[test]
fn one_line_sets_a_policy_once() -> Result<()> {
    let mut site = Site::new()?;
    let result = autoscales(&mut site);
    site.tell(result)
}
