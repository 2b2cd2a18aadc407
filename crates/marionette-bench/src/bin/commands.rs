//! Measures commands of a shell, `marionette run` beside xargs and GNU parallel; `--help` says how.

use std::process::ExitCode;

fn main() -> ExitCode {
    marionette_bench::commands()
}
