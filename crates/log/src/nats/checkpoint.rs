//! Checkpoints: compressed, cut into chunks, and valid once a manifest names all of them.

use super::{
    api::{Api, Failure},
    publish::{self, Outgoing},
    stored::{self, Which as At},
    subject::Subjects,
};
use crate::LogError;
use async_nats::{HeaderMap, jetstream::ErrorCode};
use futures::{StreamExt as _, TryStreamExt as _};
use headroom_model::{Checkpoint, Seq, Service, Timestamp};
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use uuid::Uuid;

/// The bytes of a chunk. An answer carries them in base64, which still fits the usual `max_payload` of 1 MiB.
const CHUNK: usize = 512 * 1024;
/// Chunks on their way at once: 4 MiB.
const IN_FLIGHT: usize = 8;
/// zstd's own default: most of what can be gained, at some hundred MB/s.
const LEVEL: i32 = 3;

/// The checkpoints of one machine.
pub(super) struct Shelf<'a> {
    api: &'a Api,
    stream: String,
    prefix: String,
    machine: Service,
}

/// What makes a row of chunks a checkpoint.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Checkpoint")]
struct Manifest {
    /// The version of the state's form.
    version: u16,
    /// The behaviour version that made it.
    behaviour: u32,
    /// The position: every input up to here is in the state.
    through: Seq,
    /// The stamp of the log at `through`.
    stamp: Timestamp,
    /// The length of the state before compression.
    length: u64,
    /// SHA-256 of position and state, in hex.
    hash: String,
    /// The positions of the chunks in the stream.
    chunks: Vec<u64>,
}

/// The JSON Schema of what makes a row of chunks a checkpoint.
#[must_use]
pub fn checkpoint_schema() -> Schema {
    headroom_model::schema::of_written().into_root_schema_for::<Manifest>()
}

#[derive(Deserialize)]
struct Listing {
    state: ListedState,
}

#[derive(Deserialize)]
struct ListedState {
    #[serde(default)]
    subjects: BTreeMap<String, u64>,
}

#[derive(Deserialize)]
struct Purged {}

impl<'a> Shelf<'a> {
    pub(super) fn new(api: &'a Api, subjects: &Subjects, machine: Service) -> Self {
        Self {
            api,
            stream: subjects.checkpoint_stream(machine),
            prefix: subjects.checkpoints(machine),
            machine,
        }
    }

    /// Keeps a checkpoint, and forgets those that a log beginning at `log_first` no longer needs.
    pub(super) async fn save(
        &self,
        checkpoint: &Checkpoint,
        log_first: Seq,
    ) -> Result<(), LogError> {
        let packed = zstd::bulk::compress(&checkpoint.state, LEVEL)
            .map_err(|error| LogError::Storage(format!("compressing a checkpoint: {error}")))?;
        let id = Uuid::now_v7().simple().to_string();
        let subject = format!("{}.chunk.{id}", self.prefix);
        let packed = bytes::Bytes::from(packed);
        let size = CHUNK.min(self.api.client.max_payload() / 2);
        let cuts = (0..packed.len()).step_by(size);
        let chunks: Vec<u64> = futures::stream::iter(cuts)
            .map(|cut| packed.slice(cut..packed.len().min(cut + size)))
            .map(|chunk| self.put(subject.clone(), chunk))
            .buffered(IN_FLIGHT)
            .try_collect()
            .await?;
        let manifest = Manifest {
            version: checkpoint.version,
            behaviour: checkpoint.behaviour,
            through: checkpoint.through,
            stamp: checkpoint.stamp,
            length: checkpoint.state.len() as u64,
            hash: checkpoint.hash(),
            chunks,
        };
        let bytes = rmp_serde::to_vec_named(&manifest)
            .expect("a manifest holds only numbers and one string, which always encode");
        self.put(self.manifest(checkpoint.through), bytes.into())
            .await?;
        self.forget(log_first).await
    }

    /// The newest checkpoint not past `not_after`. One that cannot be read is passed over aloud.
    pub(super) async fn newest(&self, not_after: Seq) -> Result<Option<Checkpoint>, LogError> {
        for through in self.list().await?.into_iter().rev() {
            if through > not_after {
                continue;
            }
            match self.load(through).await? {
                Ok(checkpoint) => return Ok(Some(checkpoint)),
                Err(detail) => {
                    tracing::warn!(machine = %self.machine, %through, detail, "a checkpoint is damaged; taking an older one");
                }
            }
        }
        Ok(None)
    }

    async fn put(&self, subject: String, payload: bytes::Bytes) -> Result<u64, LogError> {
        let message = Outgoing {
            subject,
            headers: HeaderMap::new(),
            payload,
        };
        Ok(publish::one(self.api, message).await?.seq)
    }

    fn manifest(&self, through: Seq) -> String {
        format!("{}.manifest.{through}", self.prefix)
    }

    /// The positions that there are checkpoints of, in order.
    async fn list(&self) -> Result<Vec<Seq>, LogError> {
        let question =
            serde_json::json!({ "subjects_filter": format!("{}.manifest.*", self.prefix) });
        let endpoint = format!("STREAM.INFO.{}", self.stream);
        let listing: Listing = match self.api.call(&endpoint, &question).await {
            Ok(listing) => listing,
            Err(Failure::Server(error)) if error.err_code == ErrorCode::STREAM_NOT_FOUND => {
                return Ok(Vec::new());
            }
            Err(other) => return Err(other.into()),
        };
        let subjects = listing.state.subjects.keys();
        let mut positions: Vec<_> = subjects
            .filter_map(|subject| subject.rsplit('.').next()?.parse().ok().map(Seq))
            .collect();
        positions.sort_unstable();
        Ok(positions)
    }

    async fn read_manifest(&self, through: Seq) -> Result<Option<Manifest>, LogError> {
        let subject = self.manifest(through);
        let message = stored::message(self.api, &self.stream, &At::Last(&subject)).await?;
        Ok(message.and_then(|message| rmp_serde::from_slice(&message.payload).ok()))
    }

    /// The checkpoint at a position; the inner error says what is wrong with it.
    async fn load(&self, through: Seq) -> Result<Result<Checkpoint, String>, LogError> {
        let Some(manifest) = self.read_manifest(through).await? else {
            return Ok(Err("its manifest cannot be read".to_owned()));
        };
        let chunks: Vec<_> = futures::stream::iter(manifest.chunks.clone())
            .map(|seq| async move {
                let message = stored::message(self.api, &self.stream, &At::At(seq)).await;
                message.map(|found| found.map(|message| message.payload))
            })
            .buffered(IN_FLIGHT)
            .try_collect()
            .await?;
        let Some(chunks) = chunks.into_iter().collect::<Option<Vec<_>>>() else {
            return Ok(Err("a chunk of it is gone".to_owned()));
        };
        Ok(self.assemble(&manifest, &chunks.concat()))
    }

    fn assemble(&self, manifest: &Manifest, packed: &[u8]) -> Result<Checkpoint, String> {
        let length = usize::try_from(manifest.length).map_err(|error| error.to_string())?;
        let state = zstd::bulk::decompress(packed, length).map_err(|error| error.to_string())?;
        let checkpoint = Checkpoint {
            service: self.machine,
            version: manifest.version,
            behaviour: manifest.behaviour,
            through: manifest.through,
            stamp: manifest.stamp,
            state,
        };
        if checkpoint.hash() == manifest.hash {
            Ok(checkpoint)
        } else {
            Err("its hash is not the one in its manifest".to_owned())
        }
    }

    /// Purges what lies before the oldest checkpoint that the log still reaches back to. The newest always remains.
    async fn forget(&self, log_first: Seq) -> Result<(), LogError> {
        let positions = self.list().await?;
        let reached = positions
            .iter()
            .position(|through| through.next() >= log_first);
        let oldest = reached.unwrap_or(positions.len().saturating_sub(1));
        if oldest == 0 {
            return Ok(());
        }
        let mut keep_from = u64::MAX;
        for through in &positions[oldest..] {
            // Two instances may have written at the same time, so a newer one's chunks can begin earlier.
            let manifest = self.read_manifest(*through).await?;
            let first = manifest.and_then(|manifest| manifest.chunks.first().copied());
            keep_from = keep_from.min(first.unwrap_or(u64::MAX));
        }
        if keep_from == u64::MAX {
            return Ok(());
        }
        let question = serde_json::json!({ "seq": keep_from });
        let endpoint = format!("STREAM.PURGE.{}", self.stream);
        self.api.call::<Purged>(&endpoint, &question).await?;
        Ok(())
    }
}
