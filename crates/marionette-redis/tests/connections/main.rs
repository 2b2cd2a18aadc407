//! Connections: what is wrong when they begin is told, and they heal by themselves.

mod cluster;
mod common;
mod durability;
mod fake;
mod first;
mod heal;
mod lost;
mod pace;
mod peer;
mod plain;
mod rights;
mod sentinel;
#[cfg(feature = "tls")]
mod tls;
