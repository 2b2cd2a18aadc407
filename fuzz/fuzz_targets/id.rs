//! Ids of tasks.

#![no_main]

use libfuzzer_sys::fuzz_target;
use marionette_cli::fuzz::values;

fuzz_target!(|bytes: &[u8]| values::id(bytes));
