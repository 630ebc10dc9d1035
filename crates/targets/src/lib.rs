//! The drivers that touch the world: each makes a target have as many replicas as a plan says.
//!
//! A policy only names a target. What that name means (which program, which directory) is in the actuator's own
//! `headroom.yaml`, as [`Settings`]; [`Targets`] finds the driver. `docs/targets.md` has every setting.

mod child_env;
pub mod command;
mod error;
pub mod process;
mod registry;
mod settings;
mod target;
mod template;

pub use error::TargetError;
pub use registry::Targets;
pub use settings::{Settings, SettingsError, TargetSettings};
pub use target::{Found, Guarantee, Order, Target, TargetName};
