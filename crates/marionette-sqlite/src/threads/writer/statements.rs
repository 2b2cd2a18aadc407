//! The statements of the writer.

use rusqlite::{Connection, Statement};

/// Statements that are used all the time; the others are in the connection's cache.
pub(crate) struct Statements<'c> {
    pub(super) begin: Statement<'c>,
    pub(super) commit: Statement<'c>,
    pub(crate) insert: Statement<'c>,
    pub(crate) insert_rows: [Statement<'c>; 2],
    pub(crate) due: Statement<'c>,
    pub(crate) claim_read: Statement<'c>,
    pub(crate) claim_take: Statement<'c>,
    pub(crate) settle_done: Statement<'c>,
    pub(crate) settle_read: Statement<'c>,
    pub(crate) lease_read: Statement<'c>,
}

impl<'c> Statements<'c> {
    pub(super) fn new(connection: &'c Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            begin: connection.prepare("BEGIN IMMEDIATE")?,
            commit: connection.prepare("COMMIT")?,
            insert: connection.prepare(include_str!("../../sql/insert_job.sql"))?,
            insert_rows: [
                connection.prepare(include_str!("../../sql/insert_jobs.sql"))?,
                connection.prepare(include_str!("../../sql/insert_few_jobs.sql"))?,
            ],
            due: connection.prepare(include_str!("../../sql/due_in_lane.sql"))?,
            claim_read: connection.prepare(include_str!("../../sql/claim_read.sql"))?,
            claim_take: connection.prepare(include_str!("../../sql/claim_take.sql"))?,
            settle_done: connection.prepare(include_str!("../../sql/settle_done.sql"))?,
            settle_read: connection.prepare(include_str!("../../sql/settle_read.sql"))?,
            lease_read: connection.prepare(include_str!("../../sql/lease_read.sql"))?,
        })
    }
}

/// An error if one of the statements cannot be prepared.
pub(crate) fn check(connection: &Connection) -> rusqlite::Result<()> {
    Statements::new(connection).map(drop)
}
