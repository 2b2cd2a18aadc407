//! How much a connection may do for one question or one transaction: more than any sound file
//! needs. Without a bound, a tree of pages that comes back to itself would be read for ever.
//!
//! SQLite counts the steps of its machine. Reading a row takes some steps, and a row takes some
//! bytes of the file, so the file's size bounds the steps, however slow the disk is. For questions
//! there is a bound in time as well, against steps that take long each.

use std::ffi::c_int;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::clock;
use crate::paths::beside;

/// The number of steps after which SQLite asks whether to go on.
const ASKED_AFTER: c_int = 20_000;
/// The steps that are allowed for any file.
const STEPS: u64 = 10_000_000;
/// The steps for each byte of the file: a row has several bytes and takes some ten steps.
const STEPS_A_BYTE: u64 = 64;
/// The steps for each row that is written: many may be written before the file grows.
const STEPS_A_ROW: u64 = 10_000;
/// The time that is allowed for any file.
const TIME: Duration = Duration::from_secs(30);
/// The time for each MiB of the file, which the slowest disk reads in less.
const TIME_A_MIB: Duration = Duration::from_secs(1);

/// The allowance of one connection.
#[derive(Clone, Debug)]
pub(crate) struct Allowance(Arc<Spending>);

#[derive(Debug)]
struct Spending {
    file: PathBuf,
    steps: AtomicU64,
    rows: AtomicU64,
    begun: Mutex<Option<Instant>>,
}

impl Allowance {
    /// Gives an allowance to a connection to this file.
    pub(crate) fn of(connection: &mut Connection, path: &Path) -> Self {
        let state = Arc::new(Spending {
            file: path.to_owned(),
            steps: AtomicU64::new(0),
            rows: AtomicU64::new(0),
            begun: Mutex::new(Some(clock::monotonic())),
        });
        let asked = state.clone();
        // This fails only without memory, or on a closed connection.
        let _ = connection.progress_handler(ASKED_AFTER, Some(move || asked.is_spent()));
        Self(state)
    }

    /// Begins a question.
    pub(crate) fn begin_question(&self) {
        self.begin(0, Some(clock::monotonic()));
    }

    /// Begins a transaction that writes about this number of rows.
    pub(crate) fn begin_transaction(&self, rows: usize) {
        self.begin(rows as u64, None);
    }

    fn begin(&self, rows: u64, begun: Option<Instant>) {
        // Only the thread of the connection uses these values, so they need no order.
        self.0.steps.store(0, Ordering::Relaxed);
        self.0.rows.store(rows, Ordering::Relaxed);
        *self.0.begun.lock().unwrap_or_else(PoisonError::into_inner) = begun;
    }
}

impl Spending {
    /// Whether the allowance is spent.
    fn is_spent(&self) -> bool {
        let asked = u64::from(ASKED_AFTER.unsigned_abs());
        let steps = self.steps.fetch_add(asked, Ordering::Relaxed) + asked;
        let rows = self.rows.load(Ordering::Relaxed);
        let steps_max = STEPS.saturating_add(rows.saturating_mul(STEPS_A_ROW));
        let begun = *self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let time = begun.map_or(Duration::ZERO, |begun| begun.elapsed());
        if steps <= steps_max && time <= TIME {
            return false;
        }
        // Only now the size of the file is worth a question.
        let length = |path: &Path| fs::metadata(path).map_or(0, |found| found.len());
        let bytes = length(&self.file).saturating_add(length(&beside(&self.file, "-wal")));
        let time_max = TIME.saturating_add(TIME_A_MIB.saturating_mul(mib(bytes)));
        steps > steps_max.saturating_add(bytes.saturating_mul(STEPS_A_BYTE)) || time > time_max
    }
}

fn mib(bytes: u64) -> u32 {
    u32::try_from(bytes / (1024 * 1024)).unwrap_or(u32::MAX)
}
