//! Signs of life.

use std::collections::HashSet;

use marionette::store::{InstanceInfo, Lease, Renewal, StoreError};
use rusqlite::{OptionalExtension, params};

use super::Writer;
use crate::clock;
use crate::codec::{self, Id};
use crate::error::Failure;
use crate::failpoint;

impl Writer<'_> {
    pub(crate) fn renew(
        &mut self,
        worker: &InstanceInfo,
        leases: &[Lease],
    ) -> Result<Vec<Renewal>, Failure> {
        failpoint::at("sqlite::renew::begin");
        self.beat(worker)?;
        let id = Id(worker.id.0);
        let mut answers = Vec::with_capacity(leases.len());
        for lease in leases {
            let read = &mut self.sql.lease_read;
            let cancel: Option<Option<String>> = read
                .query_row(
                    params![lease.key, lease.token, Id::of(lease.job), id],
                    |row| codec::seen(row, 0),
                )
                .optional()?;
            answers.push(match cancel {
                None => Renewal::Lost,
                Some(None) => Renewal::Kept,
                Some(Some(reason)) => Renewal::Cancel(reason),
            });
        }
        self.note_unnamed(id, leases)?;
        failpoint::at("sqlite::renew::end");
        Ok(answers)
    }

    /// Counts the sign of life; makes the worker known, with its file locked before that.
    fn beat(&mut self, worker: &InstanceInfo) -> Result<(), Failure> {
        let id = Id(worker.id.0);
        let slots = i64::try_from(worker.workers).unwrap_or(i64::MAX);
        let row = params![id, &*worker.server, worker.process, slots, self.now];
        let known = self
            .connection
            .prepare_cached(include_str!("../../sql/worker_beat.sql"))?
            .execute(row)?;
        if known == 1 && self.liveness.is_ours(id) {
            return Ok(());
        }
        // A worker that comes to another store of the same process is held by both.
        if let Err(err) = self.liveness.hold(id) {
            let path = self.shared.path.display();
            let what = format!(
                "{path}: the file of worker {} cannot be locked: {err}",
                worker.id
            );
            return Err(Failure::Refused(StoreError::unavailable(what)));
        }
        if known == 0 {
            self.connection
                .prepare_cached(include_str!("../../sql/worker_insert.sql"))?
                .execute(row)?;
        }
        failpoint::at("sqlite::renew::known");
        Ok(())
    }

    /// A job that its worker has and does not name was lost on the way to it: its claim was
    /// answered to nobody. It is given back once that has been so for the length of a lease.
    fn note_unnamed(&mut self, worker: Id, leases: &[Lease]) -> rusqlite::Result<()> {
        let named: HashSet<i64> = leases.iter().map(|lease| lease.key).collect();
        let mut statement = self
            .connection
            .prepare_cached(include_str!("../../sql/running_of_worker.sql"))?;
        let mut rows = statement.query(params![worker, i64::MAX])?;
        let mut unnamed = Vec::new();
        while let Some(row) = rows.next()? {
            let seq: i64 = row.get(0)?;
            if !named.contains(&seq) {
                let claimed = clock::length(self.now.saturating_sub(codec::lenient(row, 2)?));
                unnamed.push((seq, codec::lenient(row, 1)?, claimed));
            }
        }
        self.liveness.renewed(worker, unnamed);
        Ok(())
    }
}
