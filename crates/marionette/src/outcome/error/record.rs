//! The parts of a record: which failures it keeps, and which attempt each belongs to.

use crate::outcome::Failure;
use crate::outcome::error::BoxError;

/// How many failures a record keeps from its start. Behind them come the last `KEPT_LAST`; those in
/// between are counted but not kept.
pub(super) const KEPT_FIRST: usize = 64;
const KEPT_LAST: usize = 64;

pub(crate) struct Record {
    pub(super) user: Option<BoxError>,
    pub(super) attempts: u32,
    /// For how many nanoseconds the task was tried.
    pub(super) nanos: u64,
    /// The first failures. Most tasks that fail do so once or twice, and need no more than this.
    pub(super) first: [Option<Failure>; PLACES],
    pub(super) rest: Option<Box<Rest>>,
}

/// How many failures lie in the record itself: so few that a record is one small block, which an
/// allocator serves quickly.
pub(super) const PLACES: usize = 2;

/// The parts that only few records have.
#[derive(Default)]
pub(super) struct Rest {
    /// The failures behind the first ones.
    pub(super) failures: Vec<Failure>,
    /// How the task ended, where that was not its last attempt's failure.
    pub(super) end: Option<Failure>,
    /// How many failures were not kept.
    pub(super) omitted: u32,
    /// How many kept failures come before those that were not.
    pub(super) kept_first: usize,
    /// The attempt of each kept failure; noted only once an attempt had no failure.
    pub(super) numbers: Option<Vec<u32>>,
}

impl Record {
    pub(super) fn rest(&mut self) -> &mut Rest {
        self.rest.get_or_insert_default()
    }

    /// The kept failures of attempts.
    pub(super) fn failures(&self) -> impl DoubleEndedIterator<Item = &Failure> + Clone {
        let rest = self.rest.iter().flat_map(|rest| &rest.failures);
        self.first.iter().flatten().chain(rest)
    }

    pub(super) fn end(&self) -> Option<&Failure> {
        self.rest.as_ref()?.end.as_ref()
    }

    pub(super) fn omitted(&self) -> u32 {
        self.rest.as_ref().map_or(0, |rest| rest.omitted)
    }

    pub(super) fn kept_first(&self) -> usize {
        self.rest.as_ref().map_or(0, |rest| rest.kept_first)
    }

    /// The place of the next failure, if that is one of the first.
    #[inline]
    pub(super) fn place(&mut self) -> Option<&mut Option<Failure>> {
        self.first.iter_mut().find(|place| place.is_none())
    }

    /// The number of the attempt that a kept failure belongs to, by its place.
    pub(super) fn number(&self, place: usize) -> u32 {
        let rest = self.rest.as_ref();
        let noted = rest.and_then(|rest| rest.numbers.as_ref()?.get(place).copied());
        noted.unwrap_or_else(|| {
            let is_behind_gap = rest.is_some_and(|rest| place >= rest.kept_first);
            let omitted = if is_behind_gap { self.omitted() } else { 0 };
            u32::try_from(place + 1).unwrap_or(u32::MAX) + omitted
        })
    }

    /// Notes the attempt of each kept failure, from now on.
    pub(super) fn note_numbers(&mut self) {
        let numbers = (0..self.failures().count()).map(|place| self.number(place));
        let numbers = numbers.collect();
        self.rest().numbers.get_or_insert(numbers);
    }

    pub(super) fn keep(&mut self, failure: Failure) {
        match self.place() {
            Some(place) => *place = Some(failure),
            None => self.rest().failures.push(failure),
        }
    }

    /// Keeps a failure that is not one of the first. Returns one from the middle if there are too
    /// many.
    #[cold]
    pub(super) fn keep_last(&mut self, failure: Failure) -> Option<Failure> {
        let rest = self.rest();
        rest.failures.push(failure);
        if rest.failures.len() + PLACES <= KEPT_FIRST + KEPT_LAST {
            return None;
        }
        rest.omitted += 1;
        rest.kept_first = KEPT_FIRST;
        if let Some(numbers) = &mut rest.numbers {
            numbers.remove(KEPT_FIRST);
        }
        Some(rest.failures.remove(KEPT_FIRST - PLACES))
    }
}
