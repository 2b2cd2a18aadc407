//! Ports of the loopback that nobody listens on.

use std::net::{Ipv4Addr, TcpListener};

/// A free port. It lies below those that a system gives to callers, so that nobody else gets it by
/// chance while its server is down.
pub(crate) fn free() -> u16 {
    loop {
        let port = fastrand::u16(10_000..32_000);
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}
