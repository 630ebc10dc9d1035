//! Ports for the servers of tests.

use std::{
    net::TcpListener,
    sync::atomic::{AtomicU16, Ordering::Relaxed},
};

/// Ports are handed out from here on: below are those of known services.
const FIRST: u16 = 10_000;
/// How many there are to hand out: they end where systems begin to take ports for outgoing connections, since such a
/// connection could take the port of a server that is not started yet, or is down for a while.
const MANY: u16 = 22_000;

/// How many of them this process looked at.
static LOOKED: AtomicU16 = AtomicU16::new(0);

/// A port of 127.0.0.1 that nobody listens on. This process is never given it again; another one that runs beside it
/// begins elsewhere.
///
/// # Panics
/// When the machine has no port left.
#[must_use]
pub fn free_port() -> u16 {
    loop {
        let step = LOOKED.fetch_add(1, Relaxed);
        assert!(step < MANY, "this process has used all {MANY} ports");
        let port = nth(step);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// The port that this process looks at after `step` others.
fn nth(step: u16) -> u16 {
    let start = std::process::id().wrapping_mul(97) % u32::from(MANY);
    let place = (start + u32::from(step)) % u32::from(MANY);
    FIRST + u16::try_from(place).expect("less than MANY")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_port_is_given_twice_nor_one_that_connections_take() {
        let ports: BTreeSet<_> = (0..2000).map(|_| free_port()).collect();
        assert_eq!(ports.len(), 2000);
        assert!(
            ports
                .iter()
                .all(|port| (FIRST..FIRST + MANY).contains(port))
        );
    }

    #[test]
    fn a_port_in_use_is_passed_over() {
        let ahead = nth(LOOKED.load(Relaxed) + 2100);
        let _taken = TcpListener::bind(("127.0.0.1", ahead));
        assert!((0..2200).all(|_| free_port() != ahead));
    }
}
