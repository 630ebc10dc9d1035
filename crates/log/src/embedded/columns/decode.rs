//! Frames to entries.

use super::cursor::Cursor;
use super::{bodies, flags};
use crate::embedded::frame::{Damage, Frame, ID};
use crate::embedded::hash::Fast;
use crate::{Entry, Filter, PlacedHead};
use headroom_model::{
    Cause, Envelope, EventId, Head, Kind, Producer, Record, Seq, Timestamp, WorkloadId,
};
use std::borrow::Cow;
use std::collections::HashMap;

/// More names than this are not kept at hand: 100,000 workloads are what one evaluator is meant for.
const NAMES: usize = 200_000;

/// Names that were met before, so that the same workload is parsed and kept once, not once a frame.
#[derive(Debug, Default)]
pub(in crate::embedded) struct Interner(HashMap<Box<str>, WorkloadId, Fast>);

impl Interner {
    fn subject(&mut self, text: &str) -> Result<WorkloadId, Damage> {
        if let Some(known) = self.0.get(text) {
            return Ok(known.clone());
        }
        let subject: WorkloadId = text
            .parse()
            .map_err(|error| format!("holds a subject that is none: {error}"))?;
        if self.0.len() >= NAMES {
            self.0.clear();
        }
        self.0.insert(text.into(), subject.clone());
        Ok(subject)
    }
}

/// The entries of a frame that pass the filter, from position `from` to `until`, both included.
pub(in crate::embedded) fn decode(
    frame: &Frame<'_>,
    (from, until): (Seq, Seq),
    filter: &Filter,
    names: &mut Interner,
) -> Result<Vec<Entry>, Damage> {
    let columns = unpack(frame)?;
    let mut decoder = Decoder::new(frame, &columns, names)?;
    let mut entries = Vec::with_capacity(frame.header.entries as usize);
    for row in 0..frame.header.entries as usize {
        let entry = decoder.row(row, (from, until), filter)?;
        entries.extend(entry);
    }
    Ok(entries)
}

fn unpack<'a>(frame: &Frame<'a>) -> Result<Cow<'a, [u8]>, Damage> {
    if !frame.header.packed {
        return Ok(Cow::Borrowed(frame.columns));
    }
    zstd::bulk::decompress(frame.columns, frame.header.columns as usize)
        .map(Cow::Owned)
        .map_err(|error| format!("cannot be unpacked: {error}").into())
}

/// What the events of a shape have in common; `None` for heads.
type Shape = Option<(Kind, u16, Producer)>;

struct Decoder<'a> {
    shapes: Vec<Shape>,
    subjects: Vec<WorkloadId>,
    classes: Vec<Class<'a>>,
    rows: Rows<'a>,
    ids: &'a [u8],
    seqs: Vec<Seq>,
    seq: Seq,
    stamp: Timestamp,
    subject: i64,
}

/// The columns with one value an entry or event.
struct Rows<'a> {
    classes: Cursor<'a>,
    stamps: Cursor<'a>,
    ats: Cursor<'a>,
    subjects: Cursor<'a>,
    flags: Cursor<'a>,
    causes: Cursor<'a>,
    explicit: Cursor<'a>,
}

impl<'a> Decoder<'a> {
    fn new(frame: &Frame<'a>, columns: &'a [u8], names: &mut Interner) -> Result<Self, Damage> {
        let mut cursor = Cursor(columns);
        let shapes = shapes(&mut cursor)?;
        let subjects = (0..cursor.count()?)
            .map(|_| names.subject(cursor.text()?))
            .collect::<Result<_, _>>()?;
        let classes = (0..cursor.count()?)
            .map(|_| Class::read(&mut cursor, shapes.len()))
            .collect::<Result<_, _>>()?;
        let mut column = || -> Result<Cursor<'a>, Damage> {
            let length = cursor.count()?;
            cursor.take(length).map(Cursor)
        };
        let class_of_row = column()?;
        let seqs = positions(frame, column()?)?;
        Ok(Self {
            shapes,
            subjects,
            classes,
            rows: Rows {
                classes: class_of_row,
                stamps: column()?,
                ats: column()?,
                subjects: column()?,
                flags: column()?,
                causes: column()?,
                explicit: column()?,
            },
            ids: frame.ids,
            seqs,
            seq: Seq::ZERO,
            stamp: frame.header.first_stamp,
            subject: 0,
        })
    }

    /// The entry of a row, which has to be the next one; `None` if it is not wanted.
    fn row(
        &mut self,
        row: usize,
        (from, until): (Seq, Seq),
        filter: &Filter,
    ) -> Result<Option<Entry>, Damage> {
        self.seq = self.seqs[row];
        self.stamp = Timestamp(self.stamp.0.wrapping_add(self.rows.stamps.signed()?));
        let class = usize::try_from(self.rows.classes.number()?)
            .ok()
            .filter(|&class| class < self.classes.len())
            .ok_or("names a class that it does not have")?;
        let member = self.classes[class].next_member()?;
        let in_range = from <= self.seq && self.seq <= until;
        let Some((kind, version, producer)) = self.shapes[self.classes[class].shape].clone() else {
            return self.head(class, member, filter, in_range);
        };
        let envelope = self.envelope(row, kind, version, producer)?;
        if !in_range || !filter.passes(&envelope) {
            return Ok(None);
        }
        let body = self.classes[class].body(member);
        Ok(Some(Entry::Event(Record { envelope, body })))
    }

    fn head(
        &self,
        class: usize,
        member: usize,
        filter: &Filter,
        in_range: bool,
    ) -> Result<Option<Entry>, Damage> {
        let body = self.classes[class].body(member);
        let head = Head::decode(&body).map_err(|error| format!("holds a bad head: {error}"))?;
        let wanted = in_range && filter.passes_head(head.service, self.stamp);
        Ok(wanted.then_some(Entry::Head(PlacedHead {
            seq: self.seq,
            stamp: self.stamp,
            head,
        })))
    }

    fn envelope(
        &mut self,
        row: usize,
        kind: Kind,
        version: u16,
        producer: Producer,
    ) -> Result<Envelope, Damage> {
        let at = Timestamp(self.stamp.0.wrapping_sub(self.rows.ats.signed()?));
        self.subject = self.subject.wrapping_add(self.rows.subjects.signed()?);
        let subject = usize::try_from(self.subject)
            .ok()
            .and_then(|number| self.subjects.get(number))
            .ok_or("names a subject that it does not have")?
            .clone();
        let bits = self.rows.flags.byte()?;
        let cause = self.cause(bits)?;
        let correlation = if bits & flags::CORRELATION_EXPLICIT != 0 {
            Some(self.explicit()?)
        } else if bits & flags::CORRELATION_IS_CAUSE != 0 {
            cause.map(|cause| cause.id)
        } else {
            None
        };
        Ok(Envelope {
            id: self.id(row),
            kind,
            version,
            subject,
            at,
            stamp: self.stamp,
            seq: self.seq,
            cause,
            correlation,
            producer,
        })
    }

    fn cause(&mut self, bits: u8) -> Result<Option<Cause>, Damage> {
        if bits & (flags::CAUSE_EXPLICIT | flags::CAUSE_HERE) == 0 {
            return Ok(None);
        }
        let distance = self.rows.causes.signed()?.cast_unsigned();
        let seq = Seq(self.seq.0.wrapping_sub(distance));
        let id = if bits & flags::CAUSE_EXPLICIT != 0 {
            self.explicit()?
        } else {
            let row = self
                .seqs
                .binary_search(&seq)
                .map_err(|_| "names a cause that it does not have")?;
            self.id(row)
        };
        Ok(Some(Cause { id, seq }))
    }

    fn explicit(&mut self) -> Result<EventId, Damage> {
        self.rows.explicit.take(ID).map(id)
    }

    fn id(&self, row: usize) -> EventId {
        id(&self.ids[row * ID..(row + 1) * ID])
    }
}

fn id(bytes: &[u8]) -> EventId {
    EventId(uuid::Uuid::from_slice(bytes).expect("every caller takes as many bytes as an id has"))
}

fn shapes(cursor: &mut Cursor<'_>) -> Result<Vec<Shape>, Damage> {
    (0..cursor.count()?)
        .map(|_| {
            if cursor.byte()? == flags::HEAD {
                return Ok(None);
            }
            let kind = Kind::from_token(cursor.text()?);
            let version = u16::try_from(cursor.number()?).map_err(|_| "holds a bad version")?;
            let service = cursor.text()?.parse()?;
            let instance = cursor.text()?.into();
            let behaviour =
                u32::try_from(cursor.number()?).map_err(|_| "holds a bad behaviour version")?;
            let producer = Producer {
                service,
                instance,
                behaviour,
            };
            Ok(Some((kind, version, producer)))
        })
        .collect()
}

/// The positions of all rows, from the gaps between them.
fn positions(frame: &Frame<'_>, mut gaps: Cursor<'_>) -> Result<Vec<Seq>, Damage> {
    let mut before = frame.header.first.0.wrapping_sub(1);
    let mut seqs = Vec::with_capacity(frame.header.entries as usize);
    for _ in 0..frame.header.entries {
        before = before.wrapping_add(gaps.number()?).wrapping_add(1);
        seqs.push(Seq(before));
    }
    if before != frame.header.last.0 {
        return Err("ends at another position than it says".into());
    }
    Ok(seqs)
}

/// The bodies of one shape and length.
struct Class<'a> {
    shape: usize,
    length: usize,
    members: usize,
    next: usize,
    stored: Bodies<'a>,
}

enum Bodies<'a> {
    Whole(&'a [u8]),
    Patched {
        template: &'a [u8],
        varying: Vec<usize>,
        planes: &'a [u8],
    },
}

impl<'a> Class<'a> {
    fn read(cursor: &mut Cursor<'a>, shapes: usize) -> Result<Self, Damage> {
        let mut small = || -> Result<usize, Damage> {
            usize::try_from(cursor.number()?).map_err(|_| "claims more than it holds".into())
        };
        let (shape, length, members) = (small()?, small()?, small()?);
        if shape >= shapes {
            return Err("names a shape that it does not have".into());
        }
        let area = |one: usize| {
            one.checked_mul(members)
                .ok_or_else(|| Damage::from("claims more than it holds"))
        };
        let stored = match cursor.byte()? {
            bodies::WHOLE => Bodies::Whole(cursor.take(area(length)?)?),
            bodies::PATCHED => {
                let template = cursor.take(length)?;
                let varying = varying(cursor, length)?;
                let planes = cursor.take(area(varying.len())?)?;
                Bodies::Patched {
                    template,
                    varying,
                    planes,
                }
            }
            other => return Err(format!("stores bodies in the unknown way {other}").into()),
        };
        Ok(Self {
            shape,
            length,
            members,
            next: 0,
            stored,
        })
    }

    fn next_member(&mut self) -> Result<usize, Damage> {
        let member = self.next;
        self.next += 1;
        if member < self.members {
            Ok(member)
        } else {
            Err("has fewer bodies than entries".into())
        }
    }

    /// The body of a member below `members`.
    fn body(&self, member: usize) -> Vec<u8> {
        match &self.stored {
            Bodies::Whole(all) => all[member * self.length..(member + 1) * self.length].to_vec(),
            Bodies::Patched {
                template,
                varying,
                planes,
            } => {
                let mut body = template.to_vec();
                let plane = planes.iter().skip(member).step_by(self.members);
                for (&at, &byte) in varying.iter().zip(plane) {
                    body[at] = byte;
                }
                body
            }
        }
    }
}

/// Where the members of a class differ from their template, every place below `length`.
fn varying(cursor: &mut Cursor<'_>, length: usize) -> Result<Vec<usize>, Damage> {
    let mut next = 0_usize;
    (0..cursor.count()?)
        .map(|_| {
            let at = usize::try_from(cursor.number()?)
                .ok()
                .and_then(|gap| next.checked_add(gap))
                .filter(|&at| at < length)
                .ok_or("patches a body behind its end")?;
            next = at + 1;
            Ok(at)
        })
        .collect()
}
