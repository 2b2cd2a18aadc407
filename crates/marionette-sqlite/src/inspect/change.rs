//! Changes by ids or by filter, in steps: each step is a transaction, and no job is in two.

use marionette::inspect::Which;
use marionette::store::StoreError;

use super::list::{self, Cursor};
use crate::codec::Id;
use crate::store::SqliteStore;
use crate::threads::writer::{Asked, Durability, Writer};

/// How many jobs are changed in one transaction.
const STEP: usize = 250;

impl SqliteStore {
    pub(crate) async fn change(&self, which: Which, mut asked: Asked) -> Result<u64, StoreError> {
        let filter = match which {
            Which::Ids(ids) => {
                let mut ids: Vec<Id> = ids.into_iter().map(Id::of).collect();
                ids.sort_unstable();
                ids.dedup();
                self.change_ids(ids, None, &mut asked).await?;
                return Ok(asked.changed);
            }
            Which::Matching(filter) => filter,
            _ => {
                return Err(StoreError::unsupported(
                    "this store does not know which jobs it is for",
                ));
            }
        };
        // Ids go down from step to step, so no new job is met, and no job twice.
        let mut behind = Some(Cursor::start());
        while let Some(from) = behind {
            let looked_for = filter.clone();
            let matching = move |reader: &mut crate::threads::reader::Reader<'_>| {
                Ok(list::matching(reader, &looked_for, &from)?)
            };
            let (ids, next) = self.read(matching).await?;
            self.change_ids(ids, Some(&filter), &mut asked).await?;
            behind = next;
        }
        Ok(asked.changed)
    }

    /// Applies the filter again in each transaction, since a job may have moved on meanwhile.
    async fn change_ids(
        &self,
        ids: Vec<Id>,
        filter: Option<&marionette::inspect::Filter>,
        asked: &mut Asked,
    ) -> Result<(), StoreError> {
        for step in ids.chunks(STEP) {
            let (ids, filter, so_far) = (step.to_vec(), filter.cloned(), asked.clone());
            let work = move |writer: &mut Writer<'_>| writer.change(&ids, filter.as_ref(), &so_far);
            *asked = self.write(step.len(), Durability::Synced, work).await?;
        }
        Ok(())
    }
}
