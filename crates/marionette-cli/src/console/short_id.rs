//! The short form of an id, which tables show.

use std::ops::Range;

use marionette::TaskId;

/// The digits that a table shows: a counter with a random start. The digits before are a time,
/// which is the same for tasks that were added together; the digits behind differ by process, not
/// by task.
const SHORT: Range<usize> = 18..26;
/// The number of these digits.
pub(crate) const SHORT_DIGITS: usize = SHORT.end - SHORT.start;

/// The part of an id that a table shows.
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
