//! Free ports of the loopback interface.

use std::{collections::BTreeSet, net::TcpListener, sync::Mutex};

use anyhow::{Result, bail};

/// Below the ports that Linux and macOS give to outgoing connections, so that none of those takes
/// a port between its choice and its use, or while a server that comes back on it is down.
const RANGE: std::ops::Range<u16> = 15_000..32_000;

/// What this process has given out: never again, though its user may not listen on it yet.
static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// A TCP port of 127.0.0.1 on which nobody listens now.
///
/// Another process can still be faster: whoever starts a server on it tries again with another.
///
/// # Errors
/// When hundreds of ports in a row are taken.
pub fn free() -> Result<u16> {
    for _ in 0..500 {
        let port = fastrand::u16(RANGE);
        let fresh = match GIVEN.lock() {
            Ok(mut given) => given.insert(port),
            Err(poisoned) => poisoned.into_inner().insert(port),
        };
        if fresh && TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("found no free port of 127.0.0.1 in {RANGE:?}: is something taking them all?")
}

/// Whether a server's log says that somebody else was faster.
pub(crate) fn taken(log: &str) -> bool {
    log.contains("address already in use")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_given_once_and_can_be_bound() {
        let ports: BTreeSet<_> = (0..50).map(|_| free().unwrap()).collect();
        assert_eq!(ports.len(), 50);
        for port in ports {
            TcpListener::bind(("127.0.0.1", port)).unwrap();
        }
    }
}
