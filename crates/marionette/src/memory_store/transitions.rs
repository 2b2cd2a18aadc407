//! The transitions of a job from one phase to the next. The place of a job follows from its row, so
//! every change that affects its place is made between taking it out and putting it in again.

use crate::clock::Tick;
use crate::memory_store::lanes::Clocks;
use crate::memory_store::row::{Holding, Row, RowState};
use crate::memory_store::tables::Tables;
use crate::store::{Claimed, InstanceId};

impl Tables {
    /// From waiting to running. `None` if there is no token left.
    pub(super) fn start(&mut self, key: i64, instance: InstanceId, now: Clocks) -> Option<Claimed> {
        let start = |row: &mut Row| {
            #[cfg(feature = "test-util")]
            let before = Box::new(row.job.clone());
            let mut claimed = row.job.claim(instance, key, now.wall).ok()?;
            claimed.late = row.due.late(now).unwrap_or_default();
            claimed.age = row.first_due.late(now).unwrap_or_default();
            row.phase = RowState::Running(Holding {
                claimed: now.tick,
                renewed: now.tick,
                #[cfg(feature = "test-util")]
                before,
            });
            Some(claimed)
        };
        self.change(key, start)?
    }

    /// From running to waiting, or to an end.
    pub(super) fn give_back(&mut self, key: i64, now: Clocks) {
        let retention = self.retention;
        self.change(key, |row| {
            row.job.lapse(now.wall);
            row.follow(row.due, retention, now);
        });
    }

    /// Forgets a job.
    pub(super) fn remove(&mut self, key: i64) {
        self.take_out(key);
        if let Some(row) = self.rows.remove(&key) {
            self.keys.remove(&row.job.summary().id);
        }
    }

    pub(super) fn change<T>(&mut self, key: i64, change: impl FnOnce(&mut Row) -> T) -> Option<T> {
        self.take_out(key);
        let answer = self.rows.get_mut(&key).map(change);
        self.put_in(key);
        answer
    }

    fn take_out(&mut self, key: i64) {
        let row = &self.rows[&key];
        match &row.phase {
            RowState::Waiting => self.lanes.remove(&row.lane, row.due, key),
            RowState::Running(_) => {
                let instance = row.job.summary().instance;
                if let Some(instance) = instance.and_then(|id| self.instances.get_mut(&id)) {
                    instance.jobs.remove(&key);
                }
            }
            RowState::Over(over) => {
                self.expiring.remove(&(over.expires, key));
                self.done.remove(&(over.ended, key));
            }
        }
    }

    pub(super) fn put_in(&mut self, key: i64) {
        let row = &self.rows[&key];
        match &row.phase {
            RowState::Waiting => self.lanes.add(row.lane.clone(), row.due, key),
            RowState::Running(_) => {
                let instance = row.job.summary().instance;
                if let Some(instance) = instance.and_then(|id| self.instances.get_mut(&id)) {
                    instance.jobs.insert(key);
                }
            }
            RowState::Over(over) => {
                // Jobs that never expire would only fill the order of those that do.
                if over.expires < Tick::MAX {
                    self.expiring.insert((over.expires, key));
                }
                if row.job.is_counted() {
                    self.done.insert((over.ended, key));
                }
            }
        }
    }
}
