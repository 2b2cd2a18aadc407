//! The part that all clones of a handle share: the threads, and the inboxes that lead to them.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::JoinHandle;
use std::time::Instant;

use marionette::store::StoreError;
use rusqlite::Connection;

use crate::error::store_error;
use crate::file::allowance::Allowance;
use crate::file::file_identity::FileIdentity;
use crate::file::guard::Guard;
use crate::file::schema;
use crate::file::wal::Wal;
use crate::file::{checks, creating, opening};
use crate::job::forgotten::Listeners;
use crate::options::Settings;
use crate::threads::inbox::Inbox;
use crate::threads::reader::{self, Question, Reader};
use crate::threads::reply::Callers;
use crate::threads::shared::Shared;
use crate::threads::spawn;
use crate::threads::waiters::Waiters;
use crate::threads::writer::{self, Operations, Syncer, Writer};

/// The threads and inboxes of a store, which end with the last clone.
pub(crate) struct Inner {
    pub(crate) shared: Arc<Shared>,
    pub(crate) operations: Arc<Operations>,
    pub(crate) questions: Arc<Inbox<Question>>,
    /// The threads that only read the file, and those that write it.
    looking: Vec<JoinHandle<()>>,
    writing: Vec<JoinHandle<()>>,
    /// When the done jobs are counted again.
    pub(crate) count_at: Mutex<Option<Instant>>,
    /// When lanes without jobs are looked for again.
    pub(crate) idle_at: Mutex<Option<Instant>>,
}

impl Inner {
    pub(crate) fn open(path: &Path, settings: Settings) -> Result<Self, StoreError> {
        checks::check_before(path, &settings)?;
        let is_new = creating::create(path)?;
        let opened = Self::open_file(path, settings);
        if opened.is_err() && is_new {
            creating::unmake(path);
        }
        opened
    }

    fn open_file(path: &Path, settings: Settings) -> Result<Self, StoreError> {
        let (writing, of_writing) = opening::writer(path, &settings)?;
        let path = opening::resolved(&writing, path);
        checks::check_after(&writing, &path, &settings)?;
        schema::migrate(&writing, &path, settings.additions)?;
        let identity = FileIdentity::of(&path);
        // Two handles, because the system reports an error of the disk once to each.
        let wal = || opening::open_wal(&writing, &path);
        let wals = [wal()?, wal()?];
        let (reading, of_reading) = opening::reader(&path, &settings)?;
        let (looking, of_looking) = opening::reader(&path, &settings)?;
        let clock = settings.clock.clone();
        let shared = Arc::new(Shared {
            path: PathBuf::from(&path),
            settings,
            callers: Callers::default(),
            waiters: Waiters::new(clock),
            identity,
            listeners: Listeners::default(),
            broken: OnceLock::new(),
        });
        let guard = Guard::of(&path);
        shared.look().map_err(Clone::clone)?;
        let mut inner = Self {
            shared: shared.clone(),
            operations: Arc::new(Operations::new()),
            questions: Arc::new(Inbox::new()),
            looking: Vec::new(),
            writing: Vec::new(),
            count_at: Mutex::new(None),
            idle_at: Mutex::new(None),
        };
        inner.start_writer((writing, of_writing), wals, guard)?;
        inner.start_reader(reading, of_reading)?;
        inner.looking.push(spawn("mtt-sqlite-wake", move || {
            shared.guarded("wakes", || shared.waiters.run(&looking, &of_looking));
            shared.waiters.close();
        })?);
        Ok(inner)
    }

    fn start_writer(
        &mut self,
        (connection, allowance): (Connection, Allowance),
        wals: [Wal; 2],
        mut guard: Guard,
    ) -> Result<(), StoreError> {
        // The statements are prepared here already, so that a faulty file fails at once.
        let failed = |err| store_error(&self.shared.path, err);
        writer::check(&connection).map_err(failed)?;
        let (operations, shared) = (self.operations.clone(), self.shared.clone());
        let [wal, synced] = wals;
        let syncer = Arc::new(Syncer::new(shared.clone()));
        let to_sync = syncer.clone();
        let of_syncer = shared.clone();
        self.writing.push(spawn("mtt-sqlite-write", move || {
            shared.guarded(writer::WRITES, || {
                match Writer::new((&connection, allowance), wal, shared.clone(), &to_sync) {
                    Ok(mut writer) => writer.work(&operations),
                    Err(err) => shared.give_up(format_args!("it cannot be written: {err}")),
                }
            });
            // Dropping the operations tells their callers that the store is broken.
            operations.abandon();
            to_sync.close();
            guard.release();
            drop(connection);
            guard.close();
        })?);
        self.writing.push(spawn("mtt-sqlite-sync", move || {
            of_syncer.guarded(writer::SYNCS, || syncer.work(&synced));
            syncer.abandon();
        })?);
        Ok(())
    }

    fn start_reader(
        &mut self,
        connection: Connection,
        allowance: Allowance,
    ) -> Result<(), StoreError> {
        let (questions, shared) = (self.questions.clone(), self.shared.clone());
        self.looking.push(spawn("mtt-sqlite-read", move || {
            shared.guarded(reader::READS, || {
                Reader::new(&connection, allowance, shared.clone()).work(&questions);
            });
            questions.abandon();
        })?);
        Ok(())
    }
}

/// The threads end when their inboxes are empty; then the file and the locks are released. The
/// writer's connection is closed last, so that SQLite copies the WAL and removes it: of several
/// connections that close at once, none may be the last.
impl Drop for Inner {
    fn drop(&mut self) {
        self.questions.close();
        self.shared.waiters.close();
        join(self.looking.drain(..));
        self.operations.close();
        join(self.writing.drain(..));
    }
}

fn join(threads: impl Iterator<Item = JoinHandle<()>>) {
    for thread in threads {
        // A thread that panicked has nothing left to end.
        let _ = thread.join();
    }
}
