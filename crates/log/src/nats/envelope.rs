//! Envelopes as CloudEvents headers in binary mode: the attributes in `ce-` headers, the body alone as payload.

use super::headers as h;
use super::subject::{Address, Subjects};
use crate::{Entry, PlacedHead};
use async_nats::{HeaderMap, HeaderName, header};
use chrono::{DateTime, SecondsFormat, Utc};
use headroom_model::{
    Cause, Envelope, EventId, Head, Kind, Producer, Record, Seq, Service, Timestamp,
};
use std::fmt::Write as _;
use std::ops::RangeInclusive;
use uuid::Uuid;

/// The media type of every body.
pub const CONTENT_TYPE: &str = "application/msgpack";

/// Headers that NATS adds to copies that it sends as answers or keeps in other streams. A message of the log that has one
/// was not written by a service: someone let the server send a copy there.
const COPIED: [HeaderName; 3] = [header::NATS_STREAM, header::NATS_SEQUENCE, h::STREAM_SOURCE];

/// The headers of an event.
pub(super) fn encode(record: &Record, subjects: &Subjects) -> HeaderMap {
    let envelope = &record.envelope;
    let mut headers = common(
        &envelope.id.0,
        &envelope.kind,
        envelope.version,
        envelope.producer.service,
        subjects,
    );
    headers.insert(h::SUBJECT, envelope.subject.to_string());
    headers.insert(h::TIME, time(envelope.at));
    if !has_year(envelope.at) {
        // A broken clock must not make an event unreadable.
        headers.insert(h::TIME_MS, envelope.at.0.to_string());
    }
    headers.insert(h::INSTANCE, escape(&envelope.producer.instance));
    headers.insert(h::BEHAVIOUR, envelope.producer.behaviour.to_string());
    if let Some(cause) = envelope.cause {
        headers.insert(h::CAUSE, cause.id.to_string());
        headers.insert(h::CAUSE_SEQ, cause.seq.to_string());
    }
    if let Some(correlation) = envelope.correlation {
        headers.insert(h::CORRELATION, correlation.to_string());
    }
    headers
}

/// The headers of a head, so that a subscriber knows it from an event.
pub(super) fn encode_head(head: &Head, subjects: &Subjects) -> HeaderMap {
    let kind = Kind::Other("head".to_owned());
    let mut headers = common(&head.commit_id, &kind, 1, head.service, subjects);
    headers.insert(h::INSTANCE, escape(&head.instance));
    headers
}

fn common(
    id: &Uuid,
    kind: &Kind,
    version: u16,
    service: Service,
    subjects: &Subjects,
) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(h::SPEC_VERSION, "1.0");
    headers.insert(h::ID, id.to_string());
    headers.insert(h::TYPE, format!("headroom.{kind}.v{version}"));
    headers.insert(
        h::SOURCE,
        format!("/headroom/{}/{service}", subjects.shard()),
    );
    headers.insert(h::DATA_CONTENT_TYPE, CONTENT_TYPE);
    headers
}

/// A message as the stream has it.
pub(super) struct Stored<'a> {
    pub(super) subject: &'a str,
    pub(super) headers: Option<&'a HeaderMap>,
    pub(super) payload: &'a [u8],
    pub(super) seq: Seq,
    pub(super) stamp: Timestamp,
    /// Whether it was read from the ledger, where everything is a copy.
    pub(super) sourced: bool,
}

impl Stored<'_> {
    /// The entry; [`Entry::Damaged`] when the message is none of ours.
    pub(super) fn decode(&self, subjects: &Subjects) -> Entry {
        self.try_decode(subjects)
            .unwrap_or_else(|detail| Entry::Damaged {
                first: self.seq,
                last: self.seq,
                detail: format!("message on {}: {detail}", self.subject),
            })
    }

    fn try_decode(&self, subjects: &Subjects) -> Result<Entry, String> {
        let address = subjects
            .parse(self.subject)
            .ok_or("this version knows no such subject")?;
        let headers = self.headers.ok_or("it has no CloudEvents headers")?;
        let copied = |name: &HeaderName| headers.get(name.clone()).is_some();
        if !self.sourced
            && let Some(name) = COPIED.iter().find(|name| copied(name))
        {
            return Err(format!(
                "its header {name} shows that it is a copy that a server sent, not what a service wrote"
            ));
        }
        match address {
            Address::Head(service) => self.head(service),
            Address::Event {
                service,
                kind,
                subject,
            } => {
                let version = version(text(headers, &h::TYPE)?, &kind)?;
                Ok(Entry::Event(Record {
                    envelope: Envelope {
                        id: id(headers, &h::ID)?.ok_or("it has no header ce-id")?,
                        kind,
                        version,
                        subject,
                        at: at(headers)?,
                        stamp: self.stamp,
                        seq: self.seq,
                        cause: cause(headers)?,
                        correlation: id(headers, &h::CORRELATION)?,
                        producer: Producer {
                            service,
                            instance: unescape(text(headers, &h::INSTANCE)?)?.into(),
                            behaviour: number(headers, &h::BEHAVIOUR)?
                                .ok_or("it has no header ce-behaviour")?,
                        },
                    },
                    body: self.payload.to_vec(),
                }))
            }
        }
    }

    fn head(&self, service: Service) -> Result<Entry, String> {
        let head = Head::decode(self.payload).map_err(|error| error.to_string())?;
        if head.service != service {
            return Err(format!("it holds a head of {}", head.service));
        }
        Ok(Entry::Head(PlacedHead {
            seq: self.seq,
            stamp: self.stamp,
            head,
        }))
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<&'a str, String> {
    headers
        .get(name.clone())
        .map(async_nats::HeaderValue::as_str)
        .ok_or_else(|| format!("it has no header {name}"))
}

fn number<T: std::str::FromStr>(
    headers: &HeaderMap,
    name: &HeaderName,
) -> Result<Option<T>, String> {
    headers
        .get(name.clone())
        .map(|value| {
            value
                .as_str()
                .parse()
                .map_err(|_| format!("its header {name} is {value:?}, which is no such number"))
        })
        .transpose()
}

fn id(headers: &HeaderMap, name: &HeaderName) -> Result<Option<EventId>, String> {
    headers
        .get(name.clone())
        .map(|value| {
            Uuid::try_parse(value.as_str())
                .map(EventId)
                .map_err(|_| format!("its header {name} is {value:?}, which is no UUID"))
        })
        .transpose()
}

fn cause(headers: &HeaderMap) -> Result<Option<Cause>, String> {
    match (id(headers, &h::CAUSE)?, number(headers, &h::CAUSE_SEQ)?) {
        (Some(id), Some(seq)) => Ok(Some(Cause { id, seq: Seq(seq) })),
        (None, None) => Ok(None),
        _ => Err("ce-cause and ce-causeseq belong together, and one is missing".to_owned()),
    }
}

fn version(ce_type: &str, kind: &Kind) -> Result<u16, String> {
    ce_type
        .strip_prefix("headroom.")
        .and_then(|rest| rest.strip_prefix(kind.token()))
        .and_then(|rest| rest.strip_prefix(".v"))
        .and_then(|version| version.parse().ok())
        .ok_or_else(|| format!("its header ce-type is {ce_type:?}, which the subject contradicts"))
}

fn at(headers: &HeaderMap) -> Result<Timestamp, String> {
    if let Some(exact) = number(headers, &h::TIME_MS)? {
        return Ok(Timestamp(exact));
    }
    let time = text(headers, &h::TIME)?;
    moment(time).ok_or_else(|| format!("its header ce-time is {time:?}, which is no time"))
}

/// The moments that RFC 3339 can name: the years 0 to 9999.
const YEARS: RangeInclusive<i64> = -62_167_219_200_000..=253_402_300_799_999;

fn has_year(at: Timestamp) -> bool {
    YEARS.contains(&at.0)
}

/// RFC 3339 with milliseconds; the nearest bound outside the years 0 to 9999.
fn time(at: Timestamp) -> String {
    DateTime::<Utc>::from_timestamp_millis(at.0.clamp(*YEARS.start(), *YEARS.end()))
        .expect("chrono reaches further than these bounds")
        .to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn moment(time: &str) -> Option<Timestamp> {
    let time = DateTime::parse_from_rfc3339(time).ok()?;
    Some(Timestamp(time.timestamp_millis()))
}

/// Percent-encodes what CloudEvents does not allow in a header: spaces, quotes, percent signs and all but printable ASCII.
fn escape(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_graphic() && byte != b'"' && byte != b'%' {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

fn unescape(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let code = (byte == b'%')
            .then(|| tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok()))
            .flatten()
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(code.unwrap_or(byte));
        rest = if code.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8(bytes).map_err(|_| format!("its header ce-instance {text:?} is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn record(instance: &str, at: i64, cause: Option<(u128, u64)>, body: Vec<u8>) -> Record {
        Record {
            envelope: Envelope {
                id: EventId(Uuid::from_u128(7)),
                kind: Kind::Other("from_the_future".to_owned()),
                version: 3,
                subject: "a.b/c.d".parse().unwrap(),
                at: Timestamp(at),
                stamp: Timestamp(5),
                seq: Seq(9),
                cause: cause.map(|(id, seq)| Cause {
                    id: EventId(Uuid::from_u128(id)),
                    seq: Seq(seq),
                }),
                correlation: cause.map(|(id, _)| EventId(Uuid::from_u128(id ^ 1))),
                producer: Producer {
                    service: Service::Target,
                    instance: instance.into(),
                    behaviour: 4,
                },
            },
            body,
        }
    }

    fn decoded(subject: &str, headers: Option<&HeaderMap>, payload: &[u8]) -> Entry {
        let stored = Stored {
            subject,
            headers,
            payload,
            seq: Seq(9),
            stamp: Timestamp(5),
            sourced: false,
        };
        stored.decode(&Subjects::new("s").unwrap())
    }

    proptest! {
        #[test]
        fn an_event_comes_back_as_it_went(
            instance in ".*", at in any::<i64>(), cause in any::<Option<(u128, u64)>>(), body in any::<Vec<u8>>(),
        ) {
            let subjects = Subjects::new("s").unwrap();
            let record = record(&instance, at, cause, body);
            let (headers, subject) = (encode(&record, &subjects), subjects.event(&record.envelope).unwrap());
            prop_assert_eq!(decoded(&subject, Some(&headers), &record.body), Entry::Event(record));
        }

        #[test]
        fn any_header_can_be_unescaped(text in ".*") {
            let _ = unescape(&text);
            prop_assert_eq!(unescape(&escape(&text)).unwrap(), text);
        }
    }

    #[test]
    fn what_is_not_ours_is_named_and_not_believed() {
        let subjects = Subjects::new("s").unwrap();
        let good = record("i", 0, None, vec![1]);
        let subject = "headroom.v1.s.target.from_the_future.a=2Eb.c=2Ed";
        let with = |name: &str, value: &str| {
            let mut headers = encode(&good, &subjects);
            headers.insert(name, value);
            headers
        };
        let cases = [
            (
                "another kind than the subject's",
                subject,
                with("ce-type", "headroom.decided.v1"),
                "contradicts",
            ),
            ("no id", subject, with("ce-id", "x"), "no UUID"),
            (
                "half a cause",
                subject,
                with("ce-causeseq", "4"),
                "belong together",
            ),
            (
                "an answer of the server",
                subject,
                with("Nats-Stream", "S"),
                "a copy",
            ),
            (
                "a stranger's subject",
                "headroom.v1.s.me.x.a.b",
                with("a", "b"),
                "no such subject",
            ),
            (
                "no head",
                "headroom.v1.s.planner.head",
                with("a", "b"),
                "head of a machine",
            ),
        ];
        for (name, subject, headers, want) in cases {
            match decoded(subject, Some(&headers), &[1]) {
                Entry::Damaged {
                    first: Seq(9),
                    last: Seq(9),
                    detail,
                } => {
                    assert!(detail.contains(want), "{name}: {detail}");
                }
                other => panic!("{name}: {other:?}"),
            }
        }
        assert!(matches!(decoded(subject, None, &[]), Entry::Damaged { .. }));
    }
}
