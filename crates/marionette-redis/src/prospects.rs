//! What the last claims left behind: who waits for jobs need not ask the server again.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use marionette::store::Wanted;

use crate::clock::Clock;

/// What a claim left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Prospect {
    /// When the claim was answered.
    pub(crate) asked: Instant,
    /// Whether it took jobs.
    pub(crate) took: bool,
    /// Whether jobs are due that it did not take.
    pub(crate) is_more: bool,
    /// When the next of the other jobs is due, if there is one.
    pub(crate) next_due: Option<Instant>,
}

/// The prospects of those who claimed last.
#[derive(Debug, Default)]
pub(crate) struct Prospects {
    clock: Clock,
    all: RefCell<Vec<(Wanted, Prospect)>>,
}

/// Of how many different wishes the prospect is kept.
const KEPT: usize = 64;

impl Prospects {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            clock,
            ..Self::default()
        }
    }

    /// Notes what a claim left behind; the next of the other jobs is due in `next_due`.
    pub(crate) fn note(
        &self,
        wanted: &Wanted,
        took: bool,
        is_more: bool,
        next_due: Option<Duration>,
    ) {
        let asked = self.clock.monotonic();
        let prospect = Prospect {
            asked,
            took,
            is_more,
            next_due: next_due.and_then(|pause| asked.checked_add(pause)),
        };
        let mut all = self.all.borrow_mut();
        if let Some((_, known)) = all.iter_mut().find(|(it, _)| it == wanted) {
            *known = prospect;
            return;
        }
        if all.len() == KEPT {
            all.remove(0);
        }
        all.push((wanted.clone(), prospect));
    }

    /// What the last claim of these jobs left behind; `None` if it is not known.
    pub(crate) fn of(&self, wanted: &Wanted) -> Option<Prospect> {
        let all = self.all.borrow();
        let known = all.iter().find(|(it, _)| it == wanted);
        known.map(|(_, prospect)| *prospect)
    }
}

#[cfg(test)]
mod tests {
    use marionette::store::Name;

    use super::*;

    #[test]
    fn the_last_claim_of_the_same_jobs_counts() {
        let prospects = Prospects::default();
        let wanted = |number| Wanted::new([format!("kind-{number}").parse::<Name>().expect("one")]);
        assert_eq!(prospects.of(&wanted(0)), None);
        prospects.note(&wanted(0), true, true, None);
        prospects.note(&wanted(1), true, false, Some(Duration::MAX));
        prospects.note(&wanted(0), true, false, Some(Duration::from_secs(1)));
        let known = prospects.of(&wanted(0)).expect("it was noted");
        assert!(!known.is_more && known.next_due > Some(known.asked));
        assert_eq!(prospects.of(&wanted(1)).and_then(|it| it.next_due), None);
        for number in 2..=KEPT + 1 {
            prospects.note(&wanted(number), true, true, None);
        }
        assert_eq!(prospects.of(&wanted(0)), None, "there is a bound");
    }
}
