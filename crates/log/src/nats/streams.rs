//! The streams of a shard: how they are made, and what an existing one must be like.

use super::{
    api::{Api, Failure, passes},
    settings::Settings,
    stored::info,
    subject::Subjects,
};
use crate::{
    LogError,
    memory::{DUPLICATE_WINDOW, LEDGER_KINDS},
};
use async_nats::jetstream::{
    ErrorCode,
    stream::{
        Config, DiscardPolicy, Info, PersistenceMode, RetentionPolicy, Source, StorageType,
        SubjectTransform,
    },
};
use headroom_model::Service;
use std::time::Duration;

/// How long the ledger keeps what it keeps: a year.
const LEDGER_AGE: Duration = Duration::from_secs(365 * 24 * 3600);

/// The services that write checkpoints.
const MACHINES: [Service; 4] = [
    Service::Clock,
    Service::Evaluator,
    Service::Planner,
    Service::Actuator,
];

/// Makes the log and what belongs to it unless it is there, and refuses streams that cannot hold what is promised. Says
/// how many replicas the log has.
///
/// Who makes the log makes the streams of checkpoints too, so that the services themselves need not be allowed to.
pub(super) async fn ensure(
    api: &Api,
    settings: &Settings,
    subjects: &Subjects,
) -> Result<usize, LogError> {
    let Ensured { made, replicas } = ensure_one(api, &log(settings, subjects)).await?;
    ensure_one(api, &ledger(settings, subjects)).await?;
    ensure_one(api, &heads(settings, subjects)).await?;
    if made {
        let shelves = MACHINES.map(|machine| ensure_checkpoints(api, settings, subjects, machine));
        futures::future::try_join_all(shelves).await?;
    }
    Ok(replicas)
}

/// Makes the stream of a machine's checkpoints unless it is there.
pub(super) async fn ensure_checkpoints(
    api: &Api,
    settings: &Settings,
    subjects: &Subjects,
    machine: Service,
) -> Result<(), LogError> {
    ensure_one(api, &checkpoints(settings, subjects, machine))
        .await
        .map(drop)
}

fn base(settings: &Settings, name: String) -> Config {
    Config {
        name,
        retention: RetentionPolicy::Limits,
        storage: StorageType::File,
        discard: DiscardPolicy::Old,
        num_replicas: settings.replicas,
        allow_direct: true,
        deny_delete: true,
        deny_purge: true,
        max_messages: -1,
        max_messages_per_subject: -1,
        max_bytes: -1,
        max_message_size: -1,
        max_consumers: -1,
        ..Config::default()
    }
}

fn log(settings: &Settings, subjects: &Subjects) -> Config {
    Config {
        description: Some("Headroom's event log".to_owned()),
        subjects: vec![subjects.all()],
        max_age: settings.max_age(),
        // The server wants it no longer than the age.
        duplicate_window: DUPLICATE_WINDOW.duration().min(settings.max_age()),
        allow_atomic_publish: true,
        ..base(settings, subjects.log_stream())
    }
}

fn ledger(settings: &Settings, subjects: &Subjects) -> Config {
    let kept = LEDGER_KINDS.iter().map(|kind| subjects.kind(kind));
    Config {
        description: Some("What Headroom keeps for a year".to_owned()),
        max_age: LEDGER_AGE,
        sources: Some(vec![from_log(subjects, kept)]),
        ..base(settings, subjects.ledger_stream())
    }
}

fn heads(settings: &Settings, subjects: &Subjects) -> Config {
    Config {
        description: Some("The newest heads of Headroom's machines".to_owned()),
        max_messages_per_subject: 1,
        sources: Some(vec![from_log(subjects, std::iter::once(subjects.heads()))]),
        ..base(settings, subjects.heads_stream())
    }
}

/// Some subjects of the log, as the source of another stream.
fn from_log(subjects: &Subjects, kept: impl Iterator<Item = String>) -> Source {
    let kept = kept.map(|source| SubjectTransform {
        source,
        destination: String::new(),
    });
    Source {
        name: subjects.log_stream(),
        subject_transforms: kept.collect(),
        ..Source::default()
    }
}

fn checkpoints(settings: &Settings, subjects: &Subjects, machine: Service) -> Config {
    Config {
        description: Some(format!("Checkpoints of Headroom's {machine}")),
        subjects: vec![format!("{}.>", subjects.checkpoints(machine))],
        // Old ones are purged by the machine that wrote them, once the log no longer needs them.
        deny_purge: false,
        ..base(settings, subjects.checkpoint_stream(machine))
    }
}

/// A stream that is there and as it must be.
struct Ensured {
    made: bool,
    replicas: usize,
}

impl Ensured {
    fn new(wanted: &Config, found: &Config, made: bool) -> Result<Self, LogError> {
        check(wanted, found)?;
        Ok(Self {
            made,
            replicas: found.num_replicas,
        })
    }
}

/// Makes a stream unless it is there.
async fn ensure_one(api: &Api, wanted: &Config) -> Result<Ensured, LogError> {
    for attempt in 0.. {
        match patient_info(api, &wanted.name).await {
            Ok(found) => return Ensured::new(wanted, &found.config, false),
            Err(Failure::Server(error)) if error.err_code == ErrorCode::STREAM_NOT_FOUND => {}
            Err(other) => return Err(other.into()),
        }
        let endpoint = format!("STREAM.CREATE.{}", wanted.name);
        match api.call::<Info>(&endpoint, wanted).await {
            Ok(made) => {
                tracing::info!(stream = wanted.name, "made the stream");
                return Ensured::new(wanted, &made.config, true);
            }
            // Another service made it first, and perhaps with other settings: look again.
            Err(Failure::Server(error))
                if error.err_code == ErrorCode::STREAM_NAME_EXIST && attempt == 0 => {}
            Err(Failure::Server(error)) => {
                let detail = format!(
                    "stream {} cannot be made: {error}; look at nats setting replicas ({}) and the account's limits",
                    wanted.name, wanted.num_replicas
                );
                // A cluster that has just started does not see all of its servers yet.
                return Err(
                    if error.err_code == ErrorCode::CLUSTER_NO_PEERS || passes(&error) {
                        LogError::Unavailable(detail)
                    } else {
                        LogError::Refused(detail)
                    },
                );
            }
            // A login that may not make streams gets no answer either.
            Err(Failure::Unreached(_) | Failure::Unanswered(_)) => {
                return Err(LogError::Unavailable(format!(
                    "stream {} is not there yet, and no answer came to making it; if this login may not make streams, \
                     let one that may connect first",
                    wanted.name
                )));
            }
            Err(other) => return Err(other.into()),
        }
    }
    unreachable!("the second attempt returns")
}

/// What the leader says, once there is one: a stream that another service is just making does not answer at first.
async fn patient_info(api: &Api, stream: &str) -> Result<Info, Failure> {
    const ATTEMPTS: usize = 3;
    for _ in 1..ATTEMPTS {
        match info(api, stream).await {
            Err(Failure::Unanswered(_)) => {}
            other => return other,
        }
    }
    info(api, stream).await
}

/// Refuses a stream that could lose, change or reorder events. How long it keeps them and how many copies there are is
/// its owner's choice.
fn check(wanted: &Config, found: &Config) -> Result<(), LogError> {
    let rules = [
        ("subjects", found.subjects == wanted.subjects),
        ("retention", found.retention == RetentionPolicy::Limits),
        ("storage", found.storage == StorageType::File),
        ("discard", found.discard == DiscardPolicy::Old),
        (
            "max_msgs_per_subject",
            found.max_messages_per_subject.max(0) == wanted.max_messages_per_subject.max(0),
        ),
        ("no_ack", !found.no_ack),
        ("sealed", !found.sealed),
        ("allow_rollup_hdrs", !found.allow_rollup),
        ("deny_delete", found.deny_delete),
        ("deny_purge", found.deny_purge || !wanted.deny_purge),
        (
            "allow_atomic",
            found.allow_atomic_publish || !wanted.allow_atomic_publish,
        ),
        ("allow_msg_ttl", !found.allow_message_ttl),
        (
            "subject_delete_marker_ttl",
            found.subject_delete_marker_ttl.is_none(),
        ),
        ("allow_msg_schedules", !found.allow_message_schedules),
        ("allow_msg_counter", !found.allow_message_counter),
        ("mirror", found.mirror.is_none()),
        ("sources", same_sources(wanted, found)),
        ("subject_transform", found.subject_transform.is_none()),
        (
            "persist_mode",
            found.persist_mode != Some(PersistenceMode::Async),
        ),
        (
            "duplicate_window",
            found.duplicate_window >= wanted.duplicate_window,
        ),
    ];
    let broken: Vec<_> = rules
        .into_iter()
        .filter_map(|(name, holds)| (!holds).then_some(name))
        .collect();
    if broken.is_empty() {
        return Ok(());
    }
    Err(LogError::Refused(format!(
        "stream {} exists with settings that break what the log promises: {}; change them, or use another shard",
        found.name,
        broken.join(", ")
    )))
}

fn same_sources(wanted: &Config, found: &Config) -> bool {
    let kept = |config: &Config| -> Vec<(String, Vec<String>)> {
        let sources = config.sources.iter().flatten();
        sources
            .map(|source| {
                let transforms = source.subject_transforms.iter();
                let kinds = transforms.map(|transform| transform.source.clone());
                (source.name.clone(), kinds.collect())
            })
            .collect()
    };
    kept(wanted) == kept(found)
}
