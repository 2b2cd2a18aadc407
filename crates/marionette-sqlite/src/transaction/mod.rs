//! Jobs inside the caller's own transaction: they are accepted if and only if it is committed.

#[cfg(feature = "sqlx")]
mod sqlx;

use std::borrow::Borrow;
use std::path::Path;

use marionette::store::{Inserted, NewJob, StoreError};
use rusqlite::{Connection, MAIN_DB};

use crate::error::store_error;
use crate::lanes::Lanes;
use crate::store::SqliteStore;
use crate::threads::writer::{NewRow, QueueRoom, insert_one, known};

impl SqliteStore {
    /// Inserts jobs in a transaction of the caller's own connection to the same file, together
    /// with whatever else it writes there: an order and the mail about it are stored both or
    /// neither.
    ///
    /// The transaction may be a [`Transaction`](rusqlite::Transaction), a
    /// [`Savepoint`](rusqlite::Savepoint), or a plain connection after a `BEGIN`. Begin it with
    /// [`TransactionBehavior::Immediate`](rusqlite::TransactionBehavior::Immediate), or `BEGIN
    /// IMMEDIATE`: one that reads first and is overtaken by another writer fails, however long it
    /// may wait.
    ///
    /// Once it is committed, instances of this process and of others find the jobs within
    /// [`SqliteOptions::poll`](crate::SqliteOptions::poll); [`wake`](Self::wake) makes those of
    /// this process look at once. The connection's own `PRAGMA synchronous` decides how durable the
    /// commit is.
    ///
    /// # Examples
    ///
    /// ```
    /// use marionette::store::NewJob;
    /// use marionette_sqlite::SqliteStore;
    /// use marionette_sqlite::rusqlite::{Connection, TransactionBehavior};
    ///
    /// fn place_order(
    ///     store: &SqliteStore,
    ///     shop: &mut Connection,
    ///     mail: NewJob,
    /// ) -> Result<(), Box<dyn std::error::Error>> {
    ///     let order = shop.transaction_with_behavior(TransactionBehavior::Immediate)?;
    ///     order.execute("INSERT INTO orders (item) VALUES ('tea')", [])?;
    ///     store.insert_in(&order, [mail])?;
    ///     order.commit()?;
    ///     store.wake();
    ///     Ok(())
    /// }
    /// # let _ = place_order;
    /// ```
    ///
    /// # Errors
    ///
    /// As [`insert`](marionette::store::Store::insert); also
    /// [refused](marionette::store::StoreErrorKind::Refused) if the connection is not in a
    /// transaction, may only read, or is to another file, and
    /// [unavailable](marionette::store::StoreErrorKind::Unavailable) if another writer was faster.
    /// After an error nothing of this call is in the transaction.
    pub fn insert_in(
        &self,
        transaction: &Connection,
        jobs: impl IntoIterator<Item = impl Borrow<NewJob>>,
    ) -> Result<Vec<Inserted>, StoreError> {
        self.check_transaction(transaction)?;
        self.check_identity()?;
        let jobs = new_rows(jobs)?;
        let inserted = in_savepoint(transaction, || {
            insert(transaction, &jobs, self.clock().now())
        });
        inserted.map_err(|err| self.transaction_error(err))
    }

    fn check_transaction(&self, connection: &Connection) -> Result<(), StoreError> {
        let theirs = connection.path().unwrap_or_default();
        if Path::new(theirs) != self.path() {
            return Err(self.is_elsewhere(theirs));
        }
        if connection.is_autocommit() {
            return Err(self.is_in_no_transaction());
        }
        let reads = connection.is_readonly(MAIN_DB);
        if reads.map_err(|err| store_error(self.path(), err))? {
            let path = self.path().display();
            let what = format!("{path}: the connection of the transaction may only read");
            return Err(StoreError::refused(what));
        }
        Ok(())
    }

    pub(crate) fn is_elsewhere(&self, theirs: &str) -> StoreError {
        let ours = self.path().display();
        let what = format!("the transaction is in {theirs:?}, the store is in {ours}");
        StoreError::refused(what)
    }

    pub(crate) fn is_in_no_transaction(&self) -> StoreError {
        let path = self.path().display();
        StoreError::refused(format!(
            "{path}: the connection is in no transaction; begin one with BEGIN IMMEDIATE"
        ))
    }

    /// SQLite's error, with what to do about it.
    pub(crate) fn transaction_error(&self, err: rusqlite::Error) -> StoreError {
        /// The extended code for a transaction whose reads are outdated.
        const OVERTAKEN: i32 = 517;
        let code = err.sqlite_error().map(|err| err.extended_code);
        if code != Some(OVERTAKEN) {
            return store_error(self.path(), err);
        }
        let path = self.path().display();
        let what = format!(
            "{path}: the transaction has read, and another writer was faster: roll it back, and \
             begin it with BEGIN IMMEDIATE"
        );
        StoreError::unavailable(what).with_source(err)
    }
}

/// Checks jobs; refuses all of them if one cannot be stored.
pub(crate) fn new_rows(
    jobs: impl IntoIterator<Item = impl Borrow<NewJob>>,
) -> Result<Vec<NewRow>, StoreError> {
    let jobs = jobs.into_iter();
    jobs.map(|job| NewRow::new(job.borrow().clone())).collect()
}

/// Runs `work` so that it leaves nothing behind if it fails.
fn in_savepoint<T>(
    connection: &Connection,
    work: impl FnOnce() -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    connection.execute_batch("SAVEPOINT marionette")?;
    let done = work();
    let end = match &done {
        Ok(_) => "RELEASE marionette",
        Err(_) => "ROLLBACK TO marionette; RELEASE marionette",
    };
    let ended = connection.execute_batch(end);
    // After some errors SQLite has rolled back the whole transaction, and with it the savepoint.
    done.and_then(|done| ended.map(|()| done))
}

fn insert(connection: &Connection, jobs: &[NewRow], now: i64) -> rusqlite::Result<Vec<Inserted>> {
    // The transaction may be rolled back, so the lanes that it learns are forgotten at the end.
    let mut lanes = Lanes::default();
    let mut room = QueueRoom::default();
    let mut statement = connection.prepare_cached(include_str!("../sql/insert_job.sql"))?;
    let mut answers = Vec::with_capacity(jobs.len());
    for job in jobs {
        let lane = job.lane(connection, &mut lanes)?;
        if room.is_full(connection, &mut lanes, job)? {
            answers.push(Inserted::Full);
            continue;
        }
        if insert_one(&mut statement, job, lane.id, job.due(now), now)? {
            room.add(job);
            answers.push(Inserted::Accepted);
        } else {
            answers.push(known(connection, &mut lanes, job)?.1);
        }
    }
    Ok(answers)
}
