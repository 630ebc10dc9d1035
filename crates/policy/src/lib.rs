//! Scaling policies: what a person writes ([`spec`]), what the machines obey ([`Policy`]), and the way from one to the other.
//!
//! [`parse_files`] reads YAML and says of every error where it stands; [`Policy::from_value`] reads the body of a
//! `policy_applied` event by the same rules. Both are pure.

mod check;
mod decode;
mod document;
mod duration;
mod error;
mod misfit;
mod path;
mod policy;
mod quantity;
pub mod schema;
mod shared;
pub mod spec;
mod strangers;
mod target;
mod yaml;

pub use check::PUSH;
pub use document::{Document, parse_files, parse_files_with_sources};
pub use error::{Errors, Place, PolicyError};
pub use policy::*;
pub use target::TargetKey;
