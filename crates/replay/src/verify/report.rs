//! What a replay found, and how it is told.

use headroom_model::machine::Difference;
use headroom_model::{Seq, Service, codec::DecodeError};
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// How far a replay is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The position it has reached.
    pub seq: Seq,
    /// The last position.
    pub last: Seq,
}

/// What a replay found.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// Events in the log.
    pub events: u64,
    /// Decisions among them.
    pub decisions: u64,
    /// What each machine's replay found.
    pub machines: Vec<MachineReport>,
    /// Positions that cannot be read.
    pub damage: Vec<Damage>,
}

/// Positions that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Damage {
    /// The first.
    pub first: Seq,
    /// The last.
    pub last: Seq,
    /// What is wrong.
    pub detail: String,
}

/// Where a machine's replay began, or went on behind damage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// At the beginning of the log.
    Beginning,
    /// At a checkpoint.
    Checkpoint {
        /// Its position.
        through: Seq,
    },
    /// No checkpoint follows that could be gone on from, so nothing from here on is verified.
    Nowhere {
        /// Here.
        from: Seq,
    },
    /// The machine has committed nothing.
    NeverRan,
}

/// What the replay of one machine found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MachineReport {
    /// The machine.
    pub service: Service,
    /// This build's behaviour version.
    pub behaviour: u32,
    /// Where it began, and where it went on behind damage.
    pub starts: Vec<Start>,
    /// Inputs folded.
    pub inputs: u64,
    /// Recorded outputs compared.
    pub outputs: u64,
    /// Checkpoints whose hash was compared.
    pub checkpoints: u64,
    /// Inputs at the end that the machine had not answered.
    pub unanswered: u64,
    /// Behaviour versions in the record other than this build's.
    pub other_behaviours: BTreeSet<u32>,
    /// Differences from what this build's behaviour version wrote.
    pub differences: u64,
    /// Differences from what other behaviour versions wrote: no defects.
    pub excused: u64,
    /// The first difference that is a defect.
    pub first: Option<Finding>,
    /// The first differences of either sort, at most 100 and those that cannot be read.
    pub findings: Vec<Finding>,
    /// What else is worth knowing.
    pub notes: Vec<String>,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// Where to look.
    pub seq: Seq,
    /// What differs, in a sentence.
    pub detail: String,
    /// What this build answers.
    pub expected: Option<serde_json::Value>,
    /// What the record has.
    pub recorded: Option<serde_json::Value>,
}

impl Finding {
    fn new(seq: Seq, detail: String) -> Self {
        Self {
            seq,
            detail,
            expected: None,
            recorded: None,
        }
    }

    pub(super) fn unreadable(seq: Seq, error: &DecodeError) -> Self {
        let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
        Self::new(seq, format!("{error}{}", cause.unwrap_or_default()))
    }
}

impl From<&Difference> for Finding {
    fn from(difference: &Difference) -> Self {
        let seq = difference.seq();
        match difference {
            Difference::Missing {
                cause,
                subject,
                kind,
            } => Self::new(
                seq,
                format!("{kind} about {subject} in answer to {cause} is not in the log"),
            ),
            Difference::Extra { cause, kind, .. } => Self::new(
                seq,
                format!("{kind} in answer to {cause} is in the log, and the machine gives none"),
            ),
            Difference::Orphan { cause, .. } => Self::new(
                seq,
                format!("it answers {cause}, which is no input that could be answered there"),
            ),
            Difference::Checkpoint {
                through,
                recorded,
                reproduced,
            } => Self::new(
                seq,
                format!(
                    "the checkpoint at {through} has the hash {recorded}, and the replay gives {reproduced}"
                ),
            ),
            Difference::Changed {
                cause,
                detail,
                expected,
                recorded,
                ..
            } => Self {
                expected: Some(expected.to_json()),
                recorded: recorded.as_ref().map(|body| body.to_json()),
                ..Self::new(seq, format!("the answer to {cause}: {detail}"))
            },
        }
    }
}

impl MachineReport {
    pub(super) fn new(service: Service, behaviour: u32) -> Self {
        Self {
            service,
            behaviour,
            starts: Vec::new(),
            inputs: 0,
            outputs: 0,
            checkpoints: 0,
            unanswered: 0,
            other_behaviours: BTreeSet::new(),
            differences: 0,
            excused: 0,
            first: None,
            findings: Vec::new(),
            notes: Vec::new(),
        }
    }

    pub(super) fn differ(&mut self, count: u64, excused: bool, first: Option<Finding>) {
        if excused {
            self.excused += count;
            return;
        }
        self.differences += count;
        if self.first.is_none() {
            self.first = first;
        }
    }

    fn unverified(&self) -> Option<Seq> {
        self.starts.iter().find_map(|start| match start {
            Start::Nowhere { from } => Some(*from),
            _ => None,
        })
    }
}

impl Report {
    /// Differences that are defects.
    #[must_use]
    pub fn differences(&self) -> u64 {
        self.machines
            .iter()
            .map(|machine| machine.differences)
            .sum()
    }

    /// Differences from what other behaviour versions wrote.
    #[must_use]
    pub fn excused(&self) -> u64 {
        self.machines.iter().map(|machine| machine.excused).sum()
    }

    /// Whether everything could be replayed and is what this build answers.
    #[must_use]
    pub fn verified(&self) -> bool {
        self.differences() == 0 && self.first_unverified().is_none()
    }

    /// The first position where something differs, is damaged or could not be replayed.
    #[must_use]
    pub fn first_seq(&self) -> Option<Seq> {
        let defects = self
            .machines
            .iter()
            .filter_map(|machine| machine.first.as_ref());
        let defects = defects.map(|finding| finding.seq);
        defects.chain(self.first_unverified()).min()
    }

    fn first_unverified(&self) -> Option<Seq> {
        let nowhere = self.machines.iter().filter_map(MachineReport::unverified);
        let damage = self.damage.iter().map(|damage| damage.first);
        nowhere.chain(damage).min()
    }

    /// The line that a replay ends with.
    #[must_use]
    pub fn final_line(&self) -> String {
        let Self {
            events, decisions, ..
        } = self;
        let differences = self.differences();
        match self.first_seq() {
            None => {
                format!("replay verified: {events} events, {decisions} decisions, 0 differences")
            }
            Some(first) if differences > 0 => format!(
                "replay differs: {events} events, {decisions} decisions, {differences} differences, the first at seq {first}"
            ),
            Some(first) => format!(
                "replay incomplete: {events} events, {decisions} decisions, 0 differences in what could be replayed; the first that could not at seq {first}"
            ),
        }
    }

    /// What is said before the final line: where each machine began, what it compared, and everything that differs.
    #[must_use]
    pub fn details(&self) -> String {
        let mut text = String::new();
        for damage in &self.damage {
            let Damage {
                first,
                last,
                detail,
            } = damage;
            let _ = writeln!(text, "seq {first} to {last} cannot be read: {detail}");
        }
        for machine in &self.machines {
            machine.tell(&mut text);
        }
        text
    }
}

impl MachineReport {
    fn tell(&self, text: &mut String) {
        let starts: Vec<_> = self.starts.iter().map(Start::to_string).collect();
        let _ = writeln!(
            text,
            "{}: {}; {} inputs, {} outputs compared, {} checkpoints reproduced or compared, {} inputs not answered yet",
            self.service,
            starts.join(", then "),
            self.inputs,
            self.outputs,
            self.checkpoints,
            self.unanswered,
        );
        if !self.other_behaviours.is_empty() {
            let others: Vec<_> = self.other_behaviours.iter().map(u32::to_string).collect();
            let _ = writeln!(
                text,
                "{}: parts were written by behaviour version {}, and this build has version {}: their {} differences are no defects",
                self.service,
                others.join(", "),
                self.behaviour,
                self.excused,
            );
        }
        for note in &self.notes {
            let _ = writeln!(text, "{}: {note}", self.service);
        }
        for finding in &self.findings {
            let _ = writeln!(
                text,
                "{}: seq {}: {}",
                self.service, finding.seq, finding.detail
            );
            for (name, value) in [
                ("expected", &finding.expected),
                ("recorded", &finding.recorded),
            ] {
                if let Some(value) = value {
                    let _ = writeln!(text, "  {name} {value}");
                }
            }
        }
    }
}

impl std::fmt::Display for Start {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Beginning => f.write_str("from the beginning"),
            Self::Checkpoint { through } => write!(f, "from the checkpoint at {through}"),
            Self::Nowhere { from } => write!(
                f,
                "not from {from} on, since no checkpoint follows to go on from"
            ),
            Self::NeverRan => f.write_str("it has committed nothing here"),
        }
    }
}
