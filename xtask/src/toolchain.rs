//! Toolchains beside the one that builds everything else: the nightly, and the oldest one promised.

use std::process::Command;

use crate::shell;

/// Whether rustup has this toolchain; nothing is installed.
pub(crate) fn is_here(toolchain: &str) -> bool {
    // `rustup run` would install what is missing.
    let mut list = shell::program("rustup");
    let listed = shell::output(list.args(["toolchain", "list"])).unwrap_or_default();
    has(&listed, toolchain)
}

/// `cargo` of this toolchain, with these words; they are separated by single spaces.
pub(crate) fn cargo(toolchain: &str, words: &str) -> Command {
    let mut command = shell::program("rustup");
    command
        .args(["run", toolchain, "cargo"])
        .args(words.split(' '));
    command
}

/// Whether `rustup toolchain list` has this toolchain, for the machine that it runs on.
fn has(listed: &str, toolchain: &str) -> bool {
    let is_meant = |line: &str| {
        let rest = line.strip_prefix(toolchain);
        rest.is_some_and(|rest| rest.starts_with('-') || rest.starts_with(".0-"))
    };
    listed.lines().any(is_meant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_toolchain_is_known_by_its_name() {
        let listed = "stable-x86_64-unknown-linux-gnu (active)\n1.89.0-x86_64-unknown-linux-gnu\n";
        assert!(has(listed, "stable") && has(listed, "1.89") && has(listed, "1.89.0"));
        assert!(!has(listed, "nightly") && !has(listed, "1.8") && !has(listed, "1.90"));
    }
}
