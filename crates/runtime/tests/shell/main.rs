//! The shells when something goes wrong: asked to stop amid a call, held up, misled by a driver, cut off from the log.

mod calls;
mod log;
mod reach;
mod reading;
mod stage;
mod stopping;
mod target;
