//! Lines for a shell.

#![no_main]

use libfuzzer_sys::fuzz_target;
use marionette_cli::fuzz::texts;

fuzz_target!(|bytes: &[u8]| texts::shell(bytes));
