//! Feeds any bytes to every reader of this program: nothing panics, nothing hangs, and all messages
//! are safe to print.
//!
//! As tests these take a moment and always use the same bytes. `cargo xtask fuzz` gives them
//! others, for as long as you like; a failure names the seed that repeats it.

mod mutate;
mod readers;
mod texts;

use std::env;
use std::panic::{self, AssertUnwindSafe};
use std::time::Duration;

use crate::console::clock;

use mutate::Mutator;

/// The number of inputs if no duration is given.
const CASES: u64 = 400;
/// The seed of the tests.
const SEED: u64 = 1;
/// The longest time for an input of some KiB, on any machine.
const CASE_MAX: Duration = Duration::from_secs(20);

/// Checks a property, which panics where it fails, on inputs made from those in `corpus`.
pub(crate) fn fuzz(corpus: &[&[u8]], property: impl Fn(&[u8])) {
    let number = |name: &str| {
        env::var(name)
            .ok()
            .and_then(|text| text.parse::<u64>().ok())
    };
    let first = number("MARIONETTE_FUZZ_SEED").unwrap_or(SEED);
    let limit = number("MARIONETTE_FUZZ_SECONDS").map(Duration::from_secs);
    let begin = clock::tick();
    let is_wanted = |case: u64| match limit {
        Some(limit) => begin.elapsed() < limit,
        None => case < CASES,
    };
    let mut case = 0;
    while is_wanted(case) {
        let seed = first.wrapping_add(case);
        let input = Mutator::new(seed).input(corpus);
        let begin = clock::tick();
        let held = panic::catch_unwind(AssertUnwindSafe(|| property(&input)));
        let took = begin.elapsed();
        assert!(
            held.is_ok() && took < CASE_MAX,
            "after {took:?}, with MARIONETTE_FUZZ_SEED={seed}: {}",
            input.escape_ascii()
        );
        case += 1;
    }
    if limit.is_some() {
        let told = format!("{case} inputs from the seed {first} on\n");
        let _ = crate::console::print_bytes(told.as_bytes());
    }
}

/// Fails if a terminal could obey the text, or if it is longer than anybody reads.
#[track_caller]
pub(crate) fn is_fit_to_print(text: &str) {
    assert!(!text.contains(crate::console::text::is_obeyed), "{text:?}");
}
