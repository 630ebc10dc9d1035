//! One workload: the rules of its policy in force, and what is known of its replicas.

use crate::fleet::{Fleet, Settled};
use crate::gathering::Gathering;
use crate::hpa::CpuRules;
use crate::listing::{Listed, Listing};
use crate::quality::{AHEAD_AT_MOST, stale};
use crate::rule::{ActiveRule, Surroundings};
use crate::samples::Shared;
use headroom_model::{
    Body, Envelope, Event, Output, Seq, Span, Timestamp, WorkloadId,
    body::{Observed, PolicyApplied, Recommended},
};
use headroom_policy::{Cooldown, Policy, Trigger};
use serde::{Deserialize, Serialize};

/// The state of one workload. What the target said outlives the policy, so that a policy that comes back knows the count.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Workload {
    /// The `seq` of the `policy_applied` in force.
    revision: Seq,
    /// Its rules, in the order of the file.
    rules: Vec<ActiveRule>,
    /// Its rests, which also bound how long a change is waited for.
    cooldown: Cooldown,
    fleet: Fleet,
    /// The target's replicas, where observations list them.
    listing: Option<Box<Listing>>,
    /// When processor time is believed.
    cpu: CpuRules,
    /// When the planner looks. An HPA asks for every metric each time that it looks, and one that it cannot get is none; so
    /// is it here with [`Trigger::Period`].
    trigger: Trigger,
    /// Observations that came in part.
    gathering: Gathering,
    /// The instant this workload waits for in the queue of deadlines.
    pub(crate) queued: Option<Timestamp>,
}

impl Workload {
    /// Folds an event about this workload.
    pub(crate) fn apply(&mut self, event: &Event, now: Timestamp) {
        let cooled_down = self.fleet.cool_down(now);
        self.settle(cooled_down, now);
        let mut settled = None;
        match &event.body {
            Body::Observed(observed) if observed.part.is_whole() => {
                self.observed(observed, &event.envelope, now);
            }
            Body::Observed(part) => {
                // What claims to be from the future would make all that comes after it too old.
                let believed = part.due <= now.plus(AHEAD_AT_MOST);
                let whole = believed.then(|| self.gathering.add(part)).flatten();
                if let Some(whole) = whole {
                    self.observed(&whole, &event.envelope, now);
                }
            }
            Body::CollectionFailed(failure) => {
                let at_once = self.trigger == Trigger::Period;
                for rule in &mut self.rules {
                    rule.failed(failure, &event.envelope, at_once, now);
                }
            }
            Body::PolicyApplied(applied) => self.obey(applied, event.envelope.seq),
            Body::PolicyRemoved(_) => self.let_go(),
            Body::Actuated(actuated) => self.fleet.actuated(actuated, self.cooldown, now),
            Body::Verified(verified) => settled = self.fleet.verified(verified, now),
            Body::Drifted(drifted) => self.fleet.drifted(drifted),
            _ => {}
        }
        self.settle(settled, now);
    }

    fn observed(&mut self, observed: &Observed, envelope: &Envelope, now: Timestamp) {
        if let Some(fleet) = &observed.fleet {
            let newer = |known: &Listing| known.at < observed.due;
            let believed = observed.due <= now.plus(AHEAD_AT_MOST);
            if believed && self.listing.as_deref().is_none_or(newer) {
                self.listing = Some(Box::new(Listing::of(fleet, &observed.source, observed.due)));
            }
        }
        let mut shared = Shared::default();
        for rule in &mut self.rules {
            rule.observed(observed, &mut shared, envelope, now);
        }
    }

    /// Folds what one of the rules said.
    pub(crate) fn said(&mut self, recommended: &Recommended) {
        let spoke = |rule: &&mut ActiveRule| rule.definition().name == recommended.rule;
        if recommended.revision == self.revision
            && let Some(rule) = self.rules.iter_mut().find(spoke)
        {
            rule.said(&recommended.recommendation, &self.fleet);
        }
    }

    /// Lets time pass without an event about this workload; whether that may change what its rules say.
    pub(crate) fn wake(&mut self, now: Timestamp) -> bool {
        let cooled_down = self.fleet.cool_down(now);
        self.settle(cooled_down, now);
        let lost = || matches!(self.listed(now), Listed::Then(_));
        cooled_down.is_some() || self.rules.iter().any(|rule| rule.depends_on(now)) || lost()
    }

    /// What the rules say that is news.
    pub(crate) fn news(&self, subject: &WorkloadId, now: Timestamp, news: &mut Vec<Output>) {
        let around = Surroundings {
            fleet: &self.fleet,
            listed: self.listed(now),
            cpu: self.cpu,
            now,
        };
        for rule in &self.rules {
            if let Some(recommended) = rule.news(self.revision, around) {
                news.push(Output::new(subject, recommended));
            }
        }
    }

    /// What there is of a list of the target's replicas.
    fn listed(&self, now: Timestamp) -> Listed<'_> {
        match self.listing.as_deref() {
            None => Listed::Nowhere,
            Some(listing) if stale(listing.at, now, self.lists_hold(listing)) => {
                Listed::Then(listing.at)
            }
            Some(listing) => Listed::Now(listing),
        }
    }

    /// For how long a list of replicas holds: as long as the samples of the same source, and where no rule reads that
    /// source, as long as any.
    fn lists_hold(&self, listing: &Listing) -> Span {
        let of_source = |rule: &&ActiveRule| rule.definition().metric.source == listing.source;
        let freshness = |rule: &ActiveRule| rule.definition().metric.freshness;
        let same = self.rules.iter().filter(of_source).map(freshness).max();
        let any = || self.rules.iter().map(freshness).max();
        same.or_else(any).unwrap_or_default()
    }

    /// The first instant after which a rule's sample, or the list of replicas, good until then, is stale.
    pub(crate) fn fresh_until(&self, now: Timestamp) -> Option<Timestamp> {
        let good = self.rules.iter().filter_map(|rule| rule.fresh_until(now));
        let list = self.listing.as_deref();
        let list = list.map(|list| list.at.plus(self.lists_hold(list)));
        good.chain(list.filter(|until| *until >= now)).min()
    }

    /// Puts a policy in force. A rule with the same name and definition goes on with what it knows. One that cannot be
    /// read changes nothing.
    fn obey(&mut self, applied: &PolicyApplied, revision: Seq) {
        let Ok(policy) = Policy::from_value(&applied.policy) else {
            return;
        };
        let mut before = std::mem::take(&mut self.rules);
        self.rules = policy
            .rules
            .into_iter()
            .map(|rule| {
                let known = before.iter().position(|known| *known.definition() == rule);
                known.map_or_else(
                    || ActiveRule::new(rule),
                    |at| {
                        let mut known = before.swap_remove(at);
                        known.speak_again();
                        known
                    },
                )
            })
            .collect();
        self.cooldown = policy.cooldown;
        self.cpu = CpuRules {
            initialization_period: policy.evaluation.cpu_initialization_period,
            initial_readiness_delay: policy.evaluation.initial_readiness_delay,
        };
        self.trigger = policy.evaluation.trigger;
        self.revision = revision;
        let reads = |rules: &[ActiveRule], source: &str| {
            let mut sources = rules.iter().map(|rule| &rule.definition().metric.source);
            sources.any(|read| read == source)
        };
        let given_up = |list: &mut Box<Listing>| {
            reads(&before, &list.source) && !reads(&self.rules, &list.source)
        };
        self.listing.take_if(given_up);
    }

    /// The policy is gone, and with it what was observed for it.
    fn let_go(&mut self) {
        self.rules.clear();
        self.listing = None;
        self.gathering = Gathering::default();
    }

    fn settle(&mut self, settled: Option<Settled>, now: Timestamp) {
        for rule in &mut self.rules {
            rule.settle(&self.fleet, settled, now);
        }
    }
}
