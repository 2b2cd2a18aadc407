//! Runs the models of our own synchronisation: loom takes each through every interleaving that
//! matters.

use anyhow::Result;

use crate::shell;
use crate::step::{LIBRARY, Outcome};

/// The models are the tests with this word in their names.
const FILTER: &str = "loom";
/// What switches the library over to loom's locks and atomics.
const FLAG: &str = "--cfg marionette_loom";
/// How often a model may be preempted. Three preemptions find real bugs, in minutes.
const PREEMPTIONS_MAX: &str = "3";

pub(crate) fn run() -> Result<Outcome> {
    let mut command = shell::cargo(&format!(
        "test --locked --package {LIBRARY} --lib --release -- {FILTER}"
    ));
    command
        .env("RUSTFLAGS", FLAG)
        .env("LOOM_MAX_PREEMPTIONS", PREEMPTIONS_MAX)
        // The flag changes every dependency, so the ordinary build keeps its own folder.
        .env("CARGO_TARGET_DIR", shell::target().join("loom"))
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_DEBUG", "0");
    shell::run_tests(&mut command)?;
    Ok(Outcome::Passed)
}
