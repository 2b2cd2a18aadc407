//! The versions of the contenders, as the head of a report names them.

use std::process::Command;

use crate::durable::{raw, server};
use crate::machine;

/// The lock files of those that have one of their own.
const APALIS: &str = include_str!("../../contenders/apalis-sqlite/Cargo.lock");
const APALIS_REDIS: &str = include_str!("../../contenders/apalis-redis/Cargo.lock");
const EFFECTUM: &str = include_str!("../../contenders/effectum/Cargo.lock");
const HEADGATE: &str = include_str!("../../contenders/headgate-redis/Cargo.lock");
const SIDEKIQ: &str = include_str!("../../contenders/rusty-sidekiq/Cargo.lock");
const BULLMQ: &str = include_str!("../../contenders/bullmq/package-lock.json");

/// A crate or a program, and its version.
type Version = (&'static str, &'static str);

/// The contenders and their versions: of those who keep jobs in a file, and on a server.
pub(super) fn all(in_a_file: bool, on_a_server: bool) -> Vec<Version> {
    let mut versions = Vec::new();
    if in_a_file {
        versions.extend(of_files());
    }
    if on_a_server {
        versions.extend(of_servers());
    }
    versions
}

fn of_files() -> Vec<Version> {
    let ours = ["marionette-sqlite", "rusqlite"];
    let mut versions = machine::versions(machine::LOCK, &ours);
    versions.push(("SQLite", raw::version()));
    versions.extend(machine::versions(APALIS, &["apalis-sqlite", "sqlx-sqlite"]));
    versions.extend(machine::versions(EFFECTUM, &["effectum"]));
    versions
}

fn of_servers() -> Vec<Version> {
    let ours = ["marionette-redis", "redis"];
    let mut versions = machine::versions(machine::LOCK, &ours);
    versions.extend(machine::versions(APALIS_REDIS, &["apalis-redis"]));
    versions.extend(machine::versions(HEADGATE, &["headgate-redis"]));
    versions.extend(machine::versions(SIDEKIQ, &["rusty-sidekiq"]));
    for package in ["bullmq", "ioredis"] {
        versions.push((package, npm_version(BULLMQ, package).unwrap_or("unknown")));
    }
    // They are said once, and as long as the program runs.
    versions.push(("Node", node().leak()));
    versions.push(("Redis", server::version().leak()));
    versions
}

/// The version of the package `name` in the text of a lock file of npm.
fn npm_version<'a>(lock: &'a str, name: &str) -> Option<&'a str> {
    let package = format!("\"node_modules/{name}\": {{");
    let mut lines = lock.lines().map(str::trim);
    lines.find(|line| *line == package)?;
    let version = lines.next()?.strip_prefix("\"version\": \"")?;
    version.split('"').next()
}

fn node() -> String {
    let output = Command::new("node").arg("--version").output();
    let said = output.map_or_else(|_| Vec::new(), |output| output.stdout);
    let version = String::from_utf8_lossy(&said);
    let version = version.trim().trim_start_matches('v');
    if version.is_empty() {
        "missing"
    } else {
        version
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_contender_on_a_server_has_a_version() {
        let of_locks: Vec<_> = of_servers()
            .into_iter()
            .filter(|(name, _)| *name != "Node")
            .collect();
        assert_eq!(of_locks.len(), 8);
        for (name, version) in of_locks {
            let is_one = version.starts_with(|first: char| first.is_ascii_digit());
            assert!(is_one || name == "Redis", "{name} {version}");
        }
    }

    #[test]
    fn no_lock_file_of_npm_names_a_host() {
        assert!(!BULLMQ.contains("\"resolved\""));
    }
}
