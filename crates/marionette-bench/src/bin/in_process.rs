//! Measures Marionette beside its competitors; `--help` says how.

use std::process::ExitCode;

fn main() -> ExitCode {
    marionette_bench::in_process()
}
