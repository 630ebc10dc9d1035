//! What holds whatever happens, in whatever order.

use crate::testing::{Stage, plain, policy, scaling, with_rules};
use headroom_model::{
    EventId, Machine, Replicas, Span,
    body::{
        Decided, Decision, Direction, Mode, Outcome, OverrideAction, OverrideSlot, PauseDirection,
        Refusal,
    },
};
use headroom_policy::{Cooldown, Policy, RateAmount, Select, Trigger};
use proptest::prelude::*;
use std::collections::BTreeSet;

const RULES: [&str; 2] = ["a", "b"];

/// Something that happens.
#[derive(Clone, Debug)]
enum Deed {
    Wish(&'static str, u32),
    CannotSay(&'static str),
    NoOpinion(&'static str),
    Policy(Box<Policy>),
    PolicyRemoved,
    Drifted(u32),
    /// Of the plan with this number, counted round.
    Ended(usize, Outcome),
    Verified(usize),
    Order(OverrideAction, Option<i64>),
    Clear(OverrideSlot),
    Pass(u64),
}

fn outcomes() -> impl Strategy<Value = Outcome> {
    let failed = |retry| Outcome::Failed {
        error: "no".to_owned(),
        retry,
    };
    prop_oneof![
        4 => Just(Outcome::Applied),
        1 => Just(Outcome::Adopted),
        1 => any::<bool>().prop_map(failed),
        1 => Just(Outcome::TimedOut { after_ms: 1 }),
        1 => Just(Outcome::Unknown),
        1 => Just(Outcome::Superseded { by: EventId::named("newer") }),
        1 => Just(Outcome::Refused { reason: Refusal::StaleRevision }),
        1 => Just(Outcome::Refused { reason: Refusal::OutOfBounds }),
    ]
}

fn policies() -> impl Strategy<Value = Policy> {
    let spans = (0_u64..60, 0_u64..60, 0_u64..30, 0_u64..30);
    let amount = prop_oneof![
        (4_u32..20).prop_map(RateAmount::Pods),
        (50_u32..300).prop_map(RateAmount::Percent),
    ];
    let select = prop_oneof![Just(Select::Max), Just(Select::Min), Just(Select::Disabled)];
    let rates = (prop::collection::vec((amount, 1_u64..60), 1..3), select);
    let mode = prop_oneof![4 => Just(Mode::Active), 1 => Just(Mode::Shadow)];
    let looks = (1_u64..30, any::<bool>(), any::<bool>());
    (
        0_u32..10,
        1_u32..30,
        spans,
        rates.clone(),
        rates,
        mode,
        looks,
    )
        .prop_map(
            |(minimum, more, (up, down, rest_up, rest_down), rates_up, rates_down, mode, looks)| {
                let (period, periodic, without_behavior) = looks;
                let mut policy = with_rules(policy(minimum, minimum + more), &RULES);
                policy.scale_up = scaling(up, rates_up.1, &rates_up.0);
                policy.scale_down = scaling(down, rates_down.1, &rates_down.0);
                policy.cooldown = Cooldown {
                    up: Span::seconds(rest_up),
                    down: Span::seconds(rest_down),
                };
                policy.mode = mode;
                policy.evaluation.period = Span::seconds(period);
                if periodic {
                    policy.evaluation.trigger = Trigger::Period;
                }
                if without_behavior {
                    policy = plain(policy);
                }
                policy
            },
        )
}

fn deeds() -> impl Strategy<Value = Deed> {
    let rule = || prop::sample::select(RULES.to_vec());
    let orders = prop_oneof![
        (0_u32..50).prop_map(|replicas| OverrideAction::Pin(Replicas(replicas))),
        prop::sample::select(vec![
            PauseDirection::Both,
            PauseDirection::Up,
            PauseDirection::Down
        ])
        .prop_map(OverrideAction::Pause),
    ];
    prop_oneof![
        10 => (rule(), 0_u32..50).prop_map(|(rule, replicas)| Deed::Wish(rule, replicas)),
        2 => rule().prop_map(Deed::CannotSay),
        1 => rule().prop_map(Deed::NoOpinion),
        2 => policies().prop_map(|policy| Deed::Policy(Box::new(policy))),
        1 => Just(Deed::PolicyRemoved),
        2 => (0_u32..50).prop_map(Deed::Drifted),
        8 => (any::<usize>(), outcomes()).prop_map(|(plan, outcome)| Deed::Ended(plan, outcome)),
        1 => any::<usize>().prop_map(Deed::Verified),
        1 => (orders, prop::option::of(1_i64..60)).prop_map(|(action, seconds)| Deed::Order(action, seconds)),
        1 => prop_oneof![Just(OverrideSlot::Pin), Just(OverrideSlot::Pause)].prop_map(Deed::Clear),
        8 => (1_u64..20).prop_map(Deed::Pass),
    ]
}

/// A policy first, then anything.
fn stories() -> impl Strategy<Value = Vec<Deed>> {
    let first = policies().prop_map(|policy| Deed::Policy(Box::new(policy)));
    (first, prop::collection::vec(deeds(), 1..60)).prop_map(|(first, rest)| {
        let mut story = vec![first, Deed::Drifted(5)];
        story.extend(rest);
        story
    })
}

fn perform(stage: &mut Stage, deed: &Deed) -> Vec<Decided> {
    // Half of the outcomes are those of the newest plan, or hardly any plan would ever be done.
    let plan = |stage: &Stage, number: usize| {
        let plans = stage.plans.len();
        (plans > 0).then(|| {
            if number.is_multiple_of(2) {
                plans - 1
            } else {
                number / 2 % plans
            }
        })
    };
    match deed {
        Deed::Wish(rule, replicas) => stage.wish(rule, *replicas),
        Deed::CannotSay(rule) => stage.cannot_say(rule),
        Deed::NoOpinion(rule) => stage.no_opinion(rule),
        Deed::Policy(policy) => stage.policy(policy),
        Deed::PolicyRemoved => stage.policy_removed(),
        Deed::Drifted(replicas) => stage.drifted(*replicas),
        Deed::Ended(number, outcome) => match plan(stage, *number) {
            Some(plan) => stage.plan_ended(plan, outcome.clone()),
            None => Vec::new(),
        },
        Deed::Verified(number) => match plan(stage, *number) {
            Some(plan) => stage.verified(plan),
            None => Vec::new(),
        },
        Deed::Order(action, seconds) => stage.order(*action, *seconds),
        Deed::Clear(slot) => stage.clear(*slot),
        Deed::Pass(seconds) => stage.pass(*seconds),
    }
}

/// What a test knows by itself of what happened, to hold decisions against.
struct Witness {
    policy: Option<Policy>,
    cannot_say: BTreeSet<&'static str>,
    /// Until when, in milliseconds.
    pinned: Option<i64>,
    paused: Option<(PauseDirection, i64)>,
}

impl Witness {
    fn new() -> Self {
        Self {
            policy: None,
            cannot_say: RULES.into(),
            pinned: None,
            paused: None,
        }
    }

    fn sees(&mut self, deed: &Deed, now: i64) {
        match deed {
            Deed::Wish(rule, _) | Deed::NoOpinion(rule) if self.policy.is_some() => {
                self.cannot_say.remove(rule);
            }
            Deed::CannotSay(rule) => {
                self.cannot_say.insert(rule);
            }
            Deed::Policy(policy) => self.policy = Some((**policy).clone()),
            Deed::PolicyRemoved => *self = Self::new(),
            Deed::Order(action, seconds) => {
                let until = seconds.map_or(i64::MAX, |seconds| now + seconds * 1000);
                match action {
                    OverrideAction::Pin(_) => self.pinned = Some(until),
                    OverrideAction::Pause(direction) => self.paused = Some((*direction, until)),
                }
            }
            Deed::Clear(OverrideSlot::Pin) => self.pinned = None,
            Deed::Clear(OverrideSlot::Pause) => self.paused = None,
            _ => {}
        }
    }

    fn judges(&self, decided: &Decided, now: i64) -> Result<(), TestCaseError> {
        let Decision::Scale { from, to } = decided.decision else {
            return Ok(());
        };
        let policy = self
            .policy
            .as_ref()
            .expect("nothing is decided without a policy");
        let (minimum, maximum) = (policy.min_replicas, policy.max_replicas);
        prop_assert!(minimum <= to && to <= maximum, "{decided:?}");
        let direction = Direction::between(from, to);
        prop_assert!(direction.is_some(), "{decided:?}");
        let direction = direction.expect("just checked");
        if self.pinned.is_some_and(|until| until > now) {
            return Ok(());
        }
        let stops =
            |&(paused, until): &(PauseDirection, i64)| until > now && paused.stops(direction);
        prop_assert!(
            !self.paused.as_ref().is_some_and(stops),
            "paused: {decided:?}"
        );
        if !self.cannot_say.is_empty() && from <= maximum {
            prop_assert_eq!(direction, Direction::Up, "{:?}", decided);
        }
        Ok(())
    }
}

/// Every step starts where the one before ended, and the last gives the number.
fn trail_is_whole(decided: &Decided) -> bool {
    let links = decided
        .trail
        .windows(2)
        .all(|pair| pair[0].after == pair[1].before);
    match decided.decision {
        Decision::Scale { from, to } => {
            links
                && decided
                    .trail
                    .first()
                    .is_some_and(|step| step.before == from)
                && decided.trail.last().is_some_and(|step| step.after == to)
        }
        Decision::Hold { .. } => links,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn bounds_pauses_and_unavailable_rules_are_respected(story in stories()) {
        let (mut stage, mut witness) = (Stage::default(), Witness::new());
        for deed in &story {
            // Time passes second by second, so that each decision is judged at its own moment.
            let (deeds, deed) = match deed {
                Deed::Pass(seconds) => (*seconds, &Deed::Pass(1)),
                deed => (1, deed),
            };
            for _ in 0..deeds {
                witness.sees(deed, stage.now.0);
                for decided in perform(&mut stage, deed) {
                    witness.judges(&decided, stage.now.0)?;
                    prop_assert!(trail_is_whole(&decided), "{decided:?}");
                }
            }
        }
    }

    #[test]
    fn a_state_that_was_written_and_read_goes_on_the_same(story in stories(), cut in any::<prop::sample::Index>()) {
        let cut = cut.index(story.len());
        let mut stage = Stage::default();
        for deed in &story[..cut] {
            perform(&mut stage, deed);
        }
        let bytes = rmp_serde::to_vec_named(&stage.planner).expect("states encode");
        let mut restored = stage.clone();
        restored.planner = rmp_serde::from_slice(&bytes).expect("what was encoded decodes");
        prop_assert_eq!(&stage.planner, &restored.planner);
        for deed in &story[cut..] {
            prop_assert_eq!(perform(&mut stage, deed), perform(&mut restored, deed));
        }
        prop_assert_eq!(stage.planner, restored.planner);
    }

    #[test]
    fn an_event_delivered_again_changes_nothing(story in stories(), which in any::<prop::sample::Index>()) {
        let mut stage = Stage::default();
        for deed in &story {
            perform(&mut stage, deed);
            let again = which.get(&stage.log).clone();
            let before = stage.planner.clone();
            stage.planner.apply(&again);
            prop_assert_eq!(&stage.planner, &before);
        }
    }

    /// Whatever happened before: once all rules agree, nobody orders otherwise and plans are carried out, the count ends
    /// where it is wanted, and the planner says so.
    #[test]
    fn it_comes_to_rest_where_it_is_wanted(story in stories(), last in policies(), wanted in 0_u32..50) {
        let mut stage = Stage::default();
        for deed in &story {
            perform(&mut stage, deed);
        }
        let mut last = last;
        last.mode = Mode::Active;
        // From none, a percentage allows none: so it is with an HPA.
        last.min_replicas = last.min_replicas.max(Replicas(1));
        for scaling in [&mut last.scale_up, &mut last.scale_down] {
            if scaling.select == Select::Disabled {
                scaling.select = Select::Max;
            }
        }
        let mut said = stage.policy(&last);
        said.extend(stage.drifted(7));
        said.extend(stage.clear(OverrideSlot::Pin));
        said.extend(stage.clear(OverrideSlot::Pause));
        said.extend(RULES.into_iter().flat_map(|rule| stage.wish(rule, wanted)));
        // The longest window, then 50 replicas in steps of four per minute at least.
        for _ in 0..30 {
            said.extend(stage.leap(60));
            for plan in 0..stage.plans.len() {
                said.extend(stage.plan_ended(plan, Outcome::Applied));
            }
        }
        let want = Replicas(wanted).max(last.min_replicas).min(last.max_replicas);
        let at_rest = stage
            .planner
            .workloads
            .get(&crate::testing::workload())
            .expect("it was decided for")
            .base();
        prop_assert_eq!(at_rest, Some(want), "{:?}", said.last());
    }
}
