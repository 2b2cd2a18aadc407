//! A heap in which eight entries lie below each, side by side. It is a third as deep as the
//! standard heap, which counts where each step down is a cache miss.
//!
//! The heap is made for draining. With a million entries of 32 bytes, taking one out took 590 ns
//! instead of the standard heap's 1,720, and inserting one 32 ns instead of 50; with a hundred
//! thousand entries 207 instead of 376, and 37 instead of 44. With a thousand, the standard heap
//! drains faster: 65 ns instead of 97 (processor time, medians of 5, on a machine with other work,
//! 29 November 2026).

/// How many entries lie below each.
const BELOW: usize = 8;

/// Entries of which the earliest comes out first; entries of equal times keep their order.
pub(super) struct Heap<T>(Vec<Entry<T>>);

/// A task, its time, and a number of its own that orders equal times.
pub(super) struct Entry<T> {
    pub(super) nanos: u64,
    pub(super) order: u64,
    pub(super) task: T,
}

impl<T> Entry<T> {
    /// Time and order as one number, which is compared without a branch.
    #[inline]
    fn key(&self) -> u128 {
        u128::from(self.nanos) << 64 | u128::from(self.order)
    }
}

/// Restores the order of the heap when it is dropped, so that the order survives a panic of the
/// caller's code.
struct Disordered<'a, T>(&'a mut Heap<T>);

impl<T> Drop for Disordered<'_, T> {
    fn drop(&mut self) {
        (0..self.0.len().div_ceil(BELOW))
            .rev()
            .for_each(|place| self.0.sink(place));
    }
}

impl<T> Heap<T> {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn capacity(&self) -> usize {
        self.0.capacity()
    }

    pub(super) fn reserve(&mut self, more: usize) {
        self.0.reserve(more);
    }

    pub(super) fn shrink_to(&mut self, capacity: usize) {
        self.0.shrink_to(capacity);
    }

    /// All entries. The earliest is the first; the others have no order.
    pub(super) fn entries(&self) -> &[Entry<T>] {
        &self.0
    }

    pub(super) fn into_entries(self) -> Vec<Entry<T>> {
        self.0
    }

    /// The earliest entry.
    #[inline]
    pub(super) fn first(&self) -> Option<&Entry<T>> {
        self.0.first()
    }

    #[inline]
    pub(super) fn push(&mut self, entry: Entry<T>) {
        let key = entry.key();
        let mut place = self.0.len();
        self.0.push(entry);
        while place > 0 {
            let above = (place - 1) / BELOW;
            if self.0[above].key() < key {
                break;
            }
            self.0.swap(above, place);
            place = above;
        }
    }

    /// Takes out the earliest entry.
    pub(super) fn pop(&mut self) -> Option<Entry<T>> {
        if self.0.is_empty() {
            return None;
        }
        let first = self.0.swap_remove(0);
        self.sink(0);
        Some(first)
    }

    /// Moves the entry at `place` down until all entries below it are later.
    fn sink(&mut self, mut place: usize) {
        let Some(key) = self.0.get(place).map(Entry::key) else {
            return;
        };
        loop {
            let below = place * BELOW + 1;
            let rest = self.0.get(below..).unwrap_or_default();
            let (mut to, mut earliest) = (place, key);
            let mut look = |nth, key| {
                if key < earliest {
                    (to, earliest) = (below + nth, key);
                }
            };
            // The compiler unrolls a loop of known length.
            if let Some(all) = rest.first_chunk::<BELOW>() {
                (0..)
                    .zip(all)
                    .for_each(|(nth, entry)| look(nth, entry.key()));
            } else {
                (0..)
                    .zip(rest)
                    .for_each(|(nth, entry)| look(nth, entry.key()));
            }
            if to == place {
                return;
            }
            self.0.swap(place, to);
            place = to;
        }
    }

    /// Keeps only the tasks for which `keep` returns true.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        Disordered(self).0.0.retain(|entry| keep(&entry.task));
    }

    /// Takes out the tasks for which `which` returns true, in no order.
    pub(super) fn extract(&mut self, which: impl Fn(&T) -> bool) -> Vec<T> {
        if !self.0.iter().any(|entry| which(&entry.task)) {
            return Vec::new();
        }
        let rest = Disordered(self);
        let found = rest.0.0.extract_if(.., |entry| which(&entry.task));
        found.map(|entry| entry.task).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use fastrand::Rng;

    use super::*;

    fn popped(heap: &mut Heap<u64>) -> Option<(u64, u64)> {
        heap.pop().map(|entry| (entry.nanos, entry.task))
    }

    #[test]
    fn whatever_is_done_to_a_heap_the_earliest_and_first_comes_out() {
        for seed in 0..20 {
            let mut random = Rng::with_seed(seed);
            let (mut heap, mut list) = (Heap::new(), Vec::new());
            for order in 0..1000 {
                let nanos = random.u64(..50);
                let task = order;
                heap.push(Entry { nanos, order, task });
                list.push((nanos, task));
                let divisor = random.u64(2..500);
                let goes = |task: &u64| task % divisor == 1;
                match random.u32(..300) {
                    0..100 => {
                        list.sort_unstable();
                        assert_eq!(popped(&mut heap), Some(list.remove(0)));
                    }
                    100 => {
                        heap.retain(|task| !goes(task));
                        list.retain(|(_, task)| !goes(task));
                    }
                    101 => {
                        let mut gone = heap.extract(goes);
                        gone.sort_unstable();
                        let mut listed: Vec<_> = list
                            .extract_if(.., |(_, task)| goes(task))
                            .map(|(_, task)| task)
                            .collect();
                        listed.sort_unstable();
                        assert_eq!(gone, listed);
                    }
                    102 => {
                        let mut left = 20;
                        let panics = |_: &u64| {
                            left -= 1;
                            assert!(left > 0, "as it should");
                            true
                        };
                        let panicked = catch_unwind(AssertUnwindSafe(|| heap.retain(panics)));
                        assert_eq!(panicked.is_err(), list.len() >= 20);
                    }
                    _ => {}
                }
                assert_eq!(heap.len(), list.len());
            }
            list.sort_unstable();
            assert!(list.into_iter().all(|next| popped(&mut heap) == Some(next)));
            assert!(popped(&mut heap).is_none());
        }
    }
}
