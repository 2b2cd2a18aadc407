//! Lists, page by page, and jobs in full.

use marionette::TaskId;
use marionette::inspect::{Filter, JobDetails, Listed, Page, Unreadable};
use marionette::store::StoreError;

use super::walk::Walk;
use crate::jobs::{Found, JobReader};
use crate::server::Server;

/// How many ids a walk keeps: as many as a page needs, and many more, since a job may turn out not
/// to match once it is read.
const FOUND_MAX: usize = 20_000;
/// The fewest jobs that are read at a time, if there are as many.
const MORE_MIN: usize = 20;
/// The most unreadable jobs that a page names.
const UNREADABLE_MAX: usize = 100;

impl Server {
    pub(crate) async fn list(&self, filter: Filter, page: Page) -> Result<Listed, StoreError> {
        let walk = Walk::new(self, &filter).await?;
        let limit = page.size();
        let is_told_by_place = filter.text.is_none()
            && filter.accepted_from.is_none()
            && filter.accepted_before.is_none();
        let most = if walk.is_indexed() || walk.is_in_order() && is_told_by_place {
            limit + 1
        } else {
            FOUND_MAX
        };
        let mut reader = JobReader::default();
        reader.look_around(self).await?;
        let (mut listed, mut before) = (Listed::default(), page.after);
        loop {
            let newest = walk.find(&reader, before, most).await?;
            let mut ids = newest.ids();
            while !ids.is_empty() {
                let wanted = (limit + 1 - listed.jobs.len()).max(MORE_MIN);
                let found = reader.read(self, &ids[..ids.len().min(wanted)]).await?;
                ids = &ids[found.len()..];
                for found in found.into_iter().filter(Found::is_known) {
                    if let Some(job) = read(found, &filter, &mut listed.unreadable) {
                        if listed.jobs.len() == limit {
                            listed.next = listed.jobs.last().map(|job| job.id);
                            return Ok(listed);
                        }
                        listed.jobs.push(job.summary);
                    }
                }
            }
            before = newest.cut();
            if before.is_none() {
                return Ok(listed);
            }
        }
    }

    pub(crate) async fn job(&self, id: TaskId) -> Result<Option<JobDetails>, StoreError> {
        let found = JobReader::default().read(self, &[id]).await?;
        let Some(found) = found.into_iter().find(Found::is_known) else {
            return Ok(None);
        };
        match found.read() {
            Ok(job) => Ok(Some(job.details())),
            Err(what) => Err(StoreError::refused(format!(
                "job {id} in the store {} cannot be read: {what}",
                self.settings.name
            ))),
        }
    }
}

/// The job in full, if it matches.
fn read(found: Found, filter: &Filter, unreadable: &mut Vec<Unreadable>) -> Option<JobDetails> {
    let id = found.id;
    match found.read() {
        Ok(job) => Some(job.details()).filter(|job| filter.matches(job)),
        Err(what) => {
            if unreadable.len() < UNREADABLE_MAX {
                unreadable.push(Unreadable::new(0, Some(id), what));
            }
            None
        }
    }
}
