//! An explanation for people.

use super::{Explanation, Followed, RuleSaid, Told};
use crate::moment::{rfc3339, roughly};
use headroom_model::Span;
use std::fmt::{self, Write};

/// The explanation as text, ending with a new line.
#[must_use]
pub fn render(explanation: &Explanation) -> String {
    let mut text = String::new();
    // Writing into a string never fails.
    let _ = write(explanation, &mut text);
    text
}

fn write(explanation: &Explanation, out: &mut String) -> fmt::Result {
    let Explanation {
        workload,
        summary,
        decision,
        ..
    } = explanation;
    writeln!(out, "{workload}: {summary}")?;
    let end = decision.until.map_or_else(
        || "and it is the newest".to_owned(),
        |end| format!("until {}", rfc3339(end)),
    );
    writeln!(
        out,
        "  decided {} (seq {}), {end}",
        rfc3339(decision.at),
        decision.seq
    )?;
    if let Some(cause) = &decision.cause {
        writeln!(out, "  in answer to seq {}: {}", cause.seq, cause.sentence)?;
    }
    writeln!(out, "  {}", policy(&explanation.policy))?;
    if let Some(justification) = &explanation.policy.justification {
        writeln!(out, "  justification: {justification}")?;
    }
    writeln!(out, "\nWhat the rules wanted")?;
    if explanation.rules.is_empty() {
        writeln!(out, "  no rule had spoken")?;
    }
    for said in &explanation.rules {
        rule(said, out)?;
    }
    writeln!(out, "\nFrom there to the number")?;
    if explanation.trail.is_empty() {
        writeln!(out, "  no step was taken")?;
    }
    for (step, index) in explanation.trail.iter().zip(1..) {
        writeln!(out, "  {index}. {}", step.sentence)?;
    }
    section("Overrides in force", &explanation.overrides, out)?;
    section("What happened then", &explanation.happened, out)?;
    if let Some(took) = explanation.sample_to_action_milliseconds {
        writeln!(
            out,
            "  from the newest sample that a rule used to the target's answer: {}",
            roughly(Span(took))
        )?;
    }
    if !explanation.otherwise.is_empty() {
        writeln!(out, "\nWhy not another number")?;
        for way in &explanation.otherwise {
            writeln!(out, "  {way}")?;
        }
    }
    Ok(())
}

fn policy(policy: &Followed) -> String {
    let Followed {
        revision,
        applied_at,
        owner,
        min_replicas,
        max_replicas,
        ..
    } = policy;
    let bounds = match (min_replicas, max_replicas) {
        (Some(min), Some(max)) => format!(", {min} to {max} replicas"),
        _ => String::new(),
    };
    match (owner, applied_at) {
        (Some(owner), Some(at)) => {
            format!(
                "policy revision {revision}{bounds}, applied by {owner} {}",
                rfc3339(*at)
            )
        }
        _ => format!("policy revision {revision}, which the log no longer has"),
    }
}

fn rule(said: &RuleSaid, out: &mut String) -> fmt::Result {
    writeln!(out, "  {} {}", said.rule, said.sentence)?;
    match said.at {
        Some(at) => writeln!(out, "    said {} (seq {})", rfc3339(at), said.seq)?,
        None => writeln!(
            out,
            "    said at seq {}, which the log no longer has",
            said.seq
        )?,
    }
    for looked_at in &said.inputs {
        let source = match (&looked_at.source, looked_at.accepted_at) {
            (Some(source), Some(at)) => format!("from {source}, {}", rfc3339(at)),
            _ => "which the log no longer has".to_owned(),
        };
        let seq = looked_at.input.seq;
        let id = looked_at.input.event;
        writeln!(
            out,
            "    {} (seq {seq}, {source}, event {id})",
            looked_at.sentence
        )?;
    }
    Ok(())
}

fn section(title: &str, events: &[Told], out: &mut String) -> fmt::Result {
    if events.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{title}")?;
    for event in events {
        let Told {
            at, seq, sentence, ..
        } = event;
        writeln!(out, "  {} {sentence} (seq {seq})", rfc3339(*at))?;
    }
    Ok(())
}
