//! Young entries to sealed blocks.

use super::columns;
use super::frame;
use super::summary::Summary;
use crate::Entry;
use crate::memory::LEDGER_KINDS;
use headroom_model::Seq;

/// Entries of a block, unless they are large: enough for zstd to find what repeats, few enough to read one quickly.
pub(super) const ENTRIES: usize = 1000;
/// Bytes of bodies after which a block ends earlier.
pub(super) const BYTES: usize = 256 << 10;

/// A block that is to be written.
pub(super) struct Sealed {
    /// The position of its first entry.
    pub(super) first: Seq,
    /// Its frame.
    pub(super) frame: Vec<u8>,
    /// What is known of it without reading it.
    pub(super) summary: Summary,
    /// What the ledger keeps of it: the position of its first entry, and a frame.
    pub(super) ledger: Option<(Seq, Vec<u8>)>,
}

/// Seals entries, which are at least one and without gaps.
pub(super) fn seal(entries: &[&Entry]) -> Vec<Sealed> {
    cut(entries).into_iter().map(seal_one).collect()
}

fn seal_one(entries: &[&Entry]) -> Sealed {
    let frame = columns::encode(entries.iter().copied(), true);
    let header = frame::header(&frame).expect("a frame that was just made has a header");
    Sealed {
        first: header.first,
        summary: Summary::of(&header, entries.iter().copied()),
        ledger: ledger(entries.iter().copied()),
        frame,
    }
}

/// What the ledger keeps of these entries.
pub(super) fn ledger<'a>(entries: impl Iterator<Item = &'a Entry>) -> Option<(Seq, Vec<u8>)> {
    let kept: Vec<_> = entries.filter(|entry| in_ledger(entry)).collect();
    let first = kept.first()?.seq();
    Some((first, columns::encode(kept, true)))
}

/// Whether the ledger keeps an entry.
pub(super) fn in_ledger(entry: &Entry) -> bool {
    matches!(entry, Entry::Event(record) if LEDGER_KINDS.contains(&record.envelope.kind))
}

/// Bytes that an entry's body takes.
pub(super) fn weight(entry: &Entry) -> usize {
    match entry {
        Entry::Event(record) => record.body.len(),
        Entry::Head(_) | Entry::Damaged { .. } => 0,
    }
}

/// Cuts entries into blocks of 1,000 to 1,999, or of fewer if they are large. A commit is never cut: a crash in the
/// middle of writing leaves whole blocks only, so it leaves all of a commit or nothing.
fn cut<'a, 'b>(entries: &'b [&'a Entry]) -> Vec<&'b [&'a Entry]> {
    let mut blocks = Vec::new();
    let (mut start, mut bytes, mut in_commit) = (0, 0, 0_usize);
    for (index, entry) in entries.iter().enumerate() {
        bytes += weight(entry);
        in_commit = match entry {
            Entry::Head(head) => usize::try_from(head.head.outputs).unwrap_or(usize::MAX),
            _ => in_commit.saturating_sub(1),
        };
        let full = index + 1 - start >= ENTRIES && entries.len() - (index + 1) >= ENTRIES;
        let end = index + 1 == entries.len();
        if end || in_commit == 0 && (full || bytes >= BYTES) {
            blocks.push(&entries[start..=index]);
            (start, bytes) = (index + 1, 0);
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedded::testing;

    #[test]
    fn blocks_are_cut_by_count_and_size_but_never_within_a_commit() {
        let small = |count: u64| {
            (1..=count)
                .map(|seq| testing::observed(seq, "web"))
                .collect()
        };
        let committed = |before: u64| {
            let mut entries: Vec<_> = (1..=before)
                .map(|seq| testing::observed(seq, "web"))
                .collect();
            entries.push(testing::head(before + 1, 999));
            entries.extend((before + 2..before + 2800).map(|seq| testing::observed(seq, "web")));
            entries
        };
        let large = || (1..=9).map(|seq| testing::sized(seq, 100 << 10)).collect();
        let cases: [(&str, Vec<Entry>, &[usize]); 6] = [
            ("a few stay together", small(10), &[10]),
            (
                "a rest too small for a block joins the last",
                small(1999),
                &[1999],
            ),
            (
                "many are cut at a thousand",
                small(3500),
                &[1000, 1000, 1500],
            ),
            (
                "a commit across the boundary makes a longer block",
                committed(600),
                &[1600, 1799],
            ),
            (
                "a commit that begins at the boundary is whole in the next",
                committed(1000),
                &[1000, 1000, 1799],
            ),
            ("large bodies make blocks of fewer", large(), &[3, 3, 3]),
        ];
        for (name, entries, want) in cases {
            let refs: Vec<_> = entries.iter().collect();
            let lengths: Vec<_> = cut(&refs).iter().map(|block| block.len()).collect();
            assert_eq!(lengths, want, "{name}");
        }
    }
}
