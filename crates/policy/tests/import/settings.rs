//! What the controller's flags become.

use headroom_model::Span;
use headroom_policy::{ImportSettings, import_files, to_yaml};

const PLAIN: &str = "\
apiVersion: autoscaling/v1
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec: {maxReplicas: 3, scaleTargetRef: {kind: Deployment, name: web}}
";

fn written(settings: &ImportSettings) -> String {
    let imported = import_files(&[("hpa.yaml", PLAIN)], settings).unwrap();
    to_yaml(&[&imported[0].manifest])
}

fn evaluation(settings: &ImportSettings) -> String {
    let text = written(settings);
    let (_, evaluation) = text.split_once("  evaluation:\n").unwrap();
    evaluation.to_owned()
}

#[test]
fn only_what_differs_is_written_and_always_the_period() {
    let period = "    period: 15s\n    trigger: Period\n";
    assert_eq!(evaluation(&ImportSettings::default()), period);
    let defaults = ImportSettings {
        sync_period: Some(Span::seconds(15)),
        downscale_stabilization: Some(Span::seconds(300)),
        cpu_initialization_period: Some(Span::seconds(300)),
        initial_readiness_delay: Some(Span::seconds(30)),
        tolerance: Some("0.10".into()),
        ..ImportSettings::default()
    };
    assert_eq!(written(&defaults), written(&ImportSettings::default()));
    let others = ImportSettings {
        sync_period: Some(Span::seconds(10)),
        downscale_stabilization: Some(Span::seconds(60)),
        cpu_initialization_period: Some(Span::seconds(120)),
        initial_readiness_delay: Some(Span::ZERO),
        ..ImportSettings::default()
    };
    assert_eq!(
        evaluation(&others),
        "    period: 10s\n    trigger: Period\n    downscaleStabilization: 1m\n    cpuInitializationPeriod: 2m\n    initialReadinessDelay: 0s\n"
    );
}

#[test]
fn the_namespace_is_for_manifests_that_name_none() {
    let settings = ImportSettings {
        namespace: Some("shop".into()),
        ..ImportSettings::default()
    };
    assert!(written(&settings).contains("  namespace: shop\n"));
    let text = PLAIN.replace("{name: web}\n", "{name: web, namespace: other}\n");
    let imported = import_files(&[("hpa.yaml", text)], &settings).unwrap();
    assert_eq!(
        imported[0].document.policy.workload.to_string(),
        "other/web"
    );
}

#[test]
fn flags_out_of_range_are_named() {
    let settings = ImportSettings {
        sync_period: Some(Span::ZERO),
        downscale_stabilization: Some(Span::seconds(7200)),
        tolerance: Some("2".into()),
        ..ImportSettings::default()
    };
    let errors = import_files(&[("hpa.yaml", PLAIN)], &settings).unwrap_err();
    assert_eq!(
        errors.to_string(),
        "--sync-period: 0s is out of range; write a duration from 1s to 30m\n\
         --downscale-stabilization: 2h is out of range; write a duration from 0s to 1h\n\
         --tolerance: 2 is not a ratio from 0 to 1; write 0.1 for 10 %"
    );
}
