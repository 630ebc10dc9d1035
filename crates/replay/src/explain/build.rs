//! Puts an explanation together.

use super::seek::{Story, decided};
use super::{Chosen, Explanation, Followed, LookedAt, RuleSaid, Step, Told, otherwise};
use crate::{gather, sentences};
use headroom_log::{Filter, Log, LogError};
use headroom_model::body::{Body, Decided, Input, OverrideAction, OverrideSlot, Recommended, Wish};
use headroom_model::{Event, EventId, Kind, Seq, Timestamp};
use headroom_policy::Policy;

pub(super) async fn build(
    log: &dyn Log,
    story: &Story,
    found: usize,
) -> Result<Explanation, LogError> {
    let event = &story.events[found];
    let decided = decided(event);
    let before = &story.events[..found];
    let mut rules = Vec::new();
    for wish in &decided.wishes {
        rules.push(rule(log, story, wish, event.envelope.stamp).await?);
    }
    let happened = followed_by(&story.events[found + 1..], event.envelope.id);
    let (policy, parsed) = followed(before, decided.revision);
    Ok(Explanation {
        workload: story.workload.clone(),
        summary: sentences::decision_line(decided),
        decision: chosen(log, story, found).await?,
        sample_to_action_milliseconds: sample_to_action(&rules, &happened),
        otherwise: otherwise::otherwise(decided, parsed.as_ref()),
        policy,
        rules,
        trail: decided.trail.iter().map(step).collect(),
        overrides: in_force(before, event.envelope.stamp),
        happened: happened.into_iter().map(told).collect(),
    })
}

async fn chosen(log: &dyn Log, story: &Story, found: usize) -> Result<Chosen, LogError> {
    let event = &story.events[found];
    let decided: &Decided = decided(event);
    let next = story.events[found + 1..]
        .iter()
        .find(|event| matches!(event.body, Body::Decided(_)));
    let cause = match event.envelope.cause {
        Some(cause) => gather::at(log, cause.seq, Filter::default())
            .await?
            .filter(|event| event.envelope.id == cause.id),
        None => None,
    };
    Ok(Chosen {
        seq: event.envelope.seq,
        id: event.envelope.id,
        at: event.envelope.stamp,
        choice: decided.decision.clone(),
        mode: decided.mode,
        until: next.map(|next| next.envelope.stamp),
        cause: cause.as_ref().map(told),
    })
}

fn followed(before: &[Event], revision: Seq) -> (Followed, Option<Policy>) {
    let applied = before.iter().rev().find_map(|event| match &event.body {
        Body::PolicyApplied(applied) if event.envelope.seq == revision => {
            Some((&event.envelope, applied))
        }
        _ => None,
    });
    let policy = applied.and_then(|(_, applied)| Policy::from_value(&applied.policy).ok());
    let followed = Followed {
        revision,
        applied_at: applied.map(|(envelope, _)| envelope.stamp),
        owner: applied.map(|(_, applied)| applied.owner.clone()),
        justification: policy
            .as_ref()
            .and_then(|policy| policy.justification.clone()),
        min_replicas: policy.as_ref().map(|policy| policy.min_replicas),
        max_replicas: policy.as_ref().map(|policy| policy.max_replicas),
    };
    (followed, policy)
}

async fn rule(
    log: &dyn Log,
    story: &Story,
    wish: &Wish,
    decided_at: Timestamp,
) -> Result<RuleSaid, LogError> {
    let said = story.events.iter().find_map(|event| match &event.body {
        Body::Recommended(said) if event.envelope.id == wish.event => Some((&event.envelope, said)),
        _ => None,
    });
    let mut inputs = Vec::new();
    for input in said.map_or(&[][..], |(_, said)| &said.inputs) {
        let looked_at = said.map_or(decided_at, |(envelope, _)| envelope.at);
        inputs.push(looked_at_input(log, story, input, looked_at).await?);
    }
    Ok(RuleSaid {
        rule: wish.rule.clone(),
        replicas: wish.replicas,
        sentence: sentence(wish, said.map(|(_, said)| said)),
        event: wish.event,
        seq: wish.seq,
        at: said.map(|(envelope, _)| envelope.stamp),
        recommendation: said.map(|(_, said)| said.recommendation.clone()),
        inputs,
    })
}

/// What the rule said; of one whose event is gone, what the decision still knows of it.
fn sentence(wish: &Wish, said: Option<&Recommended>) -> String {
    match (said, wish.replicas) {
        (Some(said), _) => sentences::recommendation_line(&said.recommendation),
        (None, Some(replicas)) => format!("wants {}", sentences::replicas(replicas)),
        (None, None) => "wants nothing, or cannot say".to_owned(),
    }
}

async fn looked_at_input(
    log: &dyn Log,
    story: &Story,
    input: &Input,
    looked_at: Timestamp,
) -> Result<LookedAt, LogError> {
    let filter = Filter {
        kinds: vec![Kind::Observed, Kind::CollectionFailed],
        ..Filter::workload(&story.workload)
    };
    let event = gather::at(log, input.seq, filter).await?;
    let event = event.filter(|event| event.envelope.id == input.event);
    Ok(LookedAt {
        sentence: sentences::input_line(input, looked_at),
        input: input.clone(),
        source: event.as_ref().and_then(|event| match &event.body {
            Body::Observed(observed) => Some(observed.source.clone()),
            Body::CollectionFailed(failed) => Some(failed.source.clone()),
            _ => None,
        }),
        accepted_at: event.map(|event| event.envelope.stamp),
    })
}

fn step(step: &headroom_model::body::TrailStep) -> Step {
    Step {
        sentence: sentences::step_line(step),
        step: step.clone(),
    }
}

/// The pin and the pause that were in force at a moment.
fn in_force(before: &[Event], now: Timestamp) -> Vec<Told> {
    let (mut pin, mut pause) = (None, None);
    for event in before {
        match &event.body {
            Body::OverrideSet(set) => {
                let lasts = set.expires_at.is_none_or(|end| end > now);
                let slot = match set.action {
                    OverrideAction::Pin(_) => &mut pin,
                    OverrideAction::Pause(_) => &mut pause,
                };
                *slot = lasts.then(|| told(event));
            }
            Body::OverrideCleared(cleared) => match cleared.what {
                OverrideSlot::Pin => pin = None,
                OverrideSlot::Pause => pause = None,
            },
            Body::PolicyRemoved(_) => (pin, pause) = (None, None),
            _ => {}
        }
    }
    pin.into_iter().chain(pause).collect()
}

/// What was done about a decision.
fn followed_by(after: &[Event], decision: EventId) -> Vec<&Event> {
    after
        .iter()
        .filter(|event| match &event.body {
            Body::ActuationStarted(body) => body.decision == decision,
            Body::Actuated(body) => body.decision == decision,
            Body::Verified(body) => body.decision == decision,
            _ => false,
        })
        .collect()
}

fn told(event: impl std::borrow::Borrow<Event>) -> Told {
    let event = event.borrow();
    let Event { envelope, body } = event;
    let otherwise = || format!("{} of {}", envelope.kind, envelope.subject);
    Told {
        seq: envelope.seq,
        id: envelope.id,
        at: envelope.stamp,
        kind: envelope.kind.to_string(),
        sentence: sentences::event_line(body).unwrap_or_else(otherwise),
    }
}

/// From the newest sample behind the wishes to the target's answer.
fn sample_to_action(rules: &[RuleSaid], happened: &[&Event]) -> Option<u64> {
    let applied = happened.iter().find(
        |event| matches!(&event.body, Body::Actuated(actuated) if actuated.outcome.succeeded()),
    )?;
    let samples = rules.iter().flat_map(|rule| &rule.inputs);
    let newest = samples.map(|looked_at| looked_at.input.at).max()?;
    Some(applied.envelope.stamp.since(newest).0)
}
