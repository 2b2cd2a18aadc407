//! Stored commands.

#![no_main]

use libfuzzer_sys::fuzz_target;
use marionette_cli::fuzz::stored;

fuzz_target!(|bytes: &[u8]| stored::command(bytes));
