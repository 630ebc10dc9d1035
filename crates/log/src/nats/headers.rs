//! The headers that we write and read. Made once: async-nats checks and copies names that are given as text.

use async_nats::HeaderName;

const fn name(text: &'static str) -> HeaderName {
    HeaderName::from_static(text)
}

/// The version of CloudEvents.
pub(super) const SPEC_VERSION: HeaderName = name("ce-specversion");
/// The id of the event; of a head, that of its commit.
pub(super) const ID: HeaderName = name("ce-id");
/// Kind and version: `headroom.<kind>.v<version>`.
pub(super) const TYPE: HeaderName = name("ce-type");
/// Who wrote it: `/headroom/<shard>/<service>`.
pub(super) const SOURCE: HeaderName = name("ce-source");
/// The media type of the body.
pub(super) const DATA_CONTENT_TYPE: HeaderName = name("ce-datacontenttype");
/// The workload.
pub(super) const SUBJECT: HeaderName = name("ce-subject");
/// When it happened, in RFC 3339.
pub(super) const TIME: HeaderName = name("ce-time");
/// The same in milliseconds since 1970, where RFC 3339 has no such year.
pub(super) const TIME_MS: HeaderName = name("ce-timems");
/// The instance of the service.
pub(super) const INSTANCE: HeaderName = name("ce-instance");
/// The behaviour version of the service.
pub(super) const BEHAVIOUR: HeaderName = name("ce-behaviour");
/// The id of the event that caused it.
pub(super) const CAUSE: HeaderName = name("ce-cause");
/// The position of that one.
pub(super) const CAUSE_SEQ: HeaderName = name("ce-causeseq");
/// The id of what it all began with.
pub(super) const CORRELATION: HeaderName = name("ce-correlation");

/// By this id a stream knows a message that comes twice.
pub(super) const MESSAGE_ID: HeaderName = async_nats::header::NATS_MESSAGE_ID;
/// By a stream that sources others: where a message came from.
pub(super) const STREAM_SOURCE: HeaderName = name("Nats-Stream-Source");
