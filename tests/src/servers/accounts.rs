//! A real NATS server with the accounts that `deploy/nats` recommends.

use super::nats::{self, Node, settings};
use anyhow::{Context as _, Result};
use headroom_log::nats::{Secret, Settings};

const NAMES: [&str; 9] = [
    "admin",
    "collector",
    "evaluator",
    "planner",
    "actuator",
    "clock",
    "operator",
    "reader",
    "pusher",
];

/// Starts it. `None` when nats-server is not installed.
///
/// # Errors
/// When it does not come up.
pub fn server() -> Result<Option<Node>> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/nats/accounts.conf");
    let accounts = std::fs::read_to_string(path).context("the accounts of deploy/nats")?;
    let passwords = NAMES.map(|name| {
        let variable = name.to_uppercase();
        format!("HEADROOM_{variable}_PASSWORD: {:?}\n", password(name))
    });
    nats::single(&format!("{}{accounts}", passwords.concat()))
}

/// The user of a service, or of `admin`, `operator`, `reader` and `pusher`.
#[must_use]
pub fn user(name: &str) -> &str {
    match name {
        "admin" => "headroom",
        other => other,
    }
}

/// Every password is the name turned round.
#[must_use]
pub fn password(name: &str) -> String {
    name.chars().rev().collect()
}

/// Settings that log in.
#[must_use]
pub fn login(node: &Node, name: &str) -> Settings {
    Settings {
        user: Some(user(name).to_owned()),
        password: Some(Secret(password(name))),
        request_timeout_ms: 2000,
        ..settings(vec![node.url()], 1)
    }
}
