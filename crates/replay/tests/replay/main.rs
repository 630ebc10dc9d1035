//! Logs of simulated runs, whole and tampered with, read as people read them.

mod check;
mod explain;
mod export;
mod history;
mod support;
mod verify;
