//! The command `marionette`. All of it is in the library beside this file, so that the targets in
//! `fuzz/` reach whatever reads bytes.

use std::process::ExitCode;

fn main() -> ExitCode {
    marionette_cli::main()
}
