//! Events that must change nothing: repeated, late, and from the future.

use crate::load::report;
use headroom_log::{Entry, memory::Store};
use headroom_model::body::Body;
use headroom_model::machine::{Stepped, as_own, output_event};
use headroom_model::{Event, Kind, Machine, Seq, Span};

/// What a machine answers, step by step, to the inputs that a log holds; with `noise`, events that must change nothing
/// are strewn in between.
#[must_use]
pub fn answers<M: Machine>(store: &Store, noise: Option<u64>) -> Vec<(String, Body)> {
    let mut dice = noise.map(fastrand::Rng::with_seed);
    let mut stepped = Stepped::<M>::default();
    let mut earlier: Vec<Event> = Vec::new();
    let mut answers = Vec::new();
    for entry in store.entries(Seq(1)) {
        let Entry::Event(record) = entry else {
            continue;
        };
        if !M::is_input(record.envelope.producer.service, &record.envelope.kind) {
            continue;
        }
        let input = record.decode().expect("this build wrote it");
        step(&mut stepped, &input, &mut answers);
        if matches!(
            input.envelope.kind,
            Kind::PolicyApplied | Kind::PolicyRemoved
        ) {
            earlier.clear(); // a new policy has read nothing yet, so an earlier sample would be news to it
        }
        if let Some(dice) = &mut dice {
            let strewn = strew(dice, &input, &earlier);
            if let Some(noise) = &strewn {
                step(&mut stepped, noise, &mut answers);
            }
            if earlier.len() < 50 {
                earlier.push(input);
            } else {
                earlier[dice.usize(0..50)] = input;
            }
        }
    }
    answers
}

fn step<M: Machine>(stepped: &mut Stepped<M>, input: &Event, answers: &mut Vec<(String, Body)>) {
    if !stepped.input(input) {
        return;
    }
    for (output, index) in stepped.machine.decide(input).into_iter().zip(0..) {
        let event = output_event::<M>(&input.envelope, index, output, &"".into());
        answers.push((event.envelope.subject.to_string(), event.body.clone()));
        stepped.machine.apply(&as_own(event, input.envelope.stamp));
    }
}

/// An earlier event again, or a sample that is too old or too new; accepted by the log just after `input`.
fn strew(dice: &mut fastrand::Rng, input: &Event, earlier: &[Event]) -> Option<Event> {
    if dice.u8(0..3) != 0 {
        return None;
    }
    let stamp = input.envelope.stamp;
    let mut event = if dice.bool() {
        let again = earlier.get(dice.usize(0..50))?;
        let repeated_facts = [
            Kind::Observed,
            Kind::Actuated,
            Kind::Verified,
            Kind::Drifted,
        ];
        let lately = stamp.since(again.envelope.stamp) < Span::seconds(600);
        // What a machine put out is in the log once, by its commit; what others report may be there twice.
        let fact = again.envelope.cause.is_none() && repeated_facts.contains(&again.envelope.kind);
        let repeated = lately && fact;
        repeated.then(|| again.clone())?
    } else {
        let far = Span::seconds(dice.u64(60..4000));
        let at = if dice.bool() {
            stamp.plus(far)
        } else {
            stamp.minus(far)
        };
        let workload = earlier
            .iter()
            .find(|event| event.envelope.kind == Kind::Observed)?
            .envelope
            .subject
            .clone();
        report(&workload, dice.f64() * 1e6, at, at, None)
            .decode()
            .expect("this build wrote it")
    };
    event.envelope.stamp = stamp;
    event.envelope.seq = input.envelope.seq;
    Some(event)
}
