//! The tools that the steps need, their versions, and how each is installed.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use crate::shell;
use crate::stopwatch::Stopwatch;

/// A program that is not part of the Rust toolchain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tool {
    Nextest,
    SqliteShell,
    Redis,
    Deny,
    Machete,
    Typos,
    Gungraun,
    Valgrind,
}

/// Where a tool comes from.
enum Origin {
    /// A package on the crate registry, in this version.
    Crate(&'static str, String),
    /// A package of the Debian family of systems; elsewhere the user installs it.
    Debian(&'static [&'static str]),
}

impl Tool {
    pub(crate) const ALL: [Self; 8] = [
        Self::Nextest,
        Self::SqliteShell,
        Self::Redis,
        Self::Deny,
        Self::Machete,
        Self::Typos,
        Self::Gungraun,
        Self::Valgrind,
    ];

    /// The name of the file to look for.
    pub(crate) fn program(self) -> &'static str {
        match self {
            Self::Nextest => "cargo-nextest",
            Self::SqliteShell => "sqlite3",
            Self::Redis => "redis-server",
            Self::Deny => "cargo-deny",
            Self::Machete => "cargo-machete",
            Self::Typos => "typos",
            Self::Gungraun => "gungraun-runner",
            Self::Valgrind => "valgrind",
        }
    }

    fn origin(self) -> Result<Origin> {
        let krate = |package, version: &str| Ok(Origin::Crate(package, version.to_owned()));
        match self {
            Self::Nextest => krate("cargo-nextest", "0.9.143"),
            Self::Deny => krate("cargo-deny", "0.20.2"),
            Self::Machete => krate("cargo-machete", "0.9.2"),
            Self::Typos => krate("typos-cli", "1.52.0"),
            Self::Gungraun => krate("gungraun-runner", &locked("gungraun")?),
            Self::SqliteShell => Ok(Origin::Debian(&["sqlite3"])),
            Self::Redis => Ok(Origin::Debian(&["redis-server"])),
            // Valgrind's memory checker needs the symbols of the C library.
            Self::Valgrind => Ok(Origin::Debian(&["valgrind", "libc6-dbg"])),
        }
    }

    /// The tests also run without these tools, and say what they left out.
    pub(crate) fn can_be_done_without(self) -> bool {
        matches!(self, Self::Nextest | Self::SqliteShell | Self::Redis)
    }

    pub(crate) fn is_here(self) -> bool {
        match self {
            // The runner and the library refuse to work together in different versions.
            Self::Gungraun => locked("gungraun").is_ok_and(|version| {
                let mut command = shell::program(self.program());
                let same = |text: String| text.split_whitespace().any(|word| word == version);
                shell::output(command.arg("--version")).is_ok_and(same)
            }),
            _ => shell::find(self.program()).is_some(),
        }
    }

    fn install(self) -> Result<()> {
        match self.origin()? {
            Origin::Crate(package, version) => from_registry(package, &version),
            Origin::Debian(packages) => from_debian(packages),
        }
    }
}

pub(crate) fn main() -> Result<()> {
    for tool in Tool::ALL {
        if tool.is_here() {
            println!("{} is here", tool.program());
        }
    }
    missing(&Tool::ALL)
}

/// Installs those of `tools` that are missing; one that fails does not stop the others.
pub(crate) fn missing(tools: &[Tool]) -> Result<()> {
    let mut failed = Vec::new();
    for tool in tools.iter().filter(|tool| !tool.is_here()) {
        let program = tool.program();
        println!("{program} is missing: installing it");
        let stopwatch = Stopwatch::start();
        match tool.install() {
            Ok(()) if tool.is_here() => println!("{program} is here after {}", stopwatch.read()),
            Ok(()) => println!("{program} is for you to install; what needs it will be skipped"),
            Err(err) => failed.push(format!("{program} ({err:#})")),
        }
    }
    // A gigabyte that nobody needs any more; it may not be there at all.
    fs::remove_dir_all(build_folder()).ok();
    ensure!(failed.is_empty(), "cannot install {}", failed.join(", "));
    Ok(())
}

/// The tools run for seconds and compile for minutes, so they are built unoptimised. They share a
/// build folder, so that common dependencies compile once.
fn from_registry(package: &str, version: &str) -> Result<()> {
    let mut command = shell::cargo("install --locked --debug --version");
    command
        .args([version, package])
        .env("CARGO_TARGET_DIR", build_folder())
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .env("CARGO_INCREMENTAL", "0");
    shell::run(&mut command)
}

fn build_folder() -> PathBuf {
    shell::target().join("tools")
}

/// Installs a package of the system; does nothing where only the user can.
fn from_debian(packages: &[&str]) -> Result<()> {
    if shell::find("apt-get").is_none() || !is_root() {
        return Ok(());
    }
    let _quiet = NoServices::begin();
    shell::run(shell::program("apt-get").args(["update", "-qq"]))?;
    let mut command = shell::program("apt-get");
    command
        .args(["install", "-qq", "-y", "--no-install-recommends"])
        .args(packages);
    shell::run(command.env("DEBIAN_FRONTEND", "noninteractive"))
}

/// While this lives, a package that brings a service does not start it: the tests start servers of
/// their own, and the ports of the machine are not ours.
struct NoServices {
    /// Whether the file is ours.
    is_ours: bool,
}

impl NoServices {
    /// The program that Debian asks before it starts a service.
    const POLICY: &str = "/usr/sbin/policy-rc.d";

    fn begin() -> Self {
        // A policy that is there already is that of the machine: of a container, it says the same.
        let new = File::options()
            .write(true)
            .create_new(true)
            .open(Self::POLICY);
        let write = |mut file: File| {
            file.write_all(b"#!/bin/sh\nexit 101\n")?;
            file.set_permissions(fs::Permissions::from_mode(0o755))
        };
        let is_ours = new.and_then(write).is_ok();
        Self { is_ours }
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.is_ours {
            fs::remove_file(Self::POLICY).ok();
        }
    }
}

fn is_root() -> bool {
    shell::output(shell::program("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}

/// The version of `package` in Cargo.lock.
fn locked(package: &str) -> Result<String> {
    let lock = fs::read_to_string(shell::root().join("Cargo.lock"))?;
    version_in(&lock, package).with_context(|| format!("Cargo.lock has no package {package}"))
}

fn version_in(lock: &str, package: &str) -> Option<String> {
    let name = format!("name = \"{package}\"");
    let mut lines = lock.lines().skip_while(|line| *line != name);
    let version = lines.nth(1)?.strip_prefix("version = ")?;
    Some(version.trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_one_that_is_locked() {
        let lock = "[[package]]\nname = \"a-b\"\nversion = \"9.9.9\"\n\n\
                    [[package]]\nname = \"a\"\nversion = \"0.20.1\"\n";
        assert_eq!(version_in(lock, "a").as_deref(), Some("0.20.1"));
        assert_eq!(version_in(lock, "b"), None);
    }
}
