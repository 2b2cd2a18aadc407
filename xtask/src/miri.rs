//! Runs the tests of the unsafe module under Miri, which needs a nightly toolchain with its own
//! standard library.

use anyhow::Result;

use crate::shell;
use crate::step::{LIBRARY, Outcome};
use crate::toolchain;

/// The unit tests of the modules that may use `unsafe`.
pub(crate) const FILTER: &str = "cell::";

pub(crate) fn run() -> Result<Outcome> {
    for words in ["--version", "setup"] {
        if !shell::succeeds(toolchain::cargo("nightly", "miri").args(words.split(' '))) {
            let why = "the nightly toolchain has no working Miri \
                       (rustup toolchain install nightly --component miri,rust-src)";
            return Ok(Outcome::Skipped(why.to_owned()));
        }
    }
    let mut command = toolchain::cargo("nightly", "miri");
    command
        .args([
            "test",
            "--locked",
            "--package",
            LIBRARY,
            "--lib",
            "--",
            FILTER,
        ])
        .env(
            "MIRIFLAGS",
            "-Zmiri-strict-provenance -Zmiri-symbolic-alignment-check",
        )
        .env("CARGO_TARGET_DIR", shell::target().join("miri"));
    shell::run_tests(&mut command)?;
    Ok(Outcome::Passed)
}
