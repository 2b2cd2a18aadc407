//! Runs the tests of the unsafe module under valgrind's memory checker. It sees less than Miri, but
//! works on every machine and checks the code as it is compiled.

use anyhow::Result;

use crate::step::{LIBRARY, Outcome};
use crate::{miri, shell};

/// Reads of freed or uninitialised memory and lost allocations fail the test binary. The test
/// harness itself keeps some memory to the end, which is not lost.
const RUNNER: [&str; 6] = [
    "valgrind",
    "--quiet",
    "--error-exitcode=99",
    "--leak-check=full",
    "--show-leak-kinds=definite",
    "--errors-for-leak-kinds=definite",
];

pub(crate) fn run() -> Result<Outcome> {
    let mut command = shell::cargo("test --locked --all-features --lib");
    // A list of strings looks the same in Rust and in TOML.
    let runner = format!("target.'cfg(all())'.runner = {RUNNER:?}");
    command.args([
        "--package",
        LIBRARY,
        "--config",
        &runner,
        "--",
        miri::FILTER,
    ]);
    shell::run_tests(&mut command)?;
    Ok(Outcome::Passed)
}
