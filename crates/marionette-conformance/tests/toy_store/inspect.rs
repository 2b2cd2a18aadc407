//! What people ask of the store, and what they change in it.

use std::collections::btree_map::Entry;
use std::time::{Duration, SystemTime};

use marionette::TaskId;
use marionette::inspect::{
    Activity, ActivityFilter, ActivityKind, By, Count, Filter, Inspect, JobDetails, Listed,
    LiveInstance, Page, PausedQueue, Which,
};
use marionette::store::{JobState, StoreFuture, Wanted, clip_error};

use crate::row::{Row, passed};
use crate::store::{LEASE, ToyStore};
use crate::tables::count;

impl Inspect for ToyStore {
    fn counts(&self) -> StoreFuture<'_, Vec<Count>> {
        self.ask(|tables, now| count(tables.jobs.values(), now))
    }

    fn list(&self, filter: Filter, page: Page) -> StoreFuture<'_, Listed> {
        self.ask(move |tables, now| {
            let limit = page.limit.clamp(1, 1_000);
            let is_after = |row: &&Row| page.after.is_none_or(|after| row.summary.id < after);
            let rows = tables.jobs.values().rev().filter(is_after);
            let matching = rows.filter(|row| row.is_in(&filter, now)).take(limit + 1);
            let mut jobs: Vec<_> = matching.map(|row| row.shown(now)).collect();
            let is_last = jobs.len() <= limit;
            jobs.truncate(limit);
            let last = jobs.last().map(|job| job.id);
            Listed::new(jobs, last.filter(|_| !is_last))
        })
    }

    fn job(&self, id: TaskId) -> StoreFuture<'_, Option<JobDetails>> {
        self.ask(move |tables, now| {
            let details = |row: &Row| {
                let (payload, options) = (row.payload.clone(), row.options.clone());
                let mut details = JobDetails::new(row.shown(now), payload, options);
                details.result.clone_from(&row.result);
                details.attempts.clone_from(&row.attempts);
                details
            };
            tables.jobs.get(&id).map(details)
        })
    }

    fn retry(&self, which: Which, by: By) -> StoreFuture<'_, u64> {
        self.change((ActivityKind::Retried, which, by), None, Row::retry)
    }

    fn cancel(&self, which: Which, reason: String, by: By) -> StoreFuture<'_, u64> {
        let reason = clip_error(reason).into_owned();
        let what = (ActivityKind::Cancelled, which, by);
        self.change(what, Some(reason.clone()), move |row, now| {
            row.cancel(&reason, now)
        })
    }

    fn delete(&self, which: Which, by: By) -> StoreFuture<'_, u64> {
        let what = (ActivityKind::Deleted, which, by);
        self.change(what, None, |row, _| row.summary.state != JobState::Running)
    }

    fn reschedule(&self, which: Which, due: SystemTime, by: By) -> StoreFuture<'_, u64> {
        let what = (ActivityKind::Rescheduled, which, by);
        self.change(what, None, move |row, _| {
            if row.waits() {
                (row.summary.due, row.first_due) = (due, due);
            }
            row.waits()
        })
    }

    fn pause_queue(&self, queue: String, by: By) -> StoreFuture<'_, ()> {
        self.call(move |tables, now| {
            if let Entry::Vacant(place) = tables.paused.entry(queue.clone()) {
                let paused = place.insert(PausedQueue::new(&*queue, now));
                paused.by = Some(by.clone());
                tables.note(ActivityKind::Paused, by, now).0.queue = Some(queue);
            }
            Ok(())
        })
    }

    fn resume_queue(&self, queue: String, by: By) -> StoreFuture<'_, ()> {
        self.call(move |tables, now| {
            if tables.paused.remove(&queue).is_some() {
                tables.note(ActivityKind::Resumed, by, now).0.queue = Some(queue);
            }
            Ok(())
        })
    }

    fn paused_queues(&self) -> StoreFuture<'_, Vec<PausedQueue>> {
        self.ask(|tables, _| tables.paused.values().cloned().collect())
    }

    fn activity(&self, filter: ActivityFilter) -> StoreFuture<'_, Vec<Activity>> {
        self.ask(move |tables, _| {
            let latest = tables.activity.iter().rev();
            let matching = latest.filter(|(activity, changed)| {
                filter.job.is_none_or(|job| changed.contains(&job))
                    && (filter.queue.is_none() || filter.queue == activity.queue)
                    && filter.before.is_none_or(|before| activity.number < before)
            });
            let page = matching.take(filter.limit.clamp(1, 1_000));
            page.map(|(activity, _)| activity.clone()).collect()
        })
    }

    fn instances(&self) -> StoreFuture<'_, Vec<LiveInstance>> {
        self.ask(|tables, now| {
            let mut live: Vec<_> = tables.instances.values().cloned().collect();
            live.retain(|live| passed(live.seen, now) < LEASE);
            for live in &mut live {
                let rows = tables.jobs.values();
                let running = rows.filter(|row| row.summary.instance == Some(live.info.id));
                live.running = running.count() as u64;
            }
            live
        })
    }

    fn unclaimed(&self, wanted: Wanted, overdue: Duration) -> StoreFuture<'_, Vec<Count>> {
        self.ask(move |tables, now| {
            let rows = tables.jobs.values().filter(|row| {
                let is_overdue = passed(row.summary.due, now) > overdue;
                let is_wanted = wanted.kinds.contains(&row.summary.kind);
                is_overdue && !is_wanted && row.is_in_queue_of(&wanted, &tables.paused)
            });
            count(rows, now)
        })
    }
}
