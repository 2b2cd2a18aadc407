//! Changes that a person asks for, some jobs in each step.

use std::time::SystemTime;

use marionette::TaskId;
use marionette::inspect::{By, Page, Which};
use marionette::store::{Name, StoreError};
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::codec;
use crate::link::Parameter;
use crate::server::Server;

/// How many jobs one step changes.
const STEP: usize = 500;

/// The change that is made to each job.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Retry,
    Cancel(String),
    Delete,
    Reschedule(SystemTime),
}

/// What stays the same in all steps.
#[derive(Debug)]
struct AskedChange {
    change: &'static str,
    reason: Option<Vec<u8>>,
    due: Option<i64>,
    by: By,
    call: Uuid,
}

impl AskedChange {
    fn new(change: Change, by: By) -> Self {
        let (change, reason, due) = match change {
            Change::Retry => ("retried", None, None),
            Change::Cancel(reason) => ("cancelled", Some(codec::clipped(&reason)), None),
            Change::Delete => ("deleted", None, None),
            Change::Reschedule(due) => ("rescheduled", None, Some(codec::micros(due))),
        };
        let call = Uuid::new_v4();
        Self {
            change,
            reason,
            due,
            by,
            call,
        }
    }
}

impl Server {
    pub(crate) async fn change(
        &self,
        which: Which,
        change: Change,
        by: By,
    ) -> Result<u64, StoreError> {
        let asked = AskedChange::new(change, by);
        let mut changed = 0;
        match which {
            Which::Ids(ids) => {
                for part in ids.chunks(STEP) {
                    changed += self.change_step(part, &asked).await?;
                }
            }
            Which::Matching(filter) => {
                let mut after = None;
                loop {
                    let page = after.map_or(Page::first(STEP), |after| Page::after(after, STEP));
                    let listed = self.list(filter.clone(), page).await?;
                    let ids: Vec<TaskId> = listed.jobs.iter().map(|job| job.id).collect();
                    changed += self.change_step(&ids, &asked).await?;
                    after = listed.next;
                    if after.is_none() {
                        break;
                    }
                }
            }
            _ => {
                return Err(StoreError::unsupported(
                    "this store does not know which jobs are meant",
                ));
            }
        }
        Ok(changed)
    }

    async fn change_step(&self, ids: &[TaskId], asked: &AskedChange) -> Result<u64, StoreError> {
        if ids.is_empty() {
            return Ok(0);
        }
        let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
        let sql = self.sql("SELECT marionette.change_1($1, $2, $3, $4, $5, $6, $7)");
        let parameters: [Parameter<'_>; 7] = [
            (&ids, Type::UUID_ARRAY),
            (&asked.change, Type::TEXT),
            (&asked.reason, Type::BYTEA),
            (&asked.due, Type::INT8),
            (&asked.by.name().as_bytes(), Type::BYTEA),
            (&asked.by.via().as_bytes(), Type::BYTEA),
            (&asked.call, Type::UUID),
        ];
        let rows = self.durable.call(&sql, &parameters).await?;
        let changed: i32 = rows.first().map_or(0, |row| row.get(0));
        Ok(u64::try_from(changed).unwrap_or(0))
    }

    pub(crate) async fn pause_queue(&self, queue: Name, by: By) -> Result<(), StoreError> {
        self.change_queue("SELECT marionette.pause_1($1, $2, $3)", &queue, &by)
            .await
    }

    pub(crate) async fn resume_queue(&self, queue: Name, by: By) -> Result<(), StoreError> {
        self.change_queue("SELECT marionette.resume_1($1, $2, $3)", &queue, &by)
            .await
    }

    async fn change_queue(&self, sql: &str, queue: &Name, by: &By) -> Result<(), StoreError> {
        let queue = queue.to_string();
        let parameters: [Parameter<'_>; 3] = [
            (&queue, Type::TEXT),
            (&by.name().as_bytes(), Type::BYTEA),
            (&by.via().as_bytes(), Type::BYTEA),
        ];
        self.durable.call(&self.sql(sql), &parameters).await?;
        Ok(())
    }
}
