//! The thin shell: runs any machine over any log, and decides nothing.
//!
//! [`service::run`] is the one loop that every machine lives in: restore, fold, go live, commit, stand by, take over,
//! drain. [`clock::run`] makes time move. [`hands::ActuatorHands`] carries attempts out. [`status`] and [`http`] show what
//! goes on.

pub mod clock;
pub mod facts;
pub mod hands;
pub mod http;
pub mod identity;
pub mod metrics;
pub mod service;
pub mod shutdown;
pub mod status;
pub mod telemetry;

pub use identity::Identity;
pub use status::{Phase, Status};
