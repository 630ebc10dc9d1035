//! The parts of `headroom demo`: real workers, real requests, and what is seen of them.
//!
//! [`stage`] is the set: a directory, a configuration, a policy. [`worker`] is the program that is scaled. [`load`] sends
//! requests along a [`curve`] to the [`fleet`] of workers and measures them with a [`meter`]. [`scene`] keeps what is known,
//! and [`view`] shows it. Who conducts them is `commands/demo.rs`.

pub(crate) mod curve;
pub(crate) mod fleet;
pub(crate) mod load;
pub(crate) mod meter;
mod panel;
pub(crate) mod scene;
mod sparkline;
pub(crate) mod stage;
pub(crate) mod text;
pub(crate) mod view;
pub(crate) mod worker;
