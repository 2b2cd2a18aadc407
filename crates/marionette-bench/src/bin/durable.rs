//! Measures durable jobs, Marionette's beside those of its competitors; `--help` says how.

use std::process::ExitCode;

fn main() -> ExitCode {
    marionette_bench::durable()
}
