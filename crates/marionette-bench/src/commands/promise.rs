//! What each row promises for its time: the figures say nothing without it.

use std::fmt::Write;

use crate::commands::runner::Runner;

/// A promise, and whose it is.
struct Promise(&'static [Runner], &'static str);

const PROMISES: &[Promise] = &[
    Promise(
        &[Runner::Xargs, Runner::XargsBare],
        "xargs remembers nothing: killed in the middle, nobody knows what was done; what fails is \
         not run again, and its output lies between that of the others",
    ),
    Promise(
        &[Runner::Parallel],
        "GNU parallel keeps the output of each command together, in a file for as long as it runs, \
         and can retry; killed in the middle, nobody knows what was done",
    ),
    Promise(
        &[Runner::ParallelLog],
        "with --joblog --resume it goes on after a kill by the number of the line, and runs again \
         what ran at the kill; the log is not synced, so a loss of power can lose lines of it",
    ),
    Promise(
        &[Runner::Loop],
        "the loop runs one command at a time and remembers nothing",
    ),
    Promise(
        &[Runner::Ours, Runner::OursBare],
        "marionette stores every command before the first one runs, syncs to the disk what is done \
         (many that end at once share a sync), goes on after a kill at any moment without running \
         again what was done, ends what a killed run left behind, keeps the output of every \
         attempt, and would retry, time out and schedule",
    ),
];

/// The promises of the rows that are in the table.
pub(super) fn text(rows: &[Runner]) -> String {
    let mut text = String::new();
    for Promise(whose, promise) in PROMISES {
        if whose.iter().any(|row| rows.contains(row)) {
            // Writing to a string does not fail.
            let _ = writeln!(text, "  * {promise}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_a_promise() {
        for row in Runner::ALL {
            let whose = PROMISES
                .iter()
                .filter(|Promise(whose, _)| whose.contains(&row));
            assert_eq!(whose.count(), 1, "{}", row.label());
        }
    }
}
