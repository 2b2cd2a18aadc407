//! The collection of future tasks, in the order of their times.

use std::cmp::Reverse;
use std::fmt;
use std::mem;
use std::time::Duration;

use crate::clock::{Now, Tick, Wall};
use crate::schedule::future_task::{Clock, DueTime, FutureTask};
use crate::schedule::heap::{Entry, Heap};

/// The capacity below which a collection gives no memory back.
const KEPT: usize = 1024;

/// How many tasks are sampled to find out whether any are over.
const SAMPLES: usize = 1024;

/// The clock of the task that is due first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FirstDue {
    pub(crate) clock: Clock,
    /// Whether a task is due by the other clock too.
    pub(crate) is_contested: bool,
}

/// The earliest due time by each clock, in nanoseconds of that clock. Comparing two of these needs
/// no reading of a clock.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Firsts {
    delayed: Option<u64>,
    scheduled: Option<u64>,
}

impl Firsts {
    /// Whether a task that is due at `due` comes before the first task of its clock.
    pub(crate) fn are_after(self, due: DueTime) -> bool {
        match due {
            DueTime::After(tick) => self.delayed.is_none_or(|first| tick.nanos() < first),
            DueTime::At(nanos) => self.scheduled.is_none_or(|first| nanos < first),
        }
    }

    /// Whether the first task of some clock comes before the first one of that clock in `others`.
    pub(crate) fn any_is_before(self, others: Self) -> bool {
        let delayed = self
            .delayed
            .map(|nanos| DueTime::After(Tick::from_nanos(nanos)));
        let scheduled = self.scheduled.map(DueTime::At);
        let mut dues = delayed.into_iter().chain(scheduled);
        dues.any(|due| others.are_after(due))
    }
}

/// Future tasks, always in the order of their times, whichever clock they go by. Tasks of equal
/// times keep the order of insertion.
///
/// Insertion takes constant time on average and logarithmic time at worst, so a million tasks are
/// ordinary; memory is given back when a burst has passed. The collection has no clockwork: ask it
/// for due tasks, or let a [`Scheduler`](crate::timer::Scheduler) do so.
///
/// Tasks by the monotonic clock and tasks by the wall clock are kept apart, since the wall clock
/// may be stepped. Both clocks are read together whenever the two are compared.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use marionette::timer::{FutureTask, Futures};
///
/// let mut futures = Futures::new();
/// futures.insert(FutureTask::after(Duration::from_secs(60), "later"));
/// futures.insert(FutureTask::after(Duration::ZERO, "now"));
/// assert_eq!(futures.pop_due().map(FutureTask::into_task), Some("now"));
/// assert!(futures.pop_due().is_none());
/// assert_eq!(futures.len(), 1);
/// ```
pub struct Futures<T> {
    delayed: Heap<T>,
    scheduled: Heap<T>,
    inserted: u64,
    wall: Wall,
}

impl<T> Default for Futures<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Futures<T> {
    /// An empty collection.
    #[must_use]
    pub fn new() -> Self {
        Self::with_wall(Wall::default())
    }

    pub(crate) fn with_wall(wall: Wall) -> Self {
        Self {
            delayed: Heap::new(),
            scheduled: Heap::new(),
            inserted: 0,
            wall,
        }
    }

    /// Puts a future task in its place.
    #[inline]
    pub fn insert(&mut self, future: FutureTask<T>) {
        let order = self.inserted;
        self.inserted += 1;
        let (heap, nanos) = match future.due {
            DueTime::After(tick) => (&mut self.delayed, tick.nanos()),
            DueTime::At(nanos) => (&mut self.scheduled, nanos),
        };
        let task = future.task;
        heap.push(Entry { nanos, order, task });
    }

    /// The first task that is due, if one is: the one that has been due for longest.
    pub fn pop_due(&mut self) -> Option<FutureTask<T>> {
        let due = self.first_due(self.now())?;
        self.pop(due.clock)
    }

    /// Reads both clocks; the monotonic one alone if no task waits for the wall clock, which costs
    /// more to read.
    pub(crate) fn now(&self) -> Now {
        if self.scheduled.len() == 0 {
            return Now::monotonic();
        }
        self.wall.read()
    }

    /// The clock of the task that was due first at `now`, if one was due.
    pub(crate) fn first_due(&self, now: Now) -> Option<FirstDue> {
        let late = |heap: &Heap<T>, now: u64| {
            let first = heap.first().filter(|first| first.nanos <= now)?;
            Some((now - first.nanos, Reverse(first.order)))
        };
        let delayed = late(&self.delayed, now.tick.nanos());
        let scheduled = late(&self.scheduled, now.wall);
        let clock = match delayed.max(scheduled)? {
            first if Some(first) == delayed => Clock::Monotonic,
            _ => Clock::Wall,
        };
        Some(FirstDue {
            clock,
            is_contested: delayed.is_some() && scheduled.is_some(),
        })
    }

    /// Takes out the first of the tasks that go by this clock, due or not.
    pub(crate) fn pop(&mut self, clock: Clock) -> Option<FutureTask<T>> {
        let heap = match clock {
            Clock::Monotonic => &mut self.delayed,
            Clock::Wall => &mut self.scheduled,
        };
        let Entry { nanos, task, .. } = pop(heap)?;
        let due = clock.due(nanos);
        Some(FutureTask { due, task })
    }

    /// How long it is until the first task is due; zero when it is, `None` when there is none.
    #[must_use]
    pub fn next_due(&self) -> Option<Duration> {
        let now = self.now();
        self.next(now).map(|next| next.since(now.tick))
    }

    /// When the first task is due, as the clocks stood at `now`.
    pub(crate) fn next(&self, now: Now) -> Option<Tick> {
        let Firsts { delayed, scheduled } = self.firsts();
        let delayed = delayed.map(Tick::from_nanos);
        let scheduled = scheduled.map(|nanos| {
            let ahead = Duration::from_nanos(nanos.saturating_sub(now.wall));
            now.tick.saturating_add(ahead)
        });
        delayed.into_iter().chain(scheduled).min()
    }

    /// The due time of the first task by each clock.
    pub(crate) fn firsts(&self) -> Firsts {
        let nanos = |heap: &Heap<T>| heap.first().map(|first| first.nanos);
        Firsts {
            delayed: nanos(&self.delayed),
            scheduled: nanos(&self.scheduled),
        }
    }

    /// Takes out all tasks.
    pub(crate) fn take(&mut self) -> Self {
        let wall = self.wall.clone();
        mem::replace(self, Self::with_wall(wall))
    }

    /// How many tasks wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.delayed.len() + self.scheduled.len()
    }

    /// Whether no task waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the insertion of a task with this due time has to make room first.
    pub(crate) fn is_full_for(&self, due: DueTime) -> bool {
        let heap = match due {
            DueTime::After(_) => &self.delayed,
            DueTime::At(_) => &self.scheduled,
        };
        heap.len() == heap.capacity()
    }

    /// Makes room for a task with this due time: takes out the tasks that are over, and grows if
    /// that is not enough.
    #[cold]
    pub(crate) fn make_room(&mut self, due: DueTime, is_over: impl Fn(&T) -> bool) -> Vec<T> {
        let before = self.len();
        let over = if self.may_have(&is_over) {
            self.extract(is_over)
        } else {
            Vec::new()
        };
        // A sweep pays for itself only if the next one is far.
        if self.len() > before / 4 * 3 {
            let heap = match due {
                DueTime::After(_) => &mut self.delayed,
                DueTime::At(_) => &mut self.scheduled,
            };
            // The capacity doubles, so that few insertions have to make room.
            heap.reserve(heap.len());
        }
        over
    }

    /// Whether some tasks are over, by samples where there are many: looking at each would cost as
    /// much as its insertion. If one in a hundred is over, a sample finds it almost certainly.
    fn may_have(&self, is_over: impl Fn(&T) -> bool) -> bool {
        let each = (self.len() / SAMPLES).max(1);
        let mut samples = [&self.delayed, &self.scheduled]
            .into_iter()
            .flat_map(|heap| heap.entries().chunks(each));
        samples.any(|sample| is_over(&sample[fastrand::usize(..sample.len())].task))
    }

    /// Keeps only the tasks for which `keep` returns true.
    pub fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        self.delayed.retain(&mut keep);
        self.scheduled.retain(keep);
    }

    /// Takes out the tasks for which `is_over` returns true, in no order.
    pub(crate) fn extract(&mut self, is_over: impl Fn(&T) -> bool) -> Vec<T> {
        let mut over = self.delayed.extract(&is_over);
        over.extend(self.scheduled.extract(&is_over));
        over
    }

    /// Gives back all unused memory. After a burst this happens by itself.
    pub fn shrink(&mut self) {
        self.delayed.shrink_to(0);
        self.scheduled.shrink_to(0);
    }

    /// How many tasks fit into the memory that is held now.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.delayed.capacity() + self.scheduled.capacity()
    }

    /// All tasks, in the order of their times as the clocks stand now.
    #[must_use]
    pub fn into_sorted_vec(self) -> Vec<FutureTask<T>> {
        let now = self.now();
        let of = |heap: Heap<T>, clock: Clock| {
            let entries = heap.into_entries().into_iter();
            entries.map(move |Entry { nanos, order, task }| {
                let due = clock.due(nanos);
                (due.ahead(now), order, FutureTask { due, task })
            })
        };
        let delayed = of(self.delayed, Clock::Monotonic);
        let mut all: Vec<_> = delayed.chain(of(self.scheduled, Clock::Wall)).collect();
        all.sort_unstable_by_key(|(ahead, order, _)| (*ahead, *order));
        all.into_iter().map(|(_, _, future)| future).collect()
    }
}

/// Takes out the first entry, and gives memory back when three quarters of it are unused.
fn pop<T>(heap: &mut Heap<T>) -> Option<Entry<T>> {
    let first = heap.pop();
    if heap.capacity() > KEPT && heap.len() < heap.capacity() / 4 {
        heap.shrink_to(heap.len() * 2);
    }
    first
}

impl<T> Extend<FutureTask<T>> for Futures<T> {
    fn extend<I: IntoIterator<Item = FutureTask<T>>>(&mut self, futures: I) {
        futures.into_iter().for_each(|future| self.insert(future));
    }
}

impl<T> fmt::Debug for Futures<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Futures")
            .field("len", &self.len())
            .field("next_due", &self.next_due())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn full_of(tasks: impl IntoIterator<Item = bool>) -> Futures<bool> {
        let mut futures = Futures::new();
        for is_over in tasks {
            futures.insert(FutureTask::after(Duration::ZERO, is_over));
        }
        futures.shrink();
        futures
    }

    #[test]
    fn room_is_made_by_those_that_are_over() {
        let due = DueTime::After(Tick::default());
        for (all, live) in [(10, 9), (10_000, 9_700), (10_000, 5_000)] {
            let mut futures = full_of((0..all).map(|nth| nth >= live));
            assert_eq!(futures.make_room(due, |is_over| *is_over).len(), all - live);
            assert_eq!(futures.len(), live);
            assert!(!futures.is_full_for(due));
        }
    }

    #[test]
    fn few_are_looked_at_where_none_is_over() {
        let due = DueTime::After(Tick::default());
        let mut futures = full_of((0..16 * SAMPLES).map(|_| false));
        let seen = Cell::new(0);
        let look = |is_over: &bool| {
            seen.set(seen.get() + 1);
            *is_over
        };
        assert!(futures.make_room(due, look).is_empty());
        assert!(futures.capacity() >= 32 * SAMPLES);
        assert_eq!(seen.get(), SAMPLES);
    }
}
