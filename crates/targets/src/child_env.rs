//! The environment of the programs that Headroom starts.

use std::{ffi::OsString, process::Command};

/// What starts with this is Headroom's own: addresses and credentials that no started program is given.
const OWN_PREFIX: &str = "HEADROOM_";

/// Keeps the `HEADROOM_*` variables of this process from a program that it starts. Everything else is inherited.
pub(crate) fn withhold_own(command: &mut Command) {
    for name in own(std::env::vars_os().map(|(name, _)| name)) {
        command.env_remove(name);
    }
}

fn own(names: impl Iterator<Item = OsString>) -> impl Iterator<Item = OsString> {
    names.filter(|name| name.as_encoded_bytes().starts_with(OWN_PREFIX.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_variables_are_withheld() {
        let names =
            ["PATH", "HEADROOM_NATS_PASSWORD", "MY_HEADROOM_", "HEADROOM"].map(OsString::from);
        let withheld: Vec<_> = own(names.into_iter()).collect();
        assert_eq!(withheld, ["HEADROOM_NATS_PASSWORD"]);
    }
}
