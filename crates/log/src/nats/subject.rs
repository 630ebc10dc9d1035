//! The subjects and stream names of one shard.

use super::settings::wrong;
use crate::{Filter, LogError, Place};
use headroom_model::{Envelope, Kind, Service, WorkloadId};

/// The names that a shard's log goes by on NATS.
#[derive(Clone, Debug)]
pub(super) struct Subjects {
    shard: String,
    prefix: String,
}

/// What a subject says about its message. It is what credentials guard, so it outranks the headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    /// The head of a machine.
    Head(Service),
    /// An event.
    Event {
        /// Who wrote it.
        service: Service,
        /// What it is.
        kind: Kind,
        /// The workload it is about.
        subject: WorkloadId,
    },
}

impl Subjects {
    /// Checks the name of the shard: 1–32 characters of `a-z`, `0-9` and `-`.
    pub(super) fn new(shard: &str) -> Result<Self, LogError> {
        let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if shard.is_empty() || shard.len() > 32 || !shard.chars().all(good) {
            return Err(wrong(
                "shard",
                format!(
                    "{shard:?} cannot be one; use 1 to 32 lower-case letters, digits and hyphens"
                ),
            ));
        }
        Ok(Self {
            shard: shard.to_owned(),
            prefix: format!("headroom.v1.{shard}"),
        })
    }

    pub(super) fn shard(&self) -> &str {
        &self.shard
    }

    /// The stream that is the log.
    pub(super) fn log_stream(&self) -> String {
        format!("HEADROOM_{}", self.shard)
    }

    /// The stream that keeps the ledger.
    pub(super) fn ledger_stream(&self) -> String {
        format!("HEADROOM_{}_LEDGER", self.shard)
    }

    /// The stream that keeps the newest head of each machine, however old it is.
    pub(super) fn heads_stream(&self) -> String {
        format!("HEADROOM_{}_HEADS", self.shard)
    }

    /// Every head.
    pub(super) fn heads(&self) -> String {
        format!("{}.*.head", self.prefix)
    }

    /// The stream that keeps a machine's checkpoints. One each, so that no service can touch another's.
    pub(super) fn checkpoint_stream(&self, machine: Service) -> String {
        format!("HEADROOM_{}_CHECKPOINTS_{machine}", self.shard)
    }

    /// What the subjects of a machine's checkpoints begin with.
    pub(super) fn checkpoints(&self, machine: Service) -> String {
        format!("headroom.checkpoints.v1.{}.{machine}", self.shard)
    }

    /// Every subject of the log.
    pub(super) fn all(&self) -> String {
        format!("{}.>", self.prefix)
    }

    /// Where the heads of a machine go.
    pub(super) fn head(&self, machine: Service) -> String {
        format!("{}.{machine}.head", self.prefix)
    }

    /// Every event of a kind.
    pub(super) fn kind(&self, kind: &Kind) -> String {
        format!("{}.*.{kind}.>", self.prefix)
    }

    /// Where an event goes.
    pub(super) fn event(&self, envelope: &Envelope) -> Result<String, LogError> {
        check_kind(&envelope.kind)?;
        let tokens = envelope.subject.subject_tokens();
        let returns = tokens.split_once('.').is_some_and(|(namespace, name)| {
            WorkloadId::from_subject_tokens(namespace, name).as_ref() == Ok(&envelope.subject)
        });
        if !returns || !tokens.split('.').all(is_token) || tokens.split('.').count() != 2 {
            return Err(LogError::Refused(format!(
                "{} cannot be part of a NATS subject; use letters, digits, '-', '_' and '.'",
                envelope.subject
            )));
        }
        Ok(format!(
            "{}.{}.{}.{tokens}",
            self.prefix, envelope.producer.service, envelope.kind
        ))
    }

    /// What a subject says. `None` when nothing of ours is written there.
    pub(super) fn parse(&self, subject: &str) -> Option<Address> {
        let rest = subject.strip_prefix(&self.prefix)?.strip_prefix('.')?;
        let mut tokens = rest.split('.');
        let service = tokens.next()?.parse().ok()?;
        let kind = tokens.next()?;
        match (tokens.next(), tokens.next(), tokens.next()) {
            (None, ..) => (kind == "head").then_some(Address::Head(service)),
            (Some(namespace), Some(name), None) => Some(Address::Event {
                service,
                kind: Kind::from_token(kind),
                subject: WorkloadId::from_subject_tokens(namespace, name).ok()?,
            }),
            _ => None,
        }
    }

    /// Subjects that do not overlap and hold everything that `filter` can pass. The filter itself still has the last word.
    pub(super) fn filters(&self, filter: &Filter) -> Result<Vec<String>, LogError> {
        let machines = distinct(&filter.machines);
        let open = filter.kinds.is_empty() && filter.services.is_empty() && filter.place.is_none();
        if open && machines.is_empty() {
            return Ok(vec![self.all()]);
        }
        let mut subjects: Vec<_> = machines
            .iter()
            .map(|machine| format!("{}.{machine}.>", self.prefix))
            .collect();
        let place = match &filter.place {
            Some(Place::Workload(workload)) => workload.subject_tokens(),
            Some(Place::Namespace(namespace)) => format!("{}.*", namespace.replace('.', "=2E")),
            None => "*.*".to_owned(),
        };
        if !place
            .split('.')
            .all(|token| token == "*" || is_token(token))
        {
            return Err(LogError::Refused(format!(
                "no workload can be at {place:?}; a filter needs a namespace or namespace/name"
            )));
        }
        for producer in self.producers(filter, &machines) {
            if filter.kinds.is_empty() {
                subjects.push(format!("{}.{producer}.*.{place}", self.prefix));
            }
            for kind in distinct(&filter.kinds) {
                check_kind(&kind)?;
                subjects.push(format!("{}.{producer}.{kind}.{place}", self.prefix));
            }
        }
        Ok(subjects)
    }

    /// Whose events pass by kind and place, less the machines whose events pass anyway.
    fn producers(&self, filter: &Filter, machines: &[Service]) -> Vec<String> {
        if filter.services.is_empty() && machines.is_empty() {
            return vec!["*".to_owned()];
        }
        let named = if filter.services.is_empty() {
            Service::ALL.to_vec()
        } else {
            distinct(&filter.services)
        };
        named
            .into_iter()
            .filter(|service| !machines.contains(service))
            .map(|service| service.token().to_owned())
            .collect()
    }
}

fn distinct<T: Ord + Clone>(values: &[T]) -> Vec<T> {
    values
        .iter()
        .cloned()
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect()
}

fn is_token(token: &str) -> bool {
    !token.is_empty()
        && token
            .chars()
            .all(|c| c.is_ascii_graphic() && !matches!(c, '*' | '>' | '.'))
}

fn check_kind(kind: &Kind) -> Result<(), LogError> {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if !kind.token().is_empty() && kind.token().chars().all(good) {
        return Ok(());
    }
    Err(LogError::Refused(format!(
        "{:?} cannot be the token of a kind; use lower-case letters, digits and '_'",
        kind.token()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filters(filter: &Filter) -> Vec<String> {
        Subjects::new("s").unwrap().filters(filter).unwrap()
    }

    #[test]
    fn filters_become_subjects_that_do_not_overlap() {
        let workload: WorkloadId = "shop.eu/web".parse().unwrap();
        let cases = [
            (
                "nothing filtered is everything",
                Filter::default(),
                vec!["headroom.v1.s.>"],
            ),
            (
                "a kind from anyone",
                Filter::kinds([Kind::Decided]),
                vec!["headroom.v1.s.*.decided.*.*"],
            ),
            (
                "a workload, its dots escaped",
                Filter::workload(&workload),
                vec!["headroom.v1.s.*.*.shop=2Eeu.web"],
            ),
            (
                "a machine's own subjects are not named twice",
                Filter {
                    kinds: vec![Kind::Ticked, Kind::Ticked],
                    services: vec![Service::Clock, Service::Planner],
                    machines: vec![Service::Planner],
                    ..Filter::default()
                },
                vec!["headroom.v1.s.planner.>", "headroom.v1.s.clock.ticked.*.*"],
            ),
            (
                "a namespace of one producer",
                Filter {
                    place: Some(Place::Namespace("a.b".to_owned())),
                    services: vec![Service::Collector],
                    ..Filter::default()
                },
                vec!["headroom.v1.s.collector.*.a=2Eb.*"],
            ),
        ];
        for (name, filter, want) in cases {
            assert_eq!(filters(&filter), want, "{name}");
        }
        let beside = Filter {
            kinds: vec![Kind::Decided],
            machines: vec![Service::Actuator],
            ..Filter::default()
        };
        let subjects = filters(&beside);
        assert_eq!(subjects.len(), Service::ALL.len(), "one each: {subjects:?}");
        assert!(
            !subjects
                .iter()
                .any(|subject| subject.contains(".actuator.decided"))
        );
    }

    #[test]
    fn what_could_widen_a_subject_is_refused() {
        let subjects = Subjects::new("s").unwrap();
        let namespace = |text: &str| Filter {
            place: Some(Place::Namespace(text.to_owned())),
            ..Filter::default()
        };
        for bad in ["", ">", "a b"] {
            assert!(subjects.filters(&namespace(bad)).is_err(), "{bad:?}");
        }
        let kind = Filter::kinds([Kind::Other("a.>".to_owned())]);
        assert!(subjects.filters(&kind).is_err());
        for bad in ["", "A", "a.b", "a_b", "a*"] {
            assert!(Subjects::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn subjects_that_are_not_ours_say_nothing() {
        let subjects = Subjects::new("s").unwrap();
        for strange in [
            "headroom.v1.t.planner.head",
            "headroom.v1.s.planner.tail",
            "headroom.v1.s.stranger.decided.a.b",
            "headroom.v1.s.planner.decided.a",
            "headroom.v1.s.planner.decided.a.b.c",
            "headroom.v1.s.planner.decided.A.b",
            "headroom.v1.sx.planner.head",
        ] {
            assert_eq!(subjects.parse(strange), None, "{strange}");
        }
        assert_eq!(
            subjects.parse("headroom.v1.s.planner.head"),
            Some(Address::Head(Service::Planner))
        );
    }
}
