//! Up to which time nothing waits in a lane, as the last claims of this process have seen.
//!
//! A claim reads a lane from its left end, over every dead row that a snapshot somewhere still
//! holds. While claims come back full there is much to do, and a hint spares them the dead rows. It
//! may be too high for a job that somebody gave back meanwhile, so it is forgotten from time to
//! time, and when a claim does not come back full.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// A claim of fewer jobs gives no hint: others may be faster for its few.
const FULL_MIN: usize = 64;
/// After this time a claim looks at all.
const FORGET_AFTER: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(crate) struct Hints {
    /// For each lane the due time of the last job that was claimed from it.
    lows: HashMap<i64, i64>,
    /// Since when they are kept.
    since: Option<Instant>,
}

impl Hints {
    /// The hints for a claim, as the columns of its call.
    pub(crate) fn columns(&mut self, now: Instant) -> (Vec<i64>, Vec<i64>) {
        let is_old = |since| now.duration_since(since) >= FORGET_AFTER;
        if self.since.is_none_or(is_old) {
            self.lows.clear();
            self.since = Some(now);
        }
        self.lows.iter().unzip()
    }

    /// Notes the lanes and due times of what a claim of `most` jobs got.
    pub(crate) fn note(&mut self, claimed: &[(i64, i64)], most: usize) {
        if claimed.len() < most.max(FULL_MIN) {
            self.lows.clear();
            return;
        }
        for &(lane, due) in claimed {
            let low = self.lows.entry(lane).or_insert(due);
            *low = due.max(*low);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_is_the_latest_due_time_of_full_claims_for_a_second() {
        let begin = crate::clock::monotonic();
        let mut hints = Hints::default();
        assert_eq!(hints.columns(begin), (vec![], vec![]));
        let claimed: Vec<_> = (0..64).map(|due| (7, due)).collect();
        hints.note(&claimed, 64);
        assert_eq!(hints.columns(begin), (vec![7], vec![63]));
        assert_eq!(hints.columns(begin + FORGET_AFTER), (vec![], vec![]));
        hints.note(&claimed, 64);
        hints.note(&claimed[1..], 64);
        assert_eq!(hints.columns(begin), (vec![], vec![]), "it was not full");
    }
}
