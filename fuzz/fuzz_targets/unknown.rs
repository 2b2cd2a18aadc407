//! Lists of tasks whose format nobody named.

#![no_main]

use libfuzzer_sys::fuzz_target;
use marionette_cli::fuzz::lists;

fuzz_target!(|bytes: &[u8]| lists::unknown(bytes));
