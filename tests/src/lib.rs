//! What crosses crates: helpers shared by the contract, end-to-end and chaos tests.

pub mod bench;
pub mod bin_path;
pub mod conformance;
pub mod e2e;
pub mod facts;
pub mod fuzzed;
pub mod servers;
