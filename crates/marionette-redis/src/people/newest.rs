//! The newest of very many ids, in little memory.

use marionette::TaskId;

use crate::codec::told_millis;

/// The newest ids of those that it was given.
#[derive(Clone, Debug)]
pub(super) struct Newest {
    before: Option<TaskId>,
    most: usize,
    ids: Vec<TaskId>,
    is_cut: bool,
}

impl Newest {
    /// Keeps the newest ids that are older than this one, at most this many.
    pub(super) fn new(before: Option<TaskId>, most: usize) -> Self {
        Self {
            before,
            most: most.max(1),
            ids: Vec::new(),
            is_cut: false,
        }
    }

    pub(super) fn most(&self) -> usize {
        self.most
    }

    pub(super) fn extend(&mut self, ids: impl IntoIterator<Item = TaskId>) {
        for id in ids {
            if self.before.is_none_or(|before| id < before) {
                self.ids.push(id);
                if self.ids.len() >= 2 * self.most + 1_000 {
                    self.finish();
                }
            }
        }
    }

    /// Brings the ids into order, the newest first, each once.
    pub(super) fn finish(&mut self) {
        self.ids.sort_unstable_by(|one, other| other.cmp(one));
        self.ids.dedup();
        if self.ids.len() > self.most {
            self.ids.truncate(self.most);
            self.is_cut = true;
        }
    }

    /// Whether all ids of jobs that were due at this time or before it are older than those that it
    /// keeps: none tells a time that is more than a minute later. If so, there may be more.
    pub(super) fn are_newer_than_due(&mut self, due: u64) -> bool {
        const MINUTE: u64 = 60_000;
        self.finish();
        let last = self.ids.last().filter(|_| self.ids.len() == self.most);
        let is_newer = last.is_some_and(|last| told_millis(*last) > due / 1_000 + MINUTE);
        self.is_cut |= is_newer;
        is_newer
    }

    /// The ids, the newest first.
    pub(super) fn ids(&self) -> &[TaskId] {
        &self.ids
    }

    /// The id behind which there are more, if there are.
    pub(super) fn cut(&self) -> Option<TaskId> {
        self.ids.last().copied().filter(|_| self.is_cut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_ids_are_kept_in_order_and_once() {
        let mut ids: Vec<_> = (0..5_000).map(|_| TaskId::new()).collect();
        let expected: Vec<_> = ids[2_990..3_000].iter().rev().copied().collect();
        let before = ids[3_000];
        fastrand::shuffle(&mut ids);
        let mut newest = Newest::new(Some(before), 10);
        newest.extend(ids.iter().copied().chain(ids.iter().copied()));
        newest.finish();
        assert_eq!(newest.ids(), expected);
        assert_eq!(newest.cut(), expected.last().copied());
    }

    #[test]
    fn nothing_is_cut_of_what_fits() {
        let id = TaskId::new();
        let mut newest = Newest::new(None, 1);
        newest.extend([id, id]);
        newest.finish();
        assert_eq!((newest.ids(), newest.cut()), (&[id][..], None));
    }
}
