//! The virtual clock, the dice, the log, and the mail between instances and the log.

use crate::{LONGEST_STEP, Scenario};
use headroom_log::{Commit, CommitError, memory::Store};
use headroom_model::machine::{Moment, Proposal};
use headroom_model::{Record, Seq, Span, Timestamp};
use uuid::Uuid;

/// The address of one life of one instance: answers to an earlier life are thrown away.
pub(crate) type Address = (&'static str, usize, u64);

/// A commit or some facts on their way to the log.
struct Letter {
    arrives: Timestamp,
    content: Content,
}

enum Content {
    Facts(Vec<Record>),
    Commit {
        from: Address,
        id: Uuid,
        commit: Box<Commit>,
        answer_after: Option<Span>,
    },
}

/// An answer on its way back.
struct Answer {
    arrives: Timestamp,
    to: Address,
    commit: Uuid,
    result: Result<Seq, CommitError>,
}

/// Everything that instances share.
pub(crate) struct World {
    now: Timestamp,
    begun: Timestamp,
    pub(crate) dice: fastrand::Rng,
    pub(crate) scenario: Scenario,
    pub(crate) store: Store,
    letters: Vec<Letter>,
    answers: Vec<Answer>,
    outage_until: Timestamp,
    healed: bool,
}

/// An instance that hears nothing for so long sends its commit again.
const ANSWER_TIMEOUT: Span = Span::seconds(2);

impl World {
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let begun = Timestamp(1_790_000_000_000);
        Self {
            now: begun,
            begun,
            dice: fastrand::Rng::with_seed(scenario.seed),
            scenario: scenario.clone(),
            store: Store::default(),
            letters: Vec::new(),
            answers: Vec::new(),
            outage_until: begun,
            healed: false,
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    /// The steady clock that every instance reads.
    pub(crate) fn moment(&self) -> Moment {
        Moment(self.now.since(self.begun).0)
    }

    pub(crate) fn heal(&mut self, healed: bool) {
        self.healed = healed;
    }

    pub(crate) fn healed(&self) -> bool {
        self.healed
    }

    /// Throws the dice for a fault; never once healed.
    pub(crate) fn fault(&mut self, likely: f64) -> bool {
        let thrown = self.dice.f64();
        !self.healed && thrown < likely
    }

    /// The log can be reached.
    pub(crate) fn reachable(&self) -> bool {
        self.now >= self.outage_until
    }

    /// Sends facts to the log.
    pub(crate) fn send_facts(&mut self, facts: Vec<Record>) {
        let arrives = self.now.plus(Span(self.dice.u64(0..50)));
        self.letters.push(Letter {
            arrives,
            content: Content::Facts(facts),
        });
    }

    /// Sends a commit; the answer, or [`CommitError::Unknown`], arrives later.
    pub(crate) fn send_commit(&mut self, from: Address, proposal: &Proposal) {
        let lost = {
            let likely = self.scenario.faults.lost_commit;
            self.fault(likely)
        };
        let unheard = {
            let likely = self.scenario.faults.lost_ack;
            self.fault(likely)
        };
        // What nobody hears of may also come long after its writer has given it up.
        let longest = if unheard { 4000 } else { 300 };
        let arrives = self.now.plus(Span(self.dice.u64(0..longest)));
        let answer_after = (!unheard).then_some(Span(self.dice.u64(0..200)));
        if !lost {
            let commit = Commit {
                expected: proposal.expected,
                head: proposal.head.clone(),
                outputs: proposal.outputs.clone(),
            };
            self.letters.push(Letter {
                arrives,
                content: Content::Commit {
                    from,
                    id: proposal.id(),
                    commit: Box::new(commit),
                    answer_after,
                },
            });
        }
        if lost || unheard {
            self.answers.push(Answer {
                arrives: self.now.plus(ANSWER_TIMEOUT),
                to: from,
                commit: proposal.id(),
                result: Err(CommitError::Unknown("no answer".to_owned())),
            });
        }
    }

    /// The answer that has arrived to a commit of one life of an instance.
    pub(crate) fn answer(&mut self, to: Address, commit: Uuid) -> Option<Result<Seq, CommitError>> {
        let now = self.now;
        let place = self.answers.iter().position(|answer| {
            answer.to == to && answer.commit == commit && answer.arrives <= now
        })?;
        Some(self.answers.remove(place).result)
    }

    /// Delivers mail, and lets time pass.
    pub(crate) fn advance(&mut self) {
        let likely = self.scenario.faults.outage;
        if self.fault(likely) {
            self.outage_until = self.now.plus(Span::seconds(self.dice.u64(1..120)));
        }
        if self.healed {
            self.outage_until = self.now;
        }
        if self.reachable() {
            self.deliver();
        }
        let step = self.dice.u64(10..LONGEST_STEP.0);
        self.now = self.now.plus(Span(step));
    }

    fn deliver(&mut self) {
        let now = self.now;
        let (mut due, later): (Vec<_>, Vec<_>) = std::mem::take(&mut self.letters)
            .into_iter()
            .partition(|letter| letter.arrives <= now);
        self.letters = later;
        due.sort_by_key(|letter| letter.arrives);
        for letter in due {
            match letter.content {
                Content::Facts(facts) => {
                    self.store.append(now, facts);
                }
                Content::Commit {
                    from,
                    id,
                    commit,
                    answer_after,
                } => {
                    let result = self
                        .store
                        .commit(now, *commit)
                        .map(|committed| committed.at);
                    if let Some(after) = answer_after {
                        self.answers.push(Answer {
                            arrives: now.plus(after),
                            to: from,
                            commit: id,
                            result,
                        });
                    }
                }
            }
        }
    }

    pub(crate) fn into_store(self) -> Store {
        self.store
    }
}
