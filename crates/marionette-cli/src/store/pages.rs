//! The tasks of a store that match, page by page.

use anyhow::Result;
use marionette::TaskId;
use marionette::inspect::{Filter, Inspect, JobSummary, Page, Unreadable};

use super::error::explain;
use crate::console::Console;
use crate::console::text::safe;

/// The number of unreadable tasks that are counted, and below it the number that are listed.
const UNREADABLE_MAX: usize = 1_000;
const UNREADABLE_TOLD: usize = 5;
/// How many jobs the store lists in one call.
const PAGE: usize = 1_000;

/// The pages of the tasks that match, newest first.
#[derive(Debug)]
pub(crate) struct Pages {
    filter: Filter,
    /// How many tasks are still wanted.
    left: usize,
    after: Option<TaskId>,
    has_more: bool,
    /// The rows that could not be read so far.
    unreadable: Vec<Unreadable>,
}

impl Pages {
    /// All tasks that match.
    pub(crate) fn all(filter: Filter) -> Self {
        Self::first(filter, usize::MAX)
    }

    /// The first `limit` tasks that match.
    pub(crate) fn first(filter: Filter, limit: usize) -> Self {
        Self {
            filter,
            left: limit,
            after: None,
            has_more: true,
            unreadable: Vec::new(),
        }
    }

    /// The next page; `None` after the last.
    pub(crate) async fn next(&mut self, store: &dyn Inspect) -> Result<Option<Vec<JobSummary>>> {
        if !self.has_more || self.left == 0 {
            return Ok(None);
        }
        let mut page = Page::first(self.left.min(PAGE));
        page.after = self.after;
        let listed = store
            .list(self.filter.clone(), page)
            .await
            .map_err(explain)?;
        self.left -= listed.jobs.len().min(self.left);
        self.after = listed.next;
        self.has_more = listed.next.is_some();
        let room = UNREADABLE_MAX.saturating_sub(self.unreadable.len());
        self.unreadable
            .extend(listed.unreadable.into_iter().take(room));
        Ok(Some(listed.jobs))
    }

    /// Names the tasks that could not be read; all others are shown.
    pub(crate) fn tell_unreadable(&self, console: &Console) {
        let unreadable = &self.unreadable;
        for Unreadable { row, id, what, .. } in unreadable.iter().take(UNREADABLE_TOLD) {
            let id = id.map_or_else(|| format!("in row {row}"), |id| id.to_string());
            console.warn(&safe(&format!("cannot read the task {id}: {what}")));
        }
        if unreadable.len() > UNREADABLE_TOLD {
            let more = unreadable.len() - UNREADABLE_TOLD;
            let at_least = if unreadable.len() == UNREADABLE_MAX {
                " or more"
            } else {
                ""
            };
            console.warn(&format!("cannot read {more}{at_least} other tasks"));
        }
    }

    /// Whether more tasks match than were wanted.
    pub(crate) fn has_more(&self) -> bool {
        self.has_more
    }
}

#[cfg(test)]
mod tests {
    use marionette::MemoryStore;
    use marionette::store::{Name, NewJob, Store};
    use marionette_conformance::{FaultyStore, Method};

    use super::*;

    async fn ids(store: &FaultyStore, mut pages: Pages) -> (Vec<TaskId>, bool) {
        let mut ids = Vec::new();
        while let Some(jobs) = pages.next(store).await.unwrap() {
            ids.extend(jobs.iter().map(|job| job.id));
        }
        (ids, pages.has_more())
    }

    #[tokio::test]
    async fn pages_are_complete_although_the_store_gives_short_ones() {
        let store = FaultyStore::new(MemoryStore::new());
        let jobs: Vec<_> = (0..30)
            .map(|_| NewJob::new(Name::from_static("cmd"), Vec::new()))
            .collect();
        let mut all: Vec<_> = jobs.iter().map(|job| job.id).collect();
        store.insert(jobs).await.unwrap();
        all.sort_by(|a, b| b.cmp(a));
        for rows in [1, 7, 30] {
            store.cut(Method::List, rows);
            let listed = ids(&store, Pages::all(Filter::new())).await;
            assert_eq!(listed, (all.clone(), false), "{rows} on a page");
            let listed = ids(&store, Pages::first(Filter::new(), 20)).await;
            assert_eq!(listed, (all[..20].to_vec(), true), "{rows} on a page");
        }
    }
}
