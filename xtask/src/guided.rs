//! Runs the coverage-guided fuzz targets of `fuzz/`, where the nightly toolchain and `cargo fuzz`
//! are installed. The tests give the same targets fixed inputs on every machine.

use std::env;
use std::fs;
use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::thread;

use anyhow::{Context, Result, ensure};

use crate::shell;
use crate::step::Outcome;
use crate::toolchain;

/// The variable with the seconds for each target.
const SECONDS: &str = "MARIONETTE_FUZZ_SECONDS";
/// The seconds without it.
const SECONDS_DEFAULT: u64 = 10;
/// The longest time for an input, in seconds.
const INPUT_SECONDS_MAX: u64 = 20;
/// Longer inputs cost time and find nothing new.
const INPUT_BYTES_MAX: u64 = 16 * 1024;

pub(crate) fn run() -> Result<Outcome> {
    if !toolchain::is_here("nightly") || shell::find("cargo-fuzz").is_none() {
        let why = "cargo-fuzz with a nightly toolchain is not here (cargo install --locked \
                   cargo-fuzz); the tests have tried fixed inputs";
        return Ok(Outcome::Skipped(why.to_owned()));
    }
    let seconds = match env::var(SECONDS) {
        Ok(text) => text
            .parse()
            .with_context(|| format!("{SECONDS} is no number"))?,
        Err(_) => SECONDS_DEFAULT,
    };
    // The code under test is safe Rust: a sanitizer would make it slower and find nothing.
    let mut build = toolchain::cargo("nightly", "fuzz build --sanitizer none");
    shell::run(&mut build)?;
    let targets = targets()?;
    println!("{} targets, {seconds} seconds each", targets.len());
    let failed = in_parallel(&targets, |target| fuzz(target, seconds));
    ensure!(
        failed.is_empty(),
        "found something in {}; once it is mended, keep the input: fuzz/artifacts → fuzz/seeds",
        failed.join(", ")
    );
    Ok(Outcome::Passed)
}

/// The names of the targets, in order.
fn targets() -> Result<Vec<String>> {
    let files = fs::read_dir(shell::root().join("fuzz/fuzz_targets"))?;
    let files = files.collect::<Result<Vec<_>, _>>()?;
    let name = |file: &fs::DirEntry| Some(file.path().file_stem()?.to_str()?.to_owned());
    let mut names: Vec<_> = files.iter().filter_map(name).collect();
    names.sort();
    Ok(names)
}

fn fuzz(target: &str, seconds: u64) -> Result<()> {
    let corpus = format!("fuzz/corpus/{target}");
    fs::create_dir_all(shell::root().join(&corpus))?;
    let words = format!(
        "fuzz run --sanitizer none {target} {corpus} fuzz/seeds/{target} -- -verbosity=0 \
         -max_total_time={seconds} -timeout={INPUT_SECONDS_MAX} -max_len={INPUT_BYTES_MAX}"
    );
    shell::output(&mut toolchain::cargo("nightly", &words)).map(|_| ())
}

/// Does this with each, as many at once as there are processors; returns those that failed.
fn in_parallel(all: &[String], work: impl Fn(&str) -> Result<()> + Sync) -> Vec<String> {
    let rest = Mutex::new(all.iter());
    let failed = Mutex::new(Vec::new());
    let next = || rest.lock().expect("nobody panics with it").next();
    let worker = || {
        while let Some(one) = next() {
            if let Err(err) = work(one) {
                println!("{one}: {err:#}");
                failed
                    .lock()
                    .expect("nobody panics with it")
                    .push(one.clone());
            }
        }
    };
    let workers = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(worker);
        }
    });
    let mut failed = failed.into_inner().expect("nobody panics with it");
    failed.sort();
    failed
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    #[test]
    fn each_is_done_once_and_those_that_fail_are_told() {
        let all: Vec<_> = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
        let done = Mutex::new(Vec::new());
        let failed = in_parallel(&all, |one| {
            done.lock().unwrap().push(one.to_owned());
            match one {
                "b" | "d" => bail!("no"),
                _ => Ok(()),
            }
        });
        let mut done = done.into_inner().unwrap();
        done.sort();
        assert_eq!(done, all);
        assert_eq!(failed, ["b", "d"]);
    }

    #[test]
    fn there_are_targets_with_their_programs() {
        let manifest = fs::read_to_string(shell::root().join("fuzz/Cargo.toml")).unwrap();
        for target in targets().unwrap() {
            let path = format!("path = \"fuzz_targets/{target}.rs\"");
            assert!(manifest.contains(&path), "{target}");
        }
    }
}
