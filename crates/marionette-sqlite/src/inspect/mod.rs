//! The questions of a person, and the changes that a person makes.

mod list;
mod counts;
mod change;
mod activity;
mod check;

use std::time::{Duration, SystemTime};

use marionette::TaskId;
use marionette::inspect::{
    Activity, ActivityFilter, By, Count, Filter, Inspect, JobDetails, Listed, LiveInstance, Page,
    PausedQueue, Which,
};
use marionette::store::{Name, StoreError, StoreFuture, Wanted};

use crate::clock;
use crate::store::SqliteStore;
use crate::threads::writer::{Asked, Change, Durability, Writer};

impl SqliteStore {
    /// Looks for damage, and returns what is wrong in the words of SQLite: the first 100 faults,
    /// none if the file is sound.
    ///
    /// It reads the whole file, while the store goes on. A file gets damaged by a disk, by a copy
    /// that was made while it was written, or by a program that writes into it.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or is so damaged that it cannot be looked through.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if the future is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// # let path = directory.path().join("tasks.db");
    /// let store = marionette_sqlite::SqliteStore::open(path).await?;
    /// assert!(store.check().await?.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn check(&self) -> Result<Vec<String>, StoreError> {
        self.read(|reader| Ok(check::check(reader)?)).await
    }
}

impl Inspect for SqliteStore {
    fn counts(&self) -> StoreFuture<'_, Vec<Count>> {
        Box::pin(self.read(|reader| Ok(counts::counts(reader)?)))
    }

    fn list(&self, filter: Filter, page: Page) -> StoreFuture<'_, Listed> {
        Box::pin(self.read(move |reader| Ok(list::list(reader, &filter, page)?)))
    }

    fn job(&self, id: TaskId) -> StoreFuture<'_, Option<JobDetails>> {
        Box::pin(self.read(move |reader| list::details(reader, id)))
    }

    fn retry(&self, which: Which, by: By) -> StoreFuture<'_, u64> {
        Box::pin(self.change(which, Asked::new(Change::Retry, by)))
    }

    fn cancel(&self, which: Which, reason: String, by: By) -> StoreFuture<'_, u64> {
        Box::pin(self.change(which, Asked::new(Change::Cancel(reason), by)))
    }

    fn delete(&self, which: Which, by: By) -> StoreFuture<'_, u64> {
        Box::pin(self.change(which, Asked::new(Change::Delete, by)))
    }

    fn reschedule(&self, which: Which, due: SystemTime, by: By) -> StoreFuture<'_, u64> {
        let change = Change::Reschedule(clock::micros(due));
        Box::pin(self.change(which, Asked::new(change, by)))
    }

    fn pause_queue(&self, queue: Name, by: By) -> StoreFuture<'_, ()> {
        let work = move |writer: &mut Writer<'_>| writer.pause(&queue, &by);
        Box::pin(self.write(1, Durability::Synced, work))
    }

    fn resume_queue(&self, queue: Name, by: By) -> StoreFuture<'_, ()> {
        let work = move |writer: &mut Writer<'_>| writer.resume(&queue, &by);
        Box::pin(self.write(1, Durability::Synced, work))
    }

    fn paused_queues(&self) -> StoreFuture<'_, Vec<PausedQueue>> {
        Box::pin(self.read(|reader| Ok(activity::paused(reader)?)))
    }

    fn activity(&self, filter: ActivityFilter) -> StoreFuture<'_, Vec<Activity>> {
        Box::pin(self.read(move |reader| Ok(activity::list(reader, &filter)?)))
    }

    fn instances(&self) -> StoreFuture<'_, Vec<LiveInstance>> {
        Box::pin(self.read(|reader| Ok(counts::instances(reader)?)))
    }

    fn unclaimed(&self, wanted: Wanted, overdue: Duration) -> StoreFuture<'_, Vec<Count>> {
        Box::pin(self.read(move |reader| {
            let now = reader.shared.settings.clock.now();
            let before = now.saturating_sub(clock::round_up(overdue));
            Ok(counts::unclaimed(reader, &wanted, before)?)
        }))
    }
}
