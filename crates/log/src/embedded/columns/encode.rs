//! Entries to frames.

use super::cursor::{put, put_signed, put_text};
use super::{bodies, flags};
use crate::embedded::frame::{self, Header, ID};
use crate::embedded::hash::Fast;
use crate::{Entry, PlacedHead};
use headroom_model::{Envelope, EventId, Kind, Record, Seq, Service, Timestamp, WorkloadId};
use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use zstd::bulk::Compressor;

/// The zstd level: higher ones save less than a byte an event here, at several times the price.
const LEVEL: i32 = 1;

/// Kind, version and producer of an event, the latter as service, instance and behaviour; `None` is a head.
type Shape<'a> = Option<(&'a Kind, u16, Service, &'a str, u32)>;

/// Encodes entries, at least one, in the order of their positions. [`Entry::Damaged`] is nothing that can be stored and
/// is left out.
pub(in crate::embedded) fn encode<'a>(
    entries: impl IntoIterator<Item = &'a Entry>,
    packed: bool,
) -> Vec<u8> {
    let entries = entries.into_iter();
    let mut encoder = Encoder::default();
    // Many workloads in turn: growing step by step would hash each of them several times.
    encoder.subjects.numbers.reserve(entries.size_hint().0);
    for entry in entries {
        match entry {
            Entry::Event(record) => encoder.event(record),
            Entry::Head(head) => encoder.head(head),
            Entry::Damaged { .. } => {}
        }
    }
    encoder.finish(packed)
}

#[derive(Default)]
struct Encoder<'a> {
    shapes: Dictionary<Shape<'a>>,
    subjects: Dictionary<&'a WorkloadId>,
    classes: Dictionary<(usize, usize)>,
    members: Vec<Vec<Cow<'a, [u8]>>>,
    rows: Rows,
    ids: Vec<u8>,
    seqs: Vec<Seq>,
    first_stamp: Timestamp,
    last_stamp: Timestamp,
    last_subject: usize,
}

/// The columns with one value an entry or event.
#[derive(Default)]
struct Rows {
    classes: Vec<u8>,
    gaps: Vec<u8>,
    stamps: Vec<u8>,
    ats: Vec<u8>,
    subjects: Vec<u8>,
    flags: Vec<u8>,
    causes: Vec<u8>,
    explicit: Vec<u8>,
}

/// Different values, numbered in the order in which they came.
struct Dictionary<T> {
    values: Vec<T>,
    numbers: HashMap<T, usize, Fast>,
    last: usize,
}

impl<T> Default for Dictionary<T> {
    fn default() -> Self {
        Self {
            values: Vec::new(),
            numbers: HashMap::default(),
            last: 0,
        }
    }
}

impl<T: Copy + Eq + std::hash::Hash> Dictionary<T> {
    fn number(&mut self, value: T) -> usize {
        // Neighbours are often alike, and comparing is cheaper than hashing.
        if self.values.get(self.last) == Some(&value) {
            return self.last;
        }
        let values = &mut self.values;
        self.last = *self.numbers.entry(value).or_insert_with(|| {
            values.push(value);
            values.len() - 1
        });
        self.last
    }
}

impl<'a> Encoder<'a> {
    fn head(&mut self, head: &'a PlacedHead) {
        self.ids.extend_from_slice(&[0; ID]);
        self.entry(head.seq, head.stamp, None, Cow::Owned(head.head.encode()));
    }

    fn event(&mut self, record: &'a Record) {
        let envelope = &record.envelope;
        self.ids.extend_from_slice(envelope.id.0.as_bytes());
        let writer = &envelope.producer;
        let shape = Some((
            &envelope.kind,
            envelope.version,
            writer.service,
            &*writer.instance,
            writer.behaviour,
        ));
        self.entry(
            envelope.seq,
            envelope.stamp,
            shape,
            Cow::Borrowed(&record.body),
        );
        put_signed(
            &mut self.rows.ats,
            envelope.stamp.0.wrapping_sub(envelope.at.0),
        );
        let subject = self.subjects.number(&envelope.subject);
        put_signed(
            &mut self.rows.subjects,
            subject as i64 - self.last_subject as i64,
        );
        self.last_subject = subject;
        self.origin(envelope);
    }

    fn entry(&mut self, seq: Seq, stamp: Timestamp, shape: Shape<'a>, body: Cow<'a, [u8]>) {
        if self.seqs.is_empty() {
            (self.first_stamp, self.last_stamp) = (stamp, stamp);
        }
        let before = self.seqs.last().map_or(seq.0.wrapping_sub(1), |seq| seq.0);
        put(
            &mut self.rows.gaps,
            seq.0.wrapping_sub(before).wrapping_sub(1),
        );
        self.seqs.push(seq);
        put_signed(
            &mut self.rows.stamps,
            stamp.0.wrapping_sub(self.last_stamp.0),
        );
        self.last_stamp = stamp;
        let class = self.classes.number((self.shapes.number(shape), body.len()));
        put(&mut self.rows.classes, class as u64);
        if self.members.len() <= class {
            self.members.push(Vec::new());
        }
        self.members[class].push(body);
    }

    /// Cause and correlation.
    fn origin(&mut self, envelope: &Envelope) {
        let mut bits = 0;
        if let Some(cause) = envelope.cause {
            put_signed(
                &mut self.rows.causes,
                envelope.seq.0.wrapping_sub(cause.seq.0).cast_signed(),
            );
            if self.id_at(cause.seq) == Some(cause.id) {
                bits |= flags::CAUSE_HERE;
            } else {
                bits |= flags::CAUSE_EXPLICIT;
                self.rows.explicit.extend_from_slice(cause.id.0.as_bytes());
            }
        }
        match envelope.correlation {
            None => {}
            same if same == envelope.cause.map(|cause| cause.id) => {
                bits |= flags::CORRELATION_IS_CAUSE;
            }
            Some(id) => {
                bits |= flags::CORRELATION_EXPLICIT;
                self.rows.explicit.extend_from_slice(id.0.as_bytes());
            }
        }
        self.rows.flags.push(bits);
    }

    fn id_at(&self, seq: Seq) -> Option<EventId> {
        let row = self.seqs.binary_search(&seq).ok()?;
        let id = self.ids[row * ID..].first_chunk::<ID>()?;
        Some(EventId(uuid::Uuid::from_bytes(*id)))
    }

    fn finish(self, packed: bool) -> Vec<u8> {
        let mut columns = Vec::with_capacity(self.ids.len() * 2);
        self.dictionaries(&mut columns);
        for (&(shape, length), members) in self.classes.values.iter().zip(&self.members) {
            put(&mut columns, shape as u64);
            put(&mut columns, length as u64);
            put(&mut columns, members.len() as u64);
            put_bodies(&mut columns, length, members);
        }
        let rows = &self.rows;
        for column in [
            &rows.classes,
            &rows.gaps,
            &rows.stamps,
            &rows.ats,
            &rows.subjects,
            &rows.flags,
            &rows.causes,
            &rows.explicit,
        ] {
            put(&mut columns, column.len() as u64);
            columns.extend_from_slice(column);
        }
        self.seal(packed, &columns)
    }

    fn seal(&self, packed: bool, columns: &[u8]) -> Vec<u8> {
        let smaller = packed
            .then(|| compress(columns))
            .flatten()
            .filter(|smaller| smaller.len() < columns.len());
        let stored = smaller.as_deref().unwrap_or(columns);
        let length = |bytes: usize| {
            u32::try_from(bytes).expect("the writer cuts frames long before they are 4 GiB")
        };
        let header = Header {
            packed: smaller.is_some(),
            payload: length(self.ids.len() + stored.len()),
            columns: length(columns.len()),
            entries: length(self.seqs.len()),
            first: self.seqs.first().copied().unwrap_or_default(),
            last: self.seqs.last().copied().unwrap_or_default(),
            first_stamp: self.first_stamp,
            last_stamp: self.last_stamp,
        };
        frame::seal(&header, &self.ids, stored)
    }

    fn dictionaries(&self, columns: &mut Vec<u8>) {
        put(columns, self.shapes.values.len() as u64);
        for shape in &self.shapes.values {
            let Some((kind, version, service, instance, behaviour)) = shape else {
                columns.push(flags::HEAD);
                continue;
            };
            columns.push(flags::EVENT);
            put_text(columns, kind.token());
            put(columns, u64::from(*version));
            put_text(columns, service.token());
            put_text(columns, instance);
            put(columns, u64::from(*behaviour));
        }
        put(columns, self.subjects.values.len() as u64);
        for subject in &self.subjects.values {
            put_text(columns, subject.as_str());
        }
        put(columns, self.classes.values.len() as u64);
    }
}

/// The columns, compressed, or `None` when zstd cannot.
fn compress(columns: &[u8]) -> Option<Vec<u8>> {
    thread_local! {
        /// Made once: it takes longer to set up than to use.
        static COMPRESSOR: RefCell<Option<Compressor<'static>>> = RefCell::new(Compressor::new(LEVEL).ok());
    }
    COMPRESSOR.with_borrow_mut(|compressor| compressor.as_mut()?.compress(columns).ok())
}

/// Writes the bodies of a class, each `length` long.
fn put_bodies(columns: &mut Vec<u8>, length: usize, members: &[Cow<'_, [u8]>]) {
    let template: &[u8] = &members[0];
    let mut differs = vec![0_u8; length];
    for member in members {
        for ((differs, byte), usual) in differs.iter_mut().zip(member.iter()).zip(template) {
            *differs |= byte ^ usual;
        }
    }
    let varying: Vec<usize> = (0..length).filter(|&at| differs[at] != 0).collect();
    if members.len() > 1 && varying.len() * 2 > length {
        columns.push(bodies::WHOLE);
        members
            .iter()
            .for_each(|member| columns.extend_from_slice(member));
        return;
    }
    columns.push(bodies::PATCHED);
    columns.extend_from_slice(template);
    put(columns, varying.len() as u64);
    let mut after = 0;
    for &at in &varying {
        put(columns, (at - after) as u64);
        after = at + 1;
    }
    for &at in &varying {
        columns.extend(members.iter().map(|member| member[at]));
    }
}
