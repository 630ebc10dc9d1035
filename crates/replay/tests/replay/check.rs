//! A check names what is wrong, and counts the rest.

use crate::support::{Archive, STORE, record};
use headroom_log::Entry;
use headroom_model::{Kind, Seq, Timestamp};
use headroom_replay::check::check;

#[tokio::test]
async fn a_sound_log_is_counted() {
    let found = check(&Archive::of(&STORE).log).await.unwrap();
    assert!(found.sound(), "{:?}", found.faults);
    assert_eq!(found.events + found.heads, STORE.bounds().last.0);
    assert_eq!(found.counts.values().sum::<u64>(), found.events);
    assert!(found.counts["planner decided"] > 0);
}

#[tokio::test]
async fn what_is_wrong_is_named_by_position() {
    type Tampering = fn(&mut Vec<Entry>);
    let cases: [(&str, Tampering, (u64, u64), &str); 4] = [
        (
            "a gap",
            |entries| drop(entries.drain(99..101)),
            (100, 101),
            "not in the log",
        ),
        (
            "damage that the log names",
            |entries| {
                let (first, last) = (Seq(100), Seq(101));
                let detail = "torn".to_owned();
                let damage = Entry::Damaged {
                    first,
                    last,
                    detail,
                };
                entries.splice(99..101, [damage]);
            },
            (100, 101),
            "torn",
        ),
        (
            "a body that cannot be read",
            |entries| {
                let at = entries.iter().position(|entry| matches!(entry, Entry::Event(record) if record.envelope.kind == Kind::Ticked)).unwrap();
                record(&mut entries[at]).body = vec![0xc1];
            },
            (0, 0),
            "cannot be read",
        ),
        (
            "a stamp that goes back",
            |entries| {
                let at = (500..)
                    .find(|&at| matches!(entries[at], Entry::Event(_)))
                    .unwrap();
                record(&mut entries[at]).envelope.stamp = Timestamp(5);
            },
            (0, 0),
            "before an earlier one",
        ),
    ];
    for (name, tamper, (first, last), detail) in cases {
        let mut entries = STORE.entries(Seq(1)).to_vec();
        tamper(&mut entries);
        let found = check(&Archive::new(entries, &[]).log).await.unwrap();
        assert_eq!(found.fault_count, 1, "{name}: {:?}", found.faults);
        assert!(
            found.faults[0].detail.contains(detail),
            "{name}: {:?}",
            found.faults
        );
        if first > 0 {
            assert_eq!(
                (found.faults[0].first, found.faults[0].last),
                (Seq(first), Seq(last)),
                "{name}"
            );
        }
    }
}
