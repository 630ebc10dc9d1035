//! Every mistake is refused with its place, its field and how to mend it.

mod documents;
mod fields;
mod metrics;
mod pace;
mod several;
mod thresholds;

use headroom_policy::parse_files_with_sources;
use std::collections::BTreeSet;

/// A good policy, which each case spoils in one place.
const GOOD: &str = r#"apiVersion: headroom.dev/v1alpha1
kind: ScalingPolicy
metadata:
  name: web
spec:
  scaleTargetRef:
    kind: Process
    name: web
  minReplicas: 1
  maxReplicas: 10
  metrics:
    - type: External
      external:
        metric: {name: load}
        target: {type: AverageValue, averageValue: 30}
      from: {source: metrics, query: load, interval: 5s}
  thresholds:
    - name: slow
      metric: latency
      above: 2
      for: 1m
      change: {add: 1}
  behavior:
    scaleDown:
      stabilizationWindowSeconds: 60
      policies: [{type: Pods, value: 1, periodSeconds: 60}]
  cooldown: {scaleUp: 30s}
"#;

/// A mistake: its name, what of the good policy is replaced, by what, and what is said of it.
type Mistake = (&'static str, &'static str, &'static str, &'static str);

/// Makes each mistake in the good policy, alone.
fn each_is_refused(mistakes: &[Mistake]) {
    for (name, from, to, want) in mistakes {
        assert_eq!(
            GOOD.matches(from).count(),
            1,
            "{name}: {from:?} stands once"
        );
        let said = refused(&GOOD.replacen(from, to, 1));
        assert_eq!(said, format!("web.yaml:{want}"), "{name}");
    }
}

/// What is said of a text where `metrics` is the only source.
fn refused(text: &str) -> String {
    let sources = BTreeSet::from(["metrics".to_owned()]);
    match parse_files_with_sources(&[("web.yaml", text)], &sources) {
        Ok(_) => "accepted".to_owned(),
        Err(errors) => errors.to_string(),
    }
}

#[test]
fn the_policy_that_is_spoilt_is_good() {
    assert_eq!(refused(GOOD), "accepted");
}
