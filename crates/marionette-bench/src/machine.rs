//! Where and with what the figures were taken: a figure without it means nothing.

use std::fs;
use std::thread;

/// The lock file of the workspace, from which the versions come.
pub(crate) const LOCK: &str = include_str!("../../../Cargo.lock");

/// The crates whose versions matter in process.
pub(crate) const IN_PROCESS: [&str; 9] = [
    "marionette-tasks",
    "tokio",
    "tokio-util",
    "async-channel",
    "flume",
    "kanal",
    "apalis",
    "apalis-core",
    "tokio-cron-scheduler",
];

/// The compiler that built this program.
pub(crate) const RUSTC: &str = env!("BUILT_BY_RUSTC");

/// Cores, processor, kernel and build in one line.
pub(crate) fn describe() -> String {
    let cores = thread::available_parallelism().map_or(0, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let build = if cfg!(debug_assertions) {
        "NOT A RELEASE BUILD: NO FIGURES"
    } else {
        "release"
    };
    format!(
        "{cores} cores, {}, Linux {}, rustc {RUSTC}, {build}",
        processor(),
        kernel.trim()
    )
}

/// The name of the processor.
fn processor() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = info.lines().find(|line| line.starts_with("model name"));
    line.and_then(|line| line.split(": ").nth(1))
        .unwrap_or("unknown processor")
        .to_owned()
}

/// Each of these crates with its version in the lock file.
pub(crate) fn versions(
    lock: &'static str,
    crates: &[&'static str],
) -> Vec<(&'static str, &'static str)> {
    crates
        .iter()
        .map(|&name| (name, version(lock, name).unwrap_or("unknown")))
        .collect()
}

/// The version of the package `name` in the text of a lock file.
fn version<'a>(lock: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = lock.lines();
    lines.find(|line| {
        line.strip_prefix("name = ")
            .is_some_and(|n| n.trim_matches('"') == name)
    })?;
    lines
        .next()?
        .strip_prefix("version = ")
        .map(|version| version.trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_one_below_the_whole_name() {
        let lock =
            "name = \"tokio-util\"\nversion = \"0.7\"\n\nname = \"tokio\"\nversion = \"1.5\"";
        assert_eq!(version(lock, "tokio"), Some("1.5"));
        assert_eq!(version(lock, "kio"), None);
    }
}
