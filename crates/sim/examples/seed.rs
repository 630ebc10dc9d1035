//! Prints the log of one seed: `cargo run -p headroom-sim --example seed -- 7 sim/w0`.

use headroom_log::Entry;
use headroom_model::Seq;
use headroom_sim::{Scenario, check, run};
use std::io::Write as _;

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let seed = arguments
        .next()
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    let only = arguments.next();
    let scenario = Scenario::from_seed(seed);
    let run = run(&scenario);
    let mut out = std::io::stdout().lock();
    writeln!(out, "{scenario:?}")?;
    for entry in run.store.entries(Seq(1)) {
        match entry {
            Entry::Event(record) => {
                let envelope = &record.envelope;
                if only
                    .as_ref()
                    .is_some_and(|only| *only != envelope.subject.to_string())
                {
                    continue;
                }
                let body = record
                    .decode()
                    .map(|event| event.body.to_json().to_string())
                    .unwrap_or_default();
                let cause = envelope.cause.map_or(0, |cause| cause.seq.0);
                writeln!(
                    out,
                    "{} {} {} {} <-{cause} {} {body}",
                    envelope.seq,
                    envelope.stamp.0,
                    envelope.producer.instance,
                    envelope.kind,
                    envelope.subject
                )?;
            }
            Entry::Head(placed) if only.is_none() => {
                writeln!(
                    out,
                    "{} {} {} head {:?}",
                    placed.seq, placed.stamp.0, placed.head.instance, placed.head
                )?;
            }
            _ => {}
        }
    }
    for violation in check::violations(&run) {
        writeln!(out, "VIOLATION {violation}")?;
    }
    Ok(())
}
