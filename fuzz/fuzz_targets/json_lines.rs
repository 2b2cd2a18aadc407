//! Lists of tasks in JSON Lines.

#![no_main]

use libfuzzer_sys::fuzz_target;
use marionette_cli::fuzz::lists;

fuzz_target!(|bytes: &[u8]| lists::json_lines(bytes));
