//! An event: a small past-tense fact in an envelope.

use crate::{Body, EventId, Kind, Seq, Timestamp, WorkloadId, codec::DecodeError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr, sync::Arc};

/// Who may write what: the producer token of a subject.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Service {
    /// Writes what sources said.
    Collector,
    /// Writes what people said: policies and overrides, through the CLI.
    Operator,
    /// Writes that time moved.
    Clock,
    /// Turns observations into recommendations.
    Evaluator,
    /// Turns recommendations into decisions.
    Planner,
    /// Turns decisions into actuations.
    Actuator,
    /// Writes what the world answered.
    Target,
}

impl Service {
    /// Every service.
    pub const ALL: [Self; 7] = [
        Self::Collector,
        Self::Operator,
        Self::Clock,
        Self::Evaluator,
        Self::Planner,
        Self::Actuator,
        Self::Target,
    ];

    /// The token in subjects, metrics and the CLI.
    #[must_use]
    pub const fn token(self) -> &'static str {
        match self {
            Self::Collector => "collector",
            Self::Operator => "operator",
            Self::Clock => "clock",
            Self::Evaluator => "evaluator",
            Self::Planner => "planner",
            Self::Actuator => "actuator",
            Self::Target => "target",
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.token())
    }
}

impl FromStr for Service {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|service| service.token() == text)
            .ok_or_else(|| format!("{text:?} is no service of this version; it knows collector, operator, clock, evaluator, planner, actuator, target"))
    }
}

/// The event that led to this one.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub struct Cause {
    /// Its id.
    pub id: EventId,
    /// Its position in the log.
    pub seq: Seq,
}

/// Which process of which version wrote an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Producer {
    /// The service.
    pub service: Service,
    /// The process, unique among those that live at the same time: host name and process id unless configured.
    pub instance: Arc<str>,
    /// The behaviour version of the machine; 0 where no machine decides.
    pub behaviour: u32,
}

/// All that is known of an event without its body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Envelope {
    /// The identity.
    pub id: EventId,
    /// What the body is.
    pub kind: Kind,
    /// The version of the body's schema, from 1.
    pub version: u16,
    /// The workload it is about.
    pub subject: WorkloadId,
    /// When the producer says it happened. Data, never a clock.
    pub at: Timestamp,
    /// When the log accepted it, never before an earlier event's: the only clock that machines know. 0 before that.
    pub stamp: Timestamp,
    /// Its position in the log; 0 before the log accepted it.
    pub seq: Seq,
    /// What led to it; `None` for facts from outside.
    pub cause: Option<Cause>,
    /// The first event of the chain; `None` when this is the first.
    pub correlation: Option<EventId>,
    /// Who wrote it.
    pub producer: Producer,
}

/// An envelope and the encoded body, exactly as the log keeps them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The envelope.
    pub envelope: Envelope,
    /// The body: a MessagePack map with named fields.
    #[serde(with = "crate::codec::bytes")]
    pub body: Vec<u8>,
}

impl Record {
    /// Decodes the body. A kind or version that this build does not know gives [`Body::Unknown`].
    ///
    /// # Errors
    /// When the bytes are not what kind and version promise.
    pub fn decode(&self) -> Result<Event, DecodeError> {
        let body = Body::decode(&self.envelope.kind, self.envelope.version, &self.body)?;
        Ok(Event {
            envelope: self.envelope.clone(),
            body,
        })
    }

    /// Like [`Record::decode`], without copying the envelope.
    ///
    /// # Errors
    /// When the bytes are not what kind and version promise.
    pub fn into_event(self) -> Result<Event, DecodeError> {
        let body = Body::decode(&self.envelope.kind, self.envelope.version, &self.body)?;
        Ok(Event {
            envelope: self.envelope,
            body,
        })
    }
}

/// A decoded event.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The envelope.
    pub envelope: Envelope,
    /// What happened.
    pub body: Body,
}

impl Event {
    /// A fact from outside, not yet accepted by a log.
    #[must_use]
    pub fn fact(
        id: EventId,
        subject: WorkloadId,
        at: Timestamp,
        producer: Producer,
        body: Body,
    ) -> Self {
        let envelope = Envelope {
            id,
            kind: body.kind(),
            version: body.version(),
            subject,
            at,
            stamp: Timestamp::EPOCH,
            seq: Seq::ZERO,
            cause: None,
            correlation: None,
            producer,
        };
        Self { envelope, body }
    }

    /// Says which event led to this one.
    #[must_use]
    pub fn caused_by(mut self, id: EventId, seq: Seq, correlation: Option<EventId>) -> Self {
        self.envelope.cause = Some(Cause { id, seq });
        self.envelope.correlation = Some(correlation.unwrap_or(id));
        self
    }

    /// Encodes the body.
    #[must_use]
    pub fn to_record(&self) -> Record {
        Record {
            envelope: self.envelope.clone(),
            body: self.body.encode(),
        }
    }

    /// The JSON form that `-o json` prints: the envelope's fields and the body under `body`.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let mut value = serde_json::to_value(&self.envelope).unwrap_or_default();
        if let Some(fields) = value.as_object_mut() {
            fields.insert("body".to_owned(), self.body.to_json());
        }
        value
    }
}
