//! The one thread that writes. It takes all calls that wait, runs them in one transaction, commits
//! and syncs once, and answers all of them.
//!
//! # How a commit becomes durable
//!
//! SQLite itself runs with `synchronous = NORMAL`: a commit is written to the WAL and not synced,
//! which is all that a claim or a sign of life needs. When a call of the transaction must survive a
//! loss of power (an insert, a settlement, a change), `fdatasync` is then called on the WAL before
//! its caller is answered: the same call as with `synchronous = FULL`, but only for callers that
//! need it, and after the others have been answered. If there is more to write meanwhile, a thread
//! of its own makes the call, and the next transaction need not wait for the disk.
//!
//! This is sound because a frame leaves the WAL only by a checkpoint, and in `NORMAL` a checkpoint
//! syncs the WAL before it writes to the database, and the database before the WAL may begin anew.
//!
//! After a sync that failed nobody knows what is on the disk, and a later sync that succeeds does
//! not mend that; so the store is broken from then on and has to be opened again. The same holds
//! when one of its files was removed, replaced or cut off. The writer looks for that after the sync
//! and before the answer, so no caller is told of a commit that nobody would find again.

mod operation;
mod statements;
mod syncer;
mod watch;
mod new_row;
mod insert;
mod room;
mod insert_shared;
mod claim;
mod renew;
mod settle;
mod sweep;
mod prune;
mod change;
mod activity;

use std::fs::File;
use std::sync::Arc;
use std::time::{Duration, Instant};

use marionette::store::{StoreError, StoreErrorKind};
use rusqlite::{Connection, ErrorCode};

use crate::clock;
use crate::codec::Id;
use crate::error::{is_of_one, sqlite_error};
use crate::failpoint;
use crate::file::allowance::Allowance;
use crate::file::liveness::Liveness;
use crate::file::opening;
use crate::file::wal::Wal;
use crate::lanes::{Lane, Lanes};
use crate::threads::inbox::{Inbox, Patience};
use crate::threads::shared::Shared;

pub(crate) use change::{Asked, Change};
pub(crate) use insert::{insert_one, known};
pub(crate) use insert_shared::SharedInsert;
pub(crate) use new_row::NewRow;
#[cfg(feature = "sqlx")]
pub(crate) use new_row::Parts;
pub(crate) use operation::{Call, Durability, Operation};
use prune::Pruning;
pub(crate) use prune::{DonePlace, counted_here, done_beyond};
pub(crate) use room::QueueRoom;
pub(crate) use settle::{check as check_settlements, weight as settlements_weight};
use statements::Statements;
pub(crate) use statements::check;
pub(crate) use syncer::Syncer;
use watch::Watch;

/// What this thread does, for messages.
pub(crate) const WRITES: &str = "writes";
/// What the thread of the [`Syncer`] does, for messages.
pub(crate) const SYNCS: &str = "syncs";

/// The inbox of the writer.
pub(crate) type Operations = Inbox<Box<dyn Operation>>;

/// The most work that one transaction does for more than one call, in rows.
const WEIGHT_MAX: usize = 4096;
/// With about this many pages in the WAL they are copied into the database.
const CHECKPOINT_PAGES: usize = 2000;
/// The same number for a minute after the disk was full: the database cannot have the room that the
/// WAL takes.
const CHECKPOINT_PAGES_FULL: usize = 32;
const CAUTIOUS: Duration = Duration::from_secs(60);
/// How often the writer checks whether another process still writes.
const BUSY_PAUSE: Duration = Duration::from_micros(200);

/// The state that operations use.
pub(crate) struct Writer<'c> {
    pub(crate) connection: &'c Connection,
    allowance: Allowance,
    pub(crate) sql: Statements<'c>,
    pub(crate) lanes: Lanes,
    pub(crate) liveness: Liveness,
    pub(crate) shared: Arc<Shared>,
    /// The time of the transaction.
    pub(crate) now: i64,
    /// Lanes in which this transaction put a job, and when it is due: waiters are told after the
    /// commit.
    pub(crate) wakes: Vec<(Arc<Lane>, i64)>,
    /// Instances that this transaction forgets; their lock files are removed after the commit.
    pub(crate) gone: Vec<(Id, Option<File>)>,
    /// Jobs that this transaction deletes; listeners are told after the commit.
    pub(crate) forgotten: Vec<Id>,
    watch: Watch,
    syncer: &'c Syncer,
    /// About how many pages are in the WAL.
    pages: usize,
    /// Until when the WAL is kept small.
    cautious_until: Instant,
    pruning: Pruning,
}

impl<'c> Writer<'c> {
    pub(crate) fn new(
        (connection, allowance): (&'c Connection, Allowance),
        wal: Wal,
        shared: Arc<Shared>,
        syncer: &'c Syncer,
    ) -> rusqlite::Result<Self> {
        let sql = Statements::new(connection)?;
        // From here on `begin` waits for other processes, and not SQLite.
        connection.busy_timeout(Duration::ZERO)?;
        Ok(Self {
            connection,
            allowance,
            sql,
            lanes: Lanes::default(),
            liveness: Liveness::new(&shared.path, shared.settings.clock.clone()),
            now: shared.settings.clock.now(),
            watch: Watch::new(wal, connection, &shared),
            shared,
            wakes: Vec::new(),
            gone: Vec::new(),
            forgotten: Vec::new(),
            syncer,
            pages: 0,
            cautious_until: clock::monotonic(),
            pruning: Pruning::default(),
        })
    }

    /// Works until the inbox is closed and empty.
    pub(crate) fn work(&mut self, inbox: &Operations) {
        let (mut operations, mut patience) = (Vec::new(), Patience::default());
        while inbox.take(&mut operations, &mut patience) {
            while !operations.is_empty() {
                let behind = operations.split_off(batch_len(&operations));
                self.batch(operations);
                operations = behind;
            }
        }
        self.look();
        if self.shared.fault().is_ok() {
            self.liveness.leave(self.connection);
        } else {
            // SQLite would copy a WAL that nobody else knows into the database, and remove the WAL
            // of another process.
            let _ = opening::keep_wal(self.connection);
        }
    }

    /// Checks the files; the store is broken if they are not as they should be.
    fn look(&mut self) {
        self.watch.look(self.connection, &self.shared);
    }

    /// Runs some operations and answers them.
    fn batch(&mut self, mut operations: Vec<Box<dyn Operation>>) {
        if self.watch.is_due(&self.shared) {
            self.look();
        }
        if let Err(fault) = self.shared.fault() {
            return answer_all(&mut operations, Err(fault));
        }
        let mut done = self.attempt(&mut operations);
        if done
            .as_ref()
            .is_err_and(|err| err.kind() == StoreErrorKind::Full)
        {
            // The pages in the WAL may have their room in the database already: once they are
            // copied, the WAL begins anew in the room that it has, however full the disk is.
            self.checkpoint();
            self.cautious_until = clock::monotonic() + CAUTIOUS;
            done = self.attempt(&mut operations);
        }
        match done {
            Ok(()) => self.finish(operations),
            // One operation may be the cause: each is tried again alone.
            Err(fault) if is_of_one(&fault) && operations.len() > 1 => {
                for operation in operations {
                    self.batch(vec![operation]);
                }
            }
            Err(fault) => answer_all(&mut operations, Err(&fault)),
        }
    }

    /// Runs some operations in one transaction. If that panics, their callers are told why before
    /// the thread ends.
    fn attempt(&mut self, operations: &mut Vec<Box<dyn Operation>>) -> Result<(), StoreError> {
        let shared = Arc::clone(&self.shared);
        // The two closures never run at the same time.
        let operations = std::cell::RefCell::new(operations);
        shared.piece(
            WRITES,
            || self.transaction(&mut operations.borrow_mut()),
            |broken| answer_all(&mut operations.borrow_mut(), broken),
        )
    }

    /// Runs some operations in one transaction, all or none.
    fn transaction(&mut self, operations: &mut [Box<dyn Operation>]) -> Result<(), StoreError> {
        failpoint::at("sqlite::batch::begin");
        let done = self.steps(operations);
        if done.is_err() {
            // After some errors SQLite has rolled back by itself.
            if !self.connection.is_autocommit() {
                let _ = self.connection.execute_batch("ROLLBACK");
            }
            self.lanes.forget();
            self.forget_pruning();
            self.wakes.clear();
            self.gone.clear();
            self.forgotten.clear();
        }
        let waited = Some(self.shared.settings.busy);
        done.map_err(|err| sqlite_error(&self.shared.path, &err, waited))
    }

    fn steps(&mut self, operations: &mut [Box<dyn Operation>]) -> rusqlite::Result<()> {
        let weight: usize = operations.iter().map(|operation| operation.weight()).sum();
        self.allowance.begin_transaction(weight);
        self.begin()?;
        failpoint::at("sqlite::batch::begun");
        self.now = self.shared.settings.clock.now();
        self.lanes.begin();
        self.pages += 4 + weight / 8;
        let mut left = operations;
        while !left.is_empty() {
            let done = match insert_shared::run(self, left)? {
                0 => left[0].run(self).map(|()| 1)?,
                done => done,
            };
            left = &mut left[done..];
        }
        failpoint::at("sqlite::batch::commit");
        self.sql.commit.execute([])?;
        failpoint::at("sqlite::batch::committed");
        Ok(())
    }

    /// Begins to write once no other process does. SQLite's own wait would check less and less
    /// often, down to ten times a second; transactions take less than a millisecond.
    fn begin(&mut self) -> rusqlite::Result<()> {
        let mut until = None;
        loop {
            let Err(err) = self.sql.begin.execute([]) else {
                return Ok(());
            };
            let busy = err.sqlite_error_code() == Some(ErrorCode::DatabaseBusy);
            let now = clock::monotonic();
            if !busy || now >= *until.get_or_insert(now + self.shared.settings.busy) {
                return Err(err);
            }
            clock::pause(BUSY_PAUSE);
        }
    }

    /// After the commit: wakes the waiters for these jobs, answers the callers or lets the syncer
    /// do that, and copies the WAL.
    fn finish(&mut self, operations: Vec<Box<dyn Operation>>) {
        let now = self.shared.settings.clock.now();
        let woken = self.shared.waiters.tell(&self.wakes, now);
        self.wakes.clear();
        for (instance, lock) in self.gone.drain(..) {
            self.liveness.forget(instance, lock.is_some());
            drop(lock);
        }
        if !self.forgotten.is_empty() {
            self.shared.listeners.tell(&mut self.forgotten);
        }
        let is_full = self.shared.settings.synchronous.is_full();
        let (mut unsynced, mut finished): (Vec<_>, Vec<_>) = operations
            .into_iter()
            .partition(|operation| is_full && operation.durability() == Durability::Synced);
        let others = self.shared.callers.count() > unsynced.len();
        if finished
            .iter()
            .any(|operation| operation.durability() == Durability::Synced)
        {
            self.watch.glance(self.connection, &self.shared);
        }
        answer_all(&mut finished, self.shared.fault());
        if unsynced.is_empty() {
            // Nobody waits for the disk.
        } else if woken || others {
            // A waiter will claim, or another caller has more to write, without waiting for the
            // disk.
            self.watch.contents(self.connection, &self.shared);
            self.syncer.take(&mut unsynced, self.watch.end());
        } else {
            let _ = self.syncer.sync(&self.watch.wal.file);
            self.look();
            answer_all(&mut unsynced, self.shared.fault());
        }
        failpoint::at("sqlite::batch::answered");
        if self.pages >= CHECKPOINT_PAGES
            || self.pages >= CHECKPOINT_PAGES_FULL && clock::monotonic() < self.cautious_until
            || self.watch.is_too_long()
        {
            self.checkpoint();
        }
    }

    /// Copies the WAL into the database as far as no reader needs it. A failure is ignored: the
    /// next transaction meets its reason too, and a larger WAL is no fault.
    fn checkpoint(&mut self) {
        failpoint::at("sqlite::checkpoint::begin");
        self.pages = 0;
        // If another process has gone on with a WAL of its own, ours must not be copied.
        self.look();
        if self.shared.fault().is_err() {
            return;
        }
        let _ = self
            .connection
            .prepare_cached("PRAGMA wal_checkpoint(PASSIVE)")
            .and_then(|mut statement| statement.query_row([], |_| Ok(())));
        self.watch.copied(self.connection, &self.shared);
        failpoint::at("sqlite::checkpoint::end");
    }
}

/// How many of these operations make one transaction: the first, and more while they are small.
fn batch_len(operations: &[Box<dyn Operation>]) -> usize {
    let mut weight = 0;
    let weights = operations.iter().map(|operation| operation.weight());
    let sums = weights.map(|one| {
        weight += one;
        weight
    });
    sums.take_while(|sum| *sum <= WEIGHT_MAX).count().max(1)
}

fn answer_all(operations: &mut [Box<dyn Operation>], outcome: Result<(), &StoreError>) {
    for operation in operations {
        operation.answer(outcome);
    }
}
