//! Signs of life.

use std::collections::HashSet;

use marionette::store::{InstanceId, InstanceInfo, Lease, Renewal, StoreError};
use rusqlite::{OptionalExtension, params};

use super::Writer;
use crate::clock;
use crate::codec::{self, Id};
use crate::error::Failure;
use crate::failpoint;
use crate::file::liveness::leave;

impl Writer<'_> {
    pub(crate) fn renew(
        &mut self,
        instance: &InstanceInfo,
        leases: &[Lease],
    ) -> Result<Vec<Renewal>, Failure> {
        failpoint::at("sqlite::renew::begin");
        self.beat(instance)?;
        let id = Id(instance.id.uuid());
        let mut answers = Vec::with_capacity(leases.len());
        for lease in leases {
            if lease.instance != instance.id {
                answers.push(Renewal::Lost);
                continue;
            }
            let read = &mut self.sql.lease_read;
            let cancel: Option<Option<String>> = read
                .query_row(
                    params![lease.row, lease.token, Id::of(lease.job), id],
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

    /// Forgets an instance that has no job, and its file once that is committed.
    pub(crate) fn leave(&mut self, instance: InstanceId) -> Result<(), Failure> {
        let id = Id(instance.uuid());
        if leave(self.connection, id)? {
            self.gone.push((id, None));
        }
        Ok(())
    }

    /// Counts the sign of life; lists the instance if it is new, once its file is locked.
    fn beat(&mut self, instance: &InstanceInfo) -> Result<(), Failure> {
        let id = Id(instance.id.uuid());
        let workers = i64::try_from(instance.workers).unwrap_or(i64::MAX);
        let (server, process, now) = (&instance.server, instance.process, self.now);
        let known = self
            .connection
            .prepare_cached(include_str!("../../sql/instance_beat.sql"))?
            .execute(params![id, server, process, workers, now])?;
        if known == 1 && self.liveness.is_ours(id) {
            return Ok(());
        }
        // An instance that comes to another store of the same process is held by both.
        if let Err(err) = self.liveness.hold(id) {
            let path = self.shared.path.display();
            let what = format!(
                "{path}: the file of instance {} cannot be locked: {err}",
                instance.id
            );
            return Err(Failure::Refused(StoreError::unavailable(what)));
        }
        if known == 0 {
            // It is written once: an instance tells the same for as long as it lives.
            let about = serde_json::to_string(instance).ok();
            self.connection
                .prepare_cached(include_str!("../../sql/instance_insert.sql"))?
                .execute(params![id, server, process, workers, now, about])?;
        }
        failpoint::at("sqlite::renew::known");
        Ok(())
    }

    /// Notes the jobs that an instance has and does not name: they were lost on the way to it,
    /// since nobody received the answer to their claim. They are given back once that has been so
    /// for the length of a lease.
    fn note_unnamed(&mut self, instance: Id, leases: &[Lease]) -> rusqlite::Result<()> {
        let named: HashSet<i64> = leases.iter().map(|lease| lease.row).collect();
        let mut statement = self
            .connection
            .prepare_cached(include_str!("../../sql/running_of_instance.sql"))?;
        let mut rows = statement.query(params![instance, i64::MAX])?;
        let mut unnamed = Vec::new();
        while let Some(row) = rows.next()? {
            let seq: i64 = row.get(0)?;
            if !named.contains(&seq) {
                let claimed = clock::length(self.now.saturating_sub(codec::lenient(row, 2)?));
                unnamed.push((seq, codec::lenient(row, 1)?, claimed));
            }
        }
        self.liveness.renewed(instance, unnamed);
        Ok(())
    }
}
