//! Jobs inside the caller's own transaction: they are accepted if and only if it is committed.

use std::path::Path;

use marionette::store::{Inserted, NewJob, StoreError};
use rusqlite::{Connection, Transaction};

use crate::error::store_error;
use crate::lanes::Lanes;
use crate::store::SqliteStore;
use crate::writer::{Accepting, Waiting, insert_one};

impl SqliteStore {
    /// Inserts jobs in a transaction of the caller's own connection to the same file, together
    /// with whatever else it writes there: an order and the mail about it are stored both or
    /// neither.
    ///
    /// Once it is committed, workers of this process and of others find the jobs within
    /// [`Options::poll`](crate::Options::poll); [`wake`](Self::wake) makes those of this process
    /// look at once. How durable the commit is says the connection's own `PRAGMA synchronous`.
    /// Begin the transaction with
    /// [`TransactionBehavior::Immediate`](rusqlite::TransactionBehavior::Immediate): one that reads
    /// first and is overtaken by another writer fails, however long it may wait.
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
    ///     store.insert_in(&order, vec![mail])?;
    ///     order.commit()?;
    ///     store.wake();
    ///     Ok(())
    /// }
    /// # let _ = place_order;
    /// ```
    ///
    /// # Errors
    ///
    /// As [`insert`](marionette::store::Store::insert); also [refused](StoreError::is_refused) if
    /// the connection is to another file. After an error the transaction has to be rolled back.
    pub fn insert_in(
        &self,
        transaction: &Transaction<'_>,
        jobs: Vec<NewJob>,
    ) -> Result<Vec<Inserted>, StoreError> {
        self.check_file(transaction)?;
        self.check_whereabouts()?;
        let jobs = Accepting::all(jobs)?;
        insert(transaction, &jobs, self.clock().now()).map_err(|err| store_error(self.path(), err))
    }

    fn check_file(&self, connection: &Connection) -> Result<(), StoreError> {
        let theirs = connection.path().unwrap_or_default();
        if Path::new(theirs) == self.path() {
            return Ok(());
        }
        let ours = self.path().display();
        let what = format!("the transaction is in {theirs:?}, the store is in {ours}");
        Err(StoreError::refused(what))
    }
}

fn insert(
    connection: &Connection,
    jobs: &[Accepting],
    now: i64,
) -> rusqlite::Result<Vec<Inserted>> {
    // What this learns may be rolled back, so it is forgotten at the end.
    let mut lanes = Lanes::default();
    lanes.refresh(connection)?;
    let mut waiting = Waiting::default();
    let mut statement = connection.prepare_cached(include_str!("sql/insert_job.sql"))?;
    let mut answers = Vec::with_capacity(jobs.len());
    for job in jobs {
        let lane = job.lane(connection, &mut lanes)?;
        if waiting.is_full(connection, &mut lanes, job)? {
            answers.push(Inserted::Full);
            continue;
        }
        if insert_one(&mut statement, job, lane.id, job.due(now), now)? {
            waiting.add(job);
        }
        answers.push(Inserted::Accepted);
    }
    Ok(answers)
}
