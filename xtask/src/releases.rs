//! What a new version must not break for those who have the last one: its oldest Rust, and its
//! public items.

use std::fs;

use anyhow::{Context, Result};

use crate::package::PUBLISHED;
use crate::shell;
use crate::step::{LIBRARY, Outcome};
use crate::toolchain;

/// The published libraries: the command has no items that a program could use.
const LIBRARIES: [&str; 3] = [LIBRARY, "marionette-sqlite", "marionette-redis"];

/// Builds the published crates with the oldest Rust that they promise.
pub(crate) fn oldest_rust() -> Result<Outcome> {
    let manifest = fs::read_to_string(shell::root().join("Cargo.toml"))?;
    let oldest = promised(&manifest).context("Cargo.toml has no rust-version")?;
    if !toolchain::is_here(oldest) {
        let why = format!(
            "Rust {oldest}, the oldest that is promised, is not here (rustup toolchain install \
             {oldest}); clippy has looked for newer parts of the standard library"
        );
        return Ok(Outcome::Skipped(why));
    }
    let mut command = toolchain::cargo(oldest, "check --locked");
    for package in PUBLISHED {
        command.args(["--package", package]);
    }
    shell::run(command.env("CARGO_TARGET_DIR", shell::target().join("oldest-rust")))?;
    Ok(Outcome::Passed)
}

/// Compares the public items with those of the last release.
pub(crate) fn semver() -> Result<Outcome> {
    let mut git = shell::program("git");
    let tags = shell::output(git.args(["tag", "--list", "v*", "--sort=v:refname"]))?;
    let Some(last) = tags.lines().last() else {
        let why = "nothing is released: it compares with the newest tag v*, and there is none";
        return Ok(Outcome::Skipped(why.to_owned()));
    };
    if shell::find("cargo-semver-checks").is_none() {
        // It builds for a quarter of an hour, so nobody gets it without asking.
        let why = "cargo-semver-checks is not here (cargo install --locked cargo-semver-checks)";
        return Ok(Outcome::Skipped(why.to_owned()));
    }
    for package in LIBRARIES {
        let words = format!("semver-checks --package {package} --baseline-rev {last}");
        shell::run(&mut shell::cargo(&words))?;
    }
    Ok(Outcome::Passed)
}

/// The oldest Rust that a manifest promises.
fn promised(manifest: &str) -> Option<&str> {
    let version = |line| str::strip_prefix(line, "rust-version = \"");
    manifest.lines().find_map(version)?.strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_rust_is_read_from_the_manifest() {
        let manifest = "[workspace.package]\nversion = \"0.1.0\"\nrust-version = \"1.89\"\n";
        assert_eq!(promised(manifest), Some("1.89"));
        assert_eq!(promised("[package]\nname = \"a\"\n"), None);
    }
}
