//! Opening: what was acknowledged is found again, what was lost is named.

use super::blocks::{self, Files, Found, Place};
use super::checkpoints::Checkpoints;
use super::columns::{Interner, decode};
use super::frame;
use super::high_water::HighWater;
use super::index::{Block, Index};
use super::recent::Recent;
use super::sealing;
use super::shared::{Shared, Young};
use super::stamps::Stamps;
use super::summary::Summary;
use super::{Settings, open_error, storage_error};
use crate::memory::DUPLICATE_WINDOW;
use crate::{Bounds, Entry, Filter, LogError, PlacedHead};
use headroom_model::{EventId, Seq, Service, Timestamp};
use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use tokio::sync::watch;

/// All positions.
const EVERYWHERE: (Seq, Seq) = (Seq::ZERO, Seq(u64::MAX));

/// A log as it was found, ready for its threads.
pub(super) struct Recovered {
    pub(super) shared: Arc<Shared>,
    pub(super) blocks: blocks::Writer,
    pub(super) high_water: HighWater,
    pub(super) stamps: Stamps,
    pub(super) recent: Recent,
    pub(super) last: watch::Sender<Seq>,
}

/// Opens what is in `dir`, or makes it.
pub(super) fn open(dir: &Path, settings: &Settings) -> Result<Recovered, LogError> {
    // sled asserts much about its own files, and a damaged one must not take the process with it.
    catch_unwind(AssertUnwindSafe(|| recover(dir, settings))).unwrap_or_else(|_| {
        Err(open_error(
            &dir.join("index"),
            &"sled cannot make sense of it",
        ))
    })
}

fn recover(dir: &Path, settings: &Settings) -> Result<Recovered, LogError> {
    let failed = |error: io::Error| storage_error("open", dir, &error);
    std::fs::create_dir_all(dir).map_err(failed)?;
    let index = Index::open(dir, settings.cache_bytes)?;
    let files = Files::open(dir.join("blocks")).map_err(failed)?;
    let checkpoints = Checkpoints::open(dir.join("checkpoints")).map_err(failed)?;
    let (high_water, known) = HighWater::open(&dir.join("high-water")).map_err(failed)?;

    let newest = index_new_blocks(&index, &files, dir)?;
    let mut blocks = blocks::Writer::resume(&files, newest).map_err(failed)?;
    let known = known.unwrap_or_default();
    let young = open_young(&index, &mut blocks, dir, known)?;

    let first = match index.block_at_or_after(Seq::ZERO)? {
        Some((first, _)) if known.first == Seq::ZERO => first,
        _ => known.first.max(Seq(1)),
    };
    let (sender, receiver) = watch::channel(young.last);
    let mut stamps = Stamps::after(young.last_stamp);
    let shared = Shared::new(
        dir.to_path_buf(),
        (index, files, checkpoints),
        first,
        young,
        receiver,
    );
    let heads = newest_heads(&shared)?;
    shared.young_mut().heads = heads;
    let recent = recent(&shared, stamps.now().minus(DUPLICATE_WINDOW))?;
    Ok(Recovered {
        shared: Arc::new(shared),
        blocks,
        high_water,
        stamps,
        recent,
        last: sender,
    })
}

/// Indexes the blocks that were written after the last one that the index knows: a crash came between, or the index was
/// moved aside. Gives the newest file and the end of its last block.
fn index_new_blocks(
    index: &Index,
    files: &Files,
    dir: &Path,
) -> Result<Option<(Seq, u64)>, LogError> {
    let failed = |error: io::Error| storage_error("open", dir, &error);
    let known = index.last_block()?;
    let (mut last, from) = known.map_or((Seq::ZERO, None), |(_, block)| {
        (block.summary.last, Some(block.place))
    });
    let mut newest = None;
    for file in files.list().map_err(failed)? {
        let offset = match from {
            Some(place) if file < place.file => continue,
            Some(place) if file == place.file => place.offset + place.length,
            _ => 0,
        };
        newest = Some((file, offset));
        let bytes = files.read_from(file, offset).map_err(failed)?;
        for found in blocks::scan(&bytes) {
            let place = place(file, offset, &found);
            newest = Some((file, place.offset + place.length));
            if found.header.first > last {
                last = found.header.last;
                index_block(index, &bytes[found.offset..], &found, place)?;
            }
        }
    }
    Ok(newest)
}

fn place(file: Seq, offset: u64, found: &Found) -> Place {
    Place {
        file,
        offset: offset + found.offset as u64,
        length: found.header.frame() as u64,
    }
}

/// Puts a block into the index, unless it cannot be read; whether it did.
fn index_block(index: &Index, bytes: &[u8], found: &Found, place: Place) -> Result<bool, LogError> {
    let decoded = frame::open(bytes).and_then(|frame| {
        decode(
            &frame,
            EVERYWHERE,
            &Filter::default(),
            &mut Interner::default(),
        )
    });
    let entries = match decoded {
        Ok(entries) => entries,
        Err(detail) => {
            tracing::error!(first = found.header.first.0, last = found.header.last.0, %detail, "a block cannot be read");
            return Ok(false);
        }
    };
    if let Some((first, frame)) = sealing::ledger(entries.iter()) {
        index.insert_ledger(first, frame)?;
    }
    let summary = Summary::of(&found.header, entries.iter());
    index.insert_block(found.header.first, &Block { place, summary })?;
    Ok(true)
}

/// Looks in the files for blocks that the index lost between two positions; whether it found any.
pub(super) fn fill_gap(shared: &Shared, from: Seq, until: Seq) -> Result<bool, LogError> {
    let failed = |error: io::Error| storage_error("read", &shared.dir, &error);
    let mut files = shared.files.list().map_err(failed)?;
    files.retain(|&file| file <= until);
    let mut filled = false;
    for file in files.into_iter().rev() {
        let bytes = shared.files.read_from(file, 0).map_err(failed)?;
        for found in blocks::scan(&bytes) {
            // A reader may begin in the middle of a block.
            if from <= found.header.last && found.header.first <= until {
                let place = place(file, 0, &found);
                filled |= index_block(&shared.index, &bytes[found.offset..], &found, place)?;
            }
        }
        if file <= from {
            break;
        }
    }
    Ok(filled)
}

/// The young groups as the store has them, and the newest position of all. Where positions are missing, what is there
/// is sealed, so that young entries never have gaps.
fn open_young(
    index: &Index,
    blocks: &mut blocks::Writer,
    dir: &Path,
    known: Bounds,
) -> Result<Young, LogError> {
    let (mut last, mut last_stamp) = index
        .last_block()?
        .map_or_else(Default::default, |(_, block)| {
            (block.summary.last, block.summary.last_stamp)
        });
    let sealed = last;
    let mut runs: Vec<Vec<Arc<Vec<Entry>>>> = Vec::new();
    for (first, bytes) in index.young()? {
        if first <= sealed {
            continue; // A crash came between sealing and removing.
        }
        let decoded = frame::open(&bytes).and_then(|frame| {
            let entries = decode(
                &frame,
                EVERYWHERE,
                &Filter::default(),
                &mut Interner::default(),
            )?;
            Ok((frame.header, entries))
        });
        match decoded {
            Ok((header, entries)) => {
                if header.first != last.next() || runs.is_empty() {
                    runs.push(Vec::new());
                }
                if let Some(run) = runs.last_mut() {
                    run.push(Arc::new(entries));
                }
                (last, last_stamp) = (header.last, header.last_stamp);
            }
            Err(detail) => {
                tracing::error!(first = first.0, %detail, "a young group cannot be read")
            }
        }
    }
    let whole = match runs.as_slice() {
        [] => true,
        [run] => run[0].first().map(Entry::seq) == Some(sealed.next()),
        _ => false,
    };
    let lost = known.last > last;
    let groups = if whole && !lost {
        runs.pop().unwrap_or_default()
    } else {
        seal_runs(index, blocks, dir, &runs)?;
        Vec::new()
    };
    if lost {
        tracing::error!(
            from = last.next().0,
            to = known.last.0,
            "the store lost acknowledged positions; readers are told"
        );
        last = known.last;
    }
    Ok(Young {
        first: if groups.is_empty() {
            last.next()
        } else {
            sealed.next()
        },
        groups,
        last,
        last_stamp: last_stamp.max(known.last_stamp),
        heads: BTreeMap::new(),
    })
}

/// Seals what was young in blocks that have no gaps themselves.
fn seal_runs(
    index: &Index,
    blocks: &mut blocks::Writer,
    dir: &Path,
    runs: &[Vec<Arc<Vec<Entry>>>],
) -> Result<(), LogError> {
    for run in runs {
        let entries: Vec<&Entry> = run.iter().flat_map(|group| group.iter()).collect();
        for block in sealing::seal(&entries) {
            let places = blocks
                .append(block.first, std::slice::from_ref(&block.frame))
                .map_err(|error| storage_error("write", dir, &error))?;
            if let Some((first, frame)) = block.ledger {
                index.insert_ledger(first, frame)?;
            }
            for place in places {
                let summary = block.summary.clone();
                index.insert_block(block.first, &Block { place, summary })?;
            }
        }
    }
    index.forget_young(Seq(u64::MAX))?;
    index.flush()
}

/// The newest head of each machine: from the young entries, else from the newest block that has one, else as noted.
fn newest_heads(shared: &Shared) -> Result<BTreeMap<Service, PlacedHead>, LogError> {
    let mut heads = BTreeMap::new();
    for service in Service::ALL {
        heads.extend(shared.index.head(service)?.map(|head| (service, head)));
    }
    let mut sought: Vec<Service> = if heads.is_empty() {
        Service::ALL.to_vec()
    } else {
        heads.keys().copied().collect()
    };
    let mut at = shared.bounds().last.next();
    while !sought.is_empty()
        && let Some((first, block)) = shared.index.block_before(at)?
    {
        at = first;
        let there = |service: &Service| block.summary.has_head_of(*service);
        if !sought.iter().any(there) {
            continue;
        }
        for entry in entries(shared, &block, &Filter::default()) {
            keep_newest(&mut heads, &entry);
        }
        sought.retain(|service| !there(service));
    }
    for group in &shared.young().groups {
        group
            .iter()
            .for_each(|entry| keep_newest(&mut heads, entry));
    }
    Ok(heads)
}

fn keep_newest(heads: &mut BTreeMap<Service, PlacedHead>, entry: &Entry) {
    let Entry::Head(head) = entry else { return };
    let newest = heads
        .entry(head.head.service)
        .or_insert_with(|| head.clone());
    if newest.seq < head.seq {
        *newest = head.clone();
    }
}

/// What passes of a block; nothing if it is damaged, as readers will be told.
fn entries(shared: &Shared, block: &Block, filter: &Filter) -> Vec<Entry> {
    let Ok(bytes) = shared.files.read(block.place) else {
        return Vec::new();
    };
    frame::open(&bytes)
        .and_then(|frame| decode(&frame, EVERYWHERE, filter, &mut Interner::default()))
        .unwrap_or_default()
}

/// The collector facts since `since`.
fn recent(shared: &Shared, since: Timestamp) -> Result<Recent, LogError> {
    let collected = Filter {
        services: vec![Service::Collector],
        since: Some(since),
        ..Filter::default()
    };
    let mut newest_first: Vec<(EventId, Seq, Timestamp)> = Vec::new();
    let mut note = |entry: &Entry| {
        if let Entry::Event(record) = entry
            && collected.passes(&record.envelope)
        {
            let envelope = &record.envelope;
            newest_first.push((envelope.id, envelope.seq, envelope.stamp));
        }
    };
    for group in shared.young().groups.iter().rev() {
        group.iter().rev().for_each(&mut note);
    }
    let mut at = shared.bounds().last.next();
    while let Some((first, block)) = shared.index.block_before(at)?
        && block.summary.last_stamp >= since
    {
        at = first;
        if block.summary.has_events_of(Service::Collector) {
            entries(shared, &block, &collected)
                .iter()
                .rev()
                .for_each(&mut note);
        }
    }
    let mut recent = Recent::default();
    for (id, seq, stamp) in newest_first.into_iter().rev() {
        recent.note(id, seq, stamp);
    }
    Ok(recent)
}
