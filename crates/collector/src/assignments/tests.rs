use super::*;
use headroom_model::{
    Producer, Service, Timestamp,
    body::{PolicyApplied, PolicyRemoved, Ticked},
};
use serde_json::{Value, json};

fn event(name: &str, body: Body) -> Event {
    let producer = Producer {
        service: Service::Operator,
        instance: "test".into(),
        behaviour: 0,
    };
    let workload = WorkloadId::new("shop", name).unwrap();
    Event::fact(EventId::named(name), workload, Timestamp(0), producer, body)
}

/// A policy of one rule for each metric, source, query and interval.
fn applied(name: &str, metrics: &[(&str, &str, Option<&str>, &str)]) -> Event {
    let metrics: Vec<Value> = metrics
        .iter()
        .enumerate()
        .map(|(index, (metric, source, query, interval))| {
            json!({
                "name": format!("rule {index}"),
                "type": "External",
                "external": {
                    "metric": {"name": metric},
                    "target": {"type": "AverageValue", "averageValue": "1"},
                },
                "from": {"source": source, "query": query, "interval": interval},
            })
        })
        .collect();
    let policy = json!({
        "apiVersion": "headroom.dev/v1alpha1",
        "kind": "ScalingPolicy",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {
            "scaleTargetRef": {"kind": "Process", "name": name},
            "maxReplicas": 3,
            "metrics": metrics,
        },
    });
    document(name, policy)
}

fn document(name: &str, policy: Value) -> Event {
    let owner = "test".to_owned();
    event(name, PolicyApplied { policy, owner }.into())
}

fn removed(name: &str) -> Event {
    let owner = "test".to_owned();
    event(name, PolicyRemoved { owner }.into())
}

/// Every task: workload, source, and each metric with its query and interval.
fn shown(assignments: &Assignments) -> Vec<String> {
    let metric = |asked: &Asked| format!("{}={}@{}", asked.metric, asked.query, asked.interval);
    assignments
        .tasks()
        .map(|task| {
            let metrics: Vec<_> = task.metrics.iter().map(metric).collect();
            format!("{} {}: {}", task.workload, task.source, metrics.join(" "))
        })
        .collect()
}

#[test]
fn a_policy_becomes_one_task_a_source() {
    let mut assignments = Assignments::default();
    let change = assignments.apply(&applied(
        "web",
        &[
            ("load", "prom", Some("sum(load)"), "15s"),
            ("depth", "pool", None, "5s"),
            ("errors", "prom", Some("sum(errors)"), "30s"),
        ],
    ));
    assert_eq!(
        change,
        Change::Tasks(WorkloadId::new("shop", "web").unwrap())
    );
    let want = [
        "shop/web pool: depth=depth@5s",
        "shop/web prom: errors=sum(errors)@30s load=sum(load)@15s",
    ];
    assert_eq!(shown(&assignments), want);
}

#[test]
fn a_metric_of_two_rules_is_asked_for_once_and_as_often_as_the_more_eager_wants() {
    let mut assignments = Assignments::default();
    let rules = [
        ("load", "prom", Some("sum(load)"), "30s"),
        ("load", "prom", Some("sum(load)"), "10s"),
    ];
    assignments.apply(&applied("web", &rules));
    assert_eq!(shown(&assignments), ["shop/web prom: load=sum(load)@10s"]);
}

#[test]
fn the_last_policy_of_a_workload_is_in_force() {
    let mut assignments = Assignments::default();
    let first = applied("web", &[("load", "prom", None, "15s")]);
    assignments.apply(&first);
    assignments.apply(&applied("api", &[("load", "prom", None, "15s")]));
    assert_eq!(assignments.apply(&first), Change::None, "the same again");
    assignments.apply(&applied("web", &[("depth", "pool", None, "15s")]));
    let want = [
        "shop/api prom: load=load@15s",
        "shop/web pool: depth=depth@15s",
    ];
    assert_eq!(shown(&assignments), want);
    assert!(matches!(
        assignments.apply(&removed("web")),
        Change::Tasks(_)
    ));
    assert_eq!(shown(&assignments), ["shop/api prom: load=load@15s"]);
    assert_eq!(assignments.apply(&removed("web")), Change::None);
}

#[test]
fn a_policy_that_cannot_be_read_leaves_the_former_one_in_force() {
    let mut assignments = Assignments::default();
    assignments.apply(&applied("web", &[("load", "prom", None, "15s")]));
    let change = assignments.apply(&document("web", json!({"kind": "later"})));
    assert!(matches!(change, Change::Unreadable(..)), "{change:?}");
    assert_eq!(shown(&assignments), ["shop/web prom: load=load@15s"]);
    let ticked = Ticked { number: 1 };
    assert_eq!(
        assignments.apply(&event("web", ticked.into())),
        Change::None
    );
}
