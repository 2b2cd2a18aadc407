//! What holds for every reader of this program, whatever bytes it is given: nothing panics, nothing
//! hangs, and all messages are safe to print.
//!
//! Each function of `lists`, `values`, `stored` and `texts` is a target. The tests give it its
//! seeds (`fuzz/seeds` at the root of the repository) and the same few hundred inputs made from
//! them; `cargo xtask fuzz` gives it others, and `cargo fuzz` those that reach new code.

#![expect(
    clippy::missing_panics_doc,
    reason = "a target panics where what it checks does not hold"
)]

pub mod lists;
pub mod stored;
pub mod texts;
pub mod values;

#[cfg(test)]
mod mutate;
#[cfg(test)]
mod tests;

use crate::console::text::is_obeyed;

/// Fails if a terminal could obey the text.
#[track_caller]
fn is_fit_to_print(text: &str) {
    assert!(!text.contains(is_obeyed), "{text:?}");
}
