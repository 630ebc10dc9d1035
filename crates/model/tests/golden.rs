//! One encoded example of every kind and version stays here for ever: what was written once can always be read.
//!
//! `HEADROOM_BLESS=1 cargo test -p headroom-model --test golden` writes the file of a kind or version that has none. A file
//! that is there is never changed: a changed body is a new version.

#![expect(
    clippy::disallowed_methods,
    reason = "golden files are read from the disk; the machines themselves are not tested here"
)]

use headroom_model::body::*;
use headroom_model::{Body, EventId, Generation, Kind, Replicas, Seq, Span, Timestamp};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The file of a kind's example; from the second one on with its number.
fn file(kind: &Kind, version: u16, example: usize, ending: &str) -> PathBuf {
    let number = match example {
        1 => String::new(),
        more => format!("-{more}"),
    };
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join(format!("tests/golden/{kind}.v{version}{number}.{ending}"))
}

fn id(name: &str) -> EventId {
    EventId::named(name)
}

fn observed() -> Vec<Body> {
    let reading = |metric: &str, measured| Reading {
        metric: metric.to_owned(),
        at: Timestamp(1_790_000_000_123),
        measured,
    };
    let readings = vec![
        reading("queue", Measured::Total(12.5)),
        reading(
            "latency",
            Measured::PerReplica {
                replicas: vec!["web-0".into(), "web-1".into()],
                values: vec![0.25, f64::NAN],
            },
        ),
        reading("gone", Measured::Missing),
    ];
    let due = Timestamp(1_790_000_000_000);
    let failed = CollectionFailed {
        source: "prom".into(),
        metrics: vec!["queue".into()],
        due,
        failure: CollectionFailure::LogUnavailable {
            from: due,
            to: due.plus(Span::seconds(30)),
        },
    };
    vec![
        Observed {
            source: "prom".into(),
            due,
            readings,
            fleet: None,
            part: Part::default(),
        }
        .into(),
        failed.into(),
        Ticked { number: 7 }.into(),
        listed().into(),
    ]
}

/// With the target's replicas, and readings of each.
fn listed() -> Observed {
    let due = Timestamp(1_790_000_000_000);
    let replicas = vec!["web-0".to_owned(), "web-1".to_owned()];
    let usage = ContainerUsage {
        replicas: replicas.clone(),
        containers: vec!["app".into(), "proxy".into()],
        values: vec![0.25, 0.125, 0.5, f64::NAN],
        incomplete: vec![false, true],
        at: vec![due, due.minus(Span::seconds(3))],
        windows: vec![Span::seconds(15); 2],
    };
    let container = |name: &str, requests: &[(&str, i64)]| Container {
        name: name.to_owned(),
        requests: requests
            .iter()
            .map(|(resource, request)| ((*resource).to_owned(), *request))
            .collect(),
    };
    Observed {
        source: "kubernetes".into(),
        due,
        readings: vec![Reading {
            metric: "cpu".into(),
            at: due,
            measured: Measured::PerContainer(usage),
        }],
        fleet: Some(FleetState {
            counted: Some(Replicas(3)),
            names: replicas,
            phases: vec![Phase::Running, Phase::Pending],
            deleting: vec![false, true],
            ready: vec![Some(true), None],
            started: vec![Some(due.minus(Span::seconds(600))), None],
            ready_changed: vec![due.minus(Span::seconds(590)), due],
            made_from: vec![0, 1],
            templates: vec![
                Template {
                    containers: vec![
                        container("app", &[("cpu", 500), ("memory", 268_435_456_000)]),
                        container("proxy", &[]),
                    ],
                    ..Template::default()
                },
                Template {
                    containers: vec![container("app", &[])],
                    requests: [("cpu".to_owned(), 1000)].into(),
                },
            ],
        }),
        part: Part {
            number: 1,
            of: 2,
            whole: id("whole"),
        },
    }
}

fn operated() -> Vec<Body> {
    vec![
        PolicyApplied {
            policy: serde_json::json!({ "kind": "ScalingPolicy", "spec": { "maxReplicas": 8 } }),
            owner: "ada".into(),
        }
        .into(),
        PolicyRemoved {
            owner: "ada".into(),
        }
        .into(),
        OverrideSet {
            action: OverrideAction::Pin(Replicas(5)),
            owner: "ada".into(),
            reason: "launch".into(),
            expires_at: Some(Timestamp(1_790_000_600_000)),
        }
        .into(),
        OverrideCleared {
            what: OverrideSlot::Pause,
            owner: "ada".into(),
        }
        .into(),
    ]
}

fn recommended() -> Body {
    let input = Input {
        metric: "queue".into(),
        value: 45.0,
        against: 10.0,
        quality: Quality::Fresh,
        at: Timestamp(1_790_000_000_123),
        event: id("observed"),
        seq: Seq(41),
    };
    let reason = RuleReason::Proportional {
        ratio: 1.125,
        counted: Replicas(4),
    };
    let recommendation = Recommendation::Desired {
        replicas: Replicas(5),
        reason,
    };
    Recommended {
        rule: "queue".into(),
        revision: Seq(3),
        recommendation,
        inputs: vec![input],
    }
    .into()
}

fn decided() -> Body {
    let limit = RateLimit {
        direction: Direction::Up,
        limit: Replicas(8),
        policy: "Pods 4 per 15s".into(),
        used: Replicas(0),
    };
    let bounded = StepTaken::Bounded {
        minimum: Replicas(1),
        maximum: Replicas(8),
        rate_limit: Some(limit),
    };
    Decided {
        revision: Seq(3),
        mode: Mode::Active,
        decision: Decision::Scale {
            from: Replicas(4),
            to: Replicas(5),
        },
        wishes: vec![Wish {
            rule: "queue".into(),
            replicas: Some(Replicas(5)),
            event: id("recommended"),
            seq: Seq(43),
        }],
        trail: vec![
            TrailStep {
                before: Replicas(4),
                after: Replicas(5),
                step: StepTaken::Joined {
                    winner: Some("queue".into()),
                    unavailable: vec![],
                },
            },
            TrailStep {
                before: Replicas(5),
                after: Replicas(5),
                step: bounded,
            },
        ],
    }
    .into()
}

fn acted() -> Vec<Body> {
    let (decision, generation) = (id("decided"), Generation(45));
    let target = TargetRef {
        api_version: None,
        kind: "Process".into(),
        name: "web".into(),
    };
    let (from, to) = (Replicas(4), Replicas(5));
    let outcome = Outcome::Failed {
        error: "no such program".into(),
        retry: false,
    };
    vec![
        ActuationStarted {
            decision,
            generation,
            revision: Seq(3),
            attempt: 1,
            target,
            from,
            to,
        }
        .into(),
        Actuated {
            decision,
            generation,
            attempt: 1,
            to,
            outcome,
        }
        .into(),
        Verified {
            decision,
            generation,
            replicas: to,
            ready: to,
            took: Span(1234),
        }
        .into(),
        Drifted {
            expected: Some(to),
            replicas: Replicas(3),
            ready: None,
        }
        .into(),
    ]
}

fn examples() -> Vec<Body> {
    let mut bodies = observed();
    bodies.extend(operated());
    bodies.extend([recommended(), decided()]);
    bodies.extend(acted());
    bodies
}

#[test]
fn every_kind_and_version_has_an_example() {
    for kind in Kind::ALL {
        assert!(
            examples().iter().any(|body| body.kind() == *kind),
            "{kind} has no example here"
        );
    }
}

#[test]
fn what_was_written_once_is_read_and_written_the_same() {
    let mut seen = BTreeMap::new();
    for body in examples() {
        let (kind, version) = (body.kind(), body.version());
        let example = *seen
            .entry(kind.clone())
            .and_modify(|seen| *seen += 1)
            .or_insert(1);
        let (packed, shown) = (
            file(&kind, version, example, "msgpack"),
            file(&kind, version, example, "json"),
        );
        if std::env::var_os("HEADROOM_BLESS").is_some() && !packed.exists() {
            std::fs::write(&packed, body.encode()).unwrap();
            std::fs::write(
                &shown,
                serde_json::to_string_pretty(&body.to_json()).unwrap() + "\n",
            )
            .unwrap();
        }
        let golden = std::fs::read(&packed).unwrap_or_else(|error| {
            panic!("{}: {error}; see the head of this file", packed.display())
        });
        assert_eq!(
            body.encode(),
            golden,
            "{kind} version {version} is written otherwise: make a new version"
        );
        let read = Body::decode(&kind, version, &golden).unwrap();
        assert_eq!(
            format!("{read:?}"),
            format!("{body:?}"),
            "{kind} version {version}"
        );
        let json = std::fs::read_to_string(&shown).unwrap();
        assert_eq!(
            serde_json::to_string_pretty(&read.to_json()).unwrap() + "\n",
            json,
            "{kind} version {version}"
        );
    }
}

#[test]
fn every_golden_file_is_still_read() {
    for entry in std::fs::read_dir(file(&Kind::Ticked, 1, 1, "x").parent().unwrap()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let Some((kind, version)) = name
            .strip_suffix(".msgpack")
            .and_then(|name| name.split_once(".v"))
        else {
            continue;
        };
        let kind = Kind::from_token(kind);
        let version = version.split('-').next().unwrap();
        let body = Body::decode(
            &kind,
            version.parse().unwrap(),
            &std::fs::read(&path).unwrap(),
        )
        .unwrap();
        assert!(
            !matches!(body, Body::Unknown { .. }),
            "{name} is not known any more: it needs an upcaster"
        );
    }
}

#[test]
fn what_this_build_does_not_know_is_kept_as_it_is() {
    let newer = Body::decode(&Kind::Decided, 2, b"\x81\xa1x\x01").unwrap();
    assert_eq!(
        newer,
        Body::Unknown {
            kind: Kind::Decided,
            version: 2,
            bytes: b"\x81\xa1x\x01".to_vec()
        }
    );
    let stranger = Kind::from_token("forecasted");
    assert_eq!(stranger, Kind::Other("forecasted".to_owned()));
    let unknown = Body::decode(&stranger, 1, b"\x80").unwrap();
    assert_eq!(
        (unknown.kind(), unknown.version(), unknown.encode()),
        (stranger, 1, b"\x80".to_vec())
    );
    assert!(
        Body::decode(&Kind::Ticked, 1, b"\xc1").is_err(),
        "bytes that are no body are an error, not a panic"
    );
}
