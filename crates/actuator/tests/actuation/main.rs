//! An actuation, from its decision to its outcome.

mod life;
mod stage;
mod taken_up;
