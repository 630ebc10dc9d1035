//! Scaling policies: what a person writes ([`spec`]), what the machines obey ([`Policy`]), and the way from one to the other.
//!
//! [`parse_files`] reads YAML and says of every error where it stands; [`Policy::from_value`] reads the body of a
//! `policy_applied` event by the same rules. [`import_files`] makes policies of HorizontalPodAutoscalers, and [`to_yaml`]
//! writes them. All are pure.

mod autoscale;
mod check;
mod decode;
mod document;
mod duration;
mod error;
mod import;
mod misfit;
mod path;
mod policy;
mod quantity;
pub mod schema;
mod shared;
pub mod spec;
mod strangers;
mod target;
mod write;
mod yaml;

pub use autoscale::autoscale;
pub use check::PUSH;
pub use document::{Document, parse_files, parse_files_with_sources};
pub use error::{Errors, Place, PolicyError};
pub use import::{Imported, Settings as ImportSettings, import_files};
pub use policy::*;
pub use target::TargetKey;
pub use write::to_yaml;
