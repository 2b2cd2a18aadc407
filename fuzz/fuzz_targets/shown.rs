//! Texts that are shown.

#![no_main]

use libfuzzer_sys::fuzz_target;
use marionette_cli::fuzz::texts;

fuzz_target!(|bytes: &[u8]| texts::shown(bytes));
