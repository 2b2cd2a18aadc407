//! The short form of an id, which tables show.

use std::ops::Range;

use marionette::TaskId;

/// The digits that a table shows: a counter that begins anywhere. Those before are a time, which
/// tasks that were added together share, and those behind tell processes apart, not tasks.
const SHORT: Range<usize> = 18..26;
/// How many these are.
pub(crate) const SHORT_DIGITS: usize = SHORT.end - SHORT.start;

/// The piece of an id that a table shows.
pub(crate) fn short(id: TaskId) -> String {
    digits(id)[SHORT].to_owned()
}

pub(crate) fn digits(id: TaskId) -> String {
    id.uuid().simple().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_were_made_together_have_short_forms_of_their_own() {
        let all: std::collections::BTreeSet<_> =
            (0..10_000).map(|_| short(TaskId::new())).collect();
        assert_eq!(all.len(), 10_000);
    }
}
