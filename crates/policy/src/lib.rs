//! Scaling policies: what a person writes (`spec`), what the machines obey (`Policy`), and the way from one to the other.

mod policy;

pub use policy::*;
