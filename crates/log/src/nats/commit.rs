//! Commits: a head and its outputs in one atomic batch that only the next head in line can lead.

use super::{
    api::{Api, CONFLICTS, Failure},
    envelope, heads,
    publish::{self, Outgoing},
    subject::Subjects,
};
use crate::{Commit, CommitError, Committed, LogError, memory::check_commit};
use headroom_model::Seq;

/// See [`crate::Log::commit`].
pub(super) async fn commit(
    api: &Api,
    subjects: &Subjects,
    commit: &Commit,
) -> Result<Committed, CommitError> {
    check_commit(commit)?;
    match send(api, subjects, commit, commit.expected).await {
        // The subject of an expired head is empty again, as before the first.
        Err(CommitError::Conflict)
            if heads::was_let_go(api, subjects, commit.head.service, commit.expected)
                .await
                .unwrap_or(false) =>
        {
            send(api, subjects, commit, Seq::ZERO).await
        }
        other => other,
    }
}

async fn send(
    api: &Api,
    subjects: &Subjects,
    commit: &Commit,
    expected: Seq,
) -> Result<Committed, CommitError> {
    let messages = messages(subjects, commit, expected)?;
    for message in &messages {
        message.check_size(api).map_err(LogError::from)?;
    }
    let count = messages.len() as u64;
    match publish::batch(api, messages).await {
        Ok(ack) => Ok(Committed {
            head: Seq((ack.seq + 1).saturating_sub(count)),
        }),
        Err(Failure::Server(error)) if CONFLICTS.contains(&error.err_code) => {
            Err(CommitError::Conflict)
        }
        Err(Failure::Unanswered(detail)) => Err(CommitError::Unknown(detail)),
        Err(other) => Err(CommitError::Log(other.into())),
    }
}

fn messages(
    subjects: &Subjects,
    commit: &Commit,
    expected: Seq,
) -> Result<Vec<Outgoing>, LogError> {
    let mut headers = envelope::encode_head(&commit.head, subjects);
    headers.insert(
        "Nats-Expected-Last-Subject-Sequence",
        expected.to_string().as_str(),
    );
    let head = Outgoing {
        subject: subjects.head(commit.head.service),
        headers,
        payload: commit.head.encode().into(),
    };
    let outputs = commit.outputs.iter().map(|output| {
        Ok(Outgoing {
            subject: subjects.event(&output.envelope)?,
            headers: envelope::encode(output, subjects),
            payload: output.body.clone().into(),
        })
    });
    std::iter::once(Ok(head)).chain(outputs).collect()
}
