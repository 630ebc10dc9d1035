//! Commits: a head and its outputs in one atomic batch that only the next head in line can lead, or a single output that
//! only goes under the newest head.

use super::{
    api::{Api, CONFLICTS, Failure},
    envelope, heads,
    publish::{self, Outgoing},
    subject::Subjects,
};
use crate::{Commit, CommitError, Committed, LogError};
use headroom_model::{Seq, Service};

/// See [`crate::Log::commit`].
pub(super) async fn commit(
    api: &Api,
    subjects: &Subjects,
    commit: &Commit,
) -> Result<Committed, CommitError> {
    let service = commit.service()?;
    match send(api, subjects, service, commit, commit.expected).await {
        // The subject of an expired head is empty again, as before the first.
        Err(CommitError::Conflict)
            if heads::was_let_go(api, subjects, service, commit.expected)
                .await
                .unwrap_or(false) =>
        {
            send(api, subjects, service, commit, Seq::ZERO).await
        }
        other => other,
    }
}

async fn send(
    api: &Api,
    subjects: &Subjects,
    service: Service,
    commit: &Commit,
    expected: Seq,
) -> Result<Committed, CommitError> {
    let mut messages = messages(subjects, commit)?;
    let count = messages.len() as u64;
    if let Some(first) = messages.first_mut() {
        let headers = &mut first.headers;
        headers.insert(
            "Nats-Expected-Last-Subject-Sequence",
            expected.to_string().as_str(),
        );
        // A head is on that subject itself.
        if commit.head.is_none() {
            headers.insert(
                "Nats-Expected-Last-Subject-Sequence-Subject",
                subjects.head(service).as_str(),
            );
        }
    }
    for message in &messages {
        message.check_size(api).map_err(LogError::from)?;
    }
    match publish::together(api, messages).await {
        Ok(ack) => Ok(Committed {
            at: Seq((ack.seq + 1).saturating_sub(count)),
        }),
        Err(Failure::Server(error)) if CONFLICTS.contains(&error.err_code) => {
            Err(CommitError::Conflict)
        }
        Err(Failure::Unanswered(detail)) => Err(CommitError::Unknown(detail)),
        Err(other) => Err(CommitError::Log(other.into())),
    }
}

fn messages(subjects: &Subjects, commit: &Commit) -> Result<Vec<Outgoing>, LogError> {
    let head = commit.head.iter().map(|head| {
        Ok(Outgoing {
            subject: subjects.head(head.service),
            headers: envelope::encode_head(head, subjects),
            payload: head.encode().into(),
        })
    });
    let outputs = commit.outputs.iter().map(|output| {
        Ok(Outgoing {
            subject: subjects.event(&output.envelope)?,
            headers: envelope::encode(output, subjects),
            payload: output.body.clone().into(),
        })
    });
    head.chain(outputs).collect()
}
