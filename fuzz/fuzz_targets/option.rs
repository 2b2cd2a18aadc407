//! Backoffs, sizes, counts, names and variables as a person types them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use marionette_cli::fuzz::values;

fuzz_target!(|bytes: &[u8]| values::option(bytes));
