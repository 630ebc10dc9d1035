//! A log that another process owns, over a Unix socket: `up` serves its embedded log to the commands of the CLI.
//!
//! Every request has a connection of its own, so a slow reader slows only itself: its frames fill its own socket's buffer
//! and the server waits for it alone. Both ends speak in frames: four bytes of length, then MessagePack. A client may
//! append, read and follow; commits and checkpoints are for the process that owns the log.

mod client;
mod server;
mod wire;

pub use client::SocketLog;
pub use server::{ServeError, serve};
