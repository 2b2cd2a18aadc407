//! Benchmarks that decide: instructions counted by valgrind, which no busy machine can blur.

use anyhow::{Result, ensure};

use crate::args::Args;
use crate::install::{self, Tool};
use crate::shell;

pub(crate) fn main(mut args: Args) -> Result<()> {
    let counts = args.flag("--instructions");
    args.finish()?;
    ensure!(counts, "say which: `cargo xtask bench --instructions`");
    install::missing(&[Tool::Valgrind, Tool::Gungraun])?;
    instructions()
}

/// The limits stand beside the benchmarks; one that exceeds its limit fails the command.
pub(crate) fn instructions() -> Result<()> {
    shell::run(&mut shell::cargo(
        "bench --locked --package marionette-bench --no-default-features --bench instructions",
    ))
}
