//! The transitions of a job from one phase to the next. The place of a job follows from its row, so
//! every change that affects its place is made between taking it out and putting it in again.

use crate::clock::Tick;
use crate::memory_store::lanes::{Clocks, Moment};
use crate::memory_store::row::{Ending, Holding, Row, RowState};
use crate::memory_store::tables::Tables;
use crate::store::{Claimed, EndKind, InstanceId, JobState, Lease, clip_error, next_token};

/// The result or the reason with which a job ends.
#[derive(Debug)]
pub(super) enum End {
    /// Its result.
    With(Vec<u8>),
    /// The reason why its result is not kept.
    Without(String),
    /// Its kind and its reason.
    For(EndKind, String),
    /// Its kind; the last attempt tells why.
    AsTried(EndKind),
}

impl Tables {
    /// From waiting to running.
    pub(super) fn start(&mut self, key: i64, instance: InstanceId, now: Clocks) -> Claimed {
        let previous = self.rows[&key].token;
        let token = next_token(previous.unwrap_or(0), now.micros()).unwrap_or(i64::MAX);
        #[cfg(feature = "test-util")]
        let before = (previous, self.rows[&key].started);
        self.change(key, |row| {
            row.token = Some(token);
            row.started = Some(now.wall);
            row.phase = RowState::Running(Holding {
                instance,
                claimed: now.tick,
                renewed: now.tick,
                cancel: None,
                #[cfg(feature = "test-util")]
                before,
            });
        });
        let row = &self.rows[&key];
        Claimed {
            lease: Lease {
                job: row.id,
                instance,
                row: key,
                token,
            },
            previous,
            kind: row.kind.clone(),
            queue: row.queue.clone(),
            priority: row.priority,
            payload: row.payload.clone(),
            options: row.options.clone(),
            failed: row.failed,
            crashes: row.crashes,
            late: row.due.late(now).unwrap_or_default(),
            age: row.age(now),
            attempts: row.failures(),
        }
    }

    /// From running to waiting; or to cancelled if somebody asked for that meanwhile, since the
    /// instance may never have heard of it. Returns whether the job waits.
    pub(super) fn give_back(&mut self, key: i64, due: Moment, now: Clocks) -> bool {
        let running = self.rows.get_mut(&key).and_then(Row::running);
        if let Some(reason) = running.and_then(|running| running.cancel.take()) {
            self.end(
                key,
                JobState::Cancelled,
                End::For(EndKind::Cancelled, reason),
                now,
            );
            return false;
        }
        self.change(key, |row| {
            row.due = due;
            row.phase = RowState::Waiting;
        });
        true
    }

    /// From any phase to the end.
    pub(super) fn end(&mut self, key: i64, state: JobState, end: End, now: Clocks) {
        let clip = |text: String| clip_error(text).into_owned();
        let (result, kind, reason) = match end {
            End::With(result) => (Some(Ok(result)), None, None),
            End::Without(why) => (Some(Err(clip(why))), None, None),
            End::For(kind, reason) => (None, Some(kind), Some(clip(reason))),
            End::AsTried(kind) => (None, Some(kind), None),
        };
        let retention = self.retention;
        self.change(key, |row| {
            let keep = match state {
                JobState::Done => row.options.keep_result.unwrap_or(retention.done),
                _ => retention.failed,
            };
            row.phase = RowState::Over(Ending {
                state,
                kind,
                at: now.wall,
                reason,
                result,
                ended: now.tick,
                expires: now.tick.saturating_add(keep),
            });
        });
    }

    /// From the end to waiting, as if the job were new; only its history stays.
    pub(super) fn begin_anew(&mut self, key: i64, due: Moment) {
        self.change(key, |row| {
            row.failed = 0;
            row.crashes = 0;
            row.due = due;
            row.first_due = due;
            row.phase = RowState::Waiting;
        });
    }

    /// Forgets a job.
    pub(super) fn remove(&mut self, key: i64) {
        self.take_out(key);
        if let Some(row) = self.rows.remove(&key) {
            self.keys.remove(&row.id);
        }
    }

    pub(super) fn change(&mut self, key: i64, change: impl FnOnce(&mut Row)) {
        self.take_out(key);
        if let Some(row) = self.rows.get_mut(&key) {
            change(row);
        }
        self.put_in(key);
    }

    fn take_out(&mut self, key: i64) {
        let row = &self.rows[&key];
        match &row.phase {
            RowState::Waiting => self.lanes.remove(&row.lane(), row.due, key),
            RowState::Running(running) => {
                if let Some(instance) = self.instances.get_mut(&running.instance) {
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
            RowState::Waiting => self.lanes.add(row.lane(), row.due, key),
            RowState::Running(running) => {
                if let Some(instance) = self.instances.get_mut(&running.instance) {
                    instance.jobs.insert(key);
                }
            }
            RowState::Over(over) => {
                // Jobs that never expire would only fill the order of those that do.
                if over.expires < Tick::MAX {
                    self.expiring.insert((over.expires, key));
                }
                if over.state == JobState::Done && row.options.keep_result.is_none() {
                    self.done.insert((over.ended, key));
                }
            }
        }
    }
}
