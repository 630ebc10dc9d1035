//! What holds for any order of any events.

use crate::histories::{METRICS, history, metric, number, of_one_replica, rules};
use crate::support::*;
use headroom_evaluator::Evaluator;
use headroom_model::{
    Body, Machine, Output, Replicas,
    body::{Direction, Drifted, Recommendation},
};
use proptest::prelude::*;

/// Everything a desk says to a history, as text: NaN is not equal to itself.
fn said(desk: &mut Desk, history: &[(f64, Body)]) -> Vec<String> {
    let answer = |(second, body): &(f64, Body)| {
        format!("{:?}", desk.answers(*second, &checkout(), body.clone()))
    };
    history.iter().map(answer).collect()
}

proptest! {
    #[test]
    fn a_state_that_was_stored_answers_as_one_that_was_not(history in history(), at in 0..60_usize) {
        let at = at.min(history.len());
        let mut desk = Desk::with(rules(), 3);
        said(&mut desk, &history[..at]);
        let stored = rmp_serde::to_vec_named(&desk.evaluator).unwrap();
        let mut restored = desk.clone();
        restored.evaluator = rmp_serde::from_slice::<Evaluator>(&stored).unwrap();
        let again = rmp_serde::to_vec_named(&restored.evaluator).unwrap();
        prop_assert_eq!(stored, again, "the bytes are the same again");
        prop_assert_eq!(said(&mut desk, &history[at..]), said(&mut restored, &history[at..]));
        let ends = [&desk, &restored].map(|desk| rmp_serde::to_vec_named(&desk.evaluator).unwrap());
        prop_assert_eq!(&ends[0], &ends[1], "and so is the state in the end");
    }

    #[test]
    fn a_total_is_the_number_of_one_replica_to_rules_of_totals(history in history()) {
        let mut desks = [Desk::with(rules(), 3), Desk::with(rules(), 3)];
        let as_total = said(&mut desks[0], &history);
        prop_assert_eq!(as_total, said(&mut desks[1], &of_one_replica(&history)));
    }

    #[test]
    fn a_state_between_input_and_answer_can_be_stored_too(history in history()) {
        let mut desk = Desk::with(rules(), 3);
        for (seq, (second, body)) in history.into_iter().enumerate() {
            let input = event(seq as u64 + 10, (second * 1000.0) as i64, &checkout(), body);
            let mut halfway = desk.evaluator.clone();
            halfway.apply(&input);
            let stored = rmp_serde::to_vec_named(&halfway).unwrap();
            let restored: Evaluator = rmp_serde::from_slice(&stored).unwrap();
            let answers = restored.decide(&input);
            prop_assert_eq!(format!("{:?}", answers), format!("{:?}", desk.take(&input)));
        }
    }

    #[test]
    fn repeated_and_overtaken_samples_change_nothing(
        samples in prop::collection::vec((metric(), 0.0..100.0_f64), 2..30),
        noise in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), number()), 1..60),
    ) {
        let sample = |number: usize| {
            let (metric, value) = samples[number];
            total(metric, 5.0 * number as f64, value)
        };
        let plain: Vec<_> = (0..samples.len()).map(|number| (5.0 * number as f64, sample(number))).collect();
        let mut noisy = plain.clone();
        for (where_to, which, value) in noise {
            let after = where_to.index(plain.len());
            let newest = METRICS.map(|metric| samples[..=after].iter().rposition(|(of, _)| *of == metric));
            let Some(newest) = newest[which.index(METRICS.len())] else { continue };
            let (metric, _) = samples[newest];
            let age = which.index(4 * newest + 1) as f64;
            let late = total(metric, 5.0 * newest as f64 - age, value);
            let second = 5.0 * after as f64;
            let place = noisy.partition_point(|(other, _)| *other <= second);
            noisy.insert(place, (second, late));
        }
        let mut desks = [Desk::with(rules(), 3), Desk::with(rules(), 3)];
        let mut told = [&plain, &noisy].into_iter().zip(&mut desks).map(|(history, desk)| {
            let answers = history.iter().map(|(second, body)| desk.tell(*second, body.clone()));
            answers.filter(|answer| !answer.is_empty()).collect::<Vec<_>>()
        });
        prop_assert_eq!(told.next(), told.next());
    }

    #[test]
    fn what_is_no_number_or_too_large_never_asks_for_fewer(
        current in 0..200_u32,
        ready in prop::option::of(0..200_u32),
        values in prop::collection::vec(
            prop::sample::select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, 1e300, 9.3e18]),
            1..5,
        ),
        as_total in any::<bool>(),
    ) {
        let mut desk = Desk::with(rules(), current);
        desk.tell(0.0, Body::from(Drifted {
            expected: None,
            replicas: Replicas(current),
            ready: ready.map(|ready| Replicas(ready.min(current))),
        }));
        for metric in METRICS {
            for second in [1.0, 25.0, 26.0] {
                let reading = if as_total { total(metric, second, values[0]) } else { per_replica(metric, second, &values) };
                for (_, recommended) in desk.answers(second, &checkout(), reading) {
                    if let Recommendation::Desired { replicas, .. } = recommended.recommendation {
                        let way = Direction::between(Replicas(current), replicas);
                        prop_assert_ne!(way, Some(Direction::Down), "{}", told(&recommended));
                    }
                }
            }
        }
    }

    #[test]
    fn a_rule_speaks_only_when_it_has_something_else_to_say(history in history()) {
        let mut desk = Desk::with(rules(), 3);
        let mut last = std::collections::BTreeMap::new();
        for (second, body) in history {
            if matches!(body, Body::PolicyApplied(_) | Body::PolicyRemoved(_)) {
                last.clear();
            }
            for (_, recommended) in desk.answers(second, &checkout(), body) {
                let words = told(&recommended);
                let before = last.insert(recommended.rule.clone(), words.clone());
                prop_assert!(before != Some(words.clone()) || words.ends_with("ThresholdHeld"), "{words} twice");
            }
        }
    }

    #[test]
    fn a_step_orders_no_more_than_its_step_before_it_is_settled(history in history()) {
        let mut desk = Desk::with(rules(), 3);
        let mut count = 3_u32;
        for (second, body) in history {
            match &body {
                Body::Actuated(actuated) if actuated.outcome.succeeded() => count = count.max(actuated.to.0),
                Body::Verified(verified) => count = count.max(verified.replicas.0),
                Body::Drifted(drifted) => count = count.max(drifted.replicas.0),
                _ => {}
            }
            for (_, recommended) in desk.answers(second, &checkout(), body) {
                if recommended.rule == "cpu"
                    && let Recommendation::Desired { replicas, .. } = recommended.recommendation
                {
                    prop_assert!(replicas.0 <= count + 2, "{} from at most {count}", told(&recommended));
                }
            }
        }
    }
}

#[test]
fn an_output_is_about_its_own_workload() {
    let mut desk = Desk::with(rules(), 3);
    let outputs: Vec<Output> = desk.take(&event(9, 1000, &checkout(), total("rps", 1.0, 90.0)));
    assert!(outputs.iter().all(|output| output.subject == checkout()));
    assert_eq!(outputs.len(), 1);
}
