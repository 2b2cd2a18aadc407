//! How much a connection may do for one question or one transaction: what no file needs that is
//! sound. A tree of pages that comes back to itself would be read for ever.
//!
//! SQLite counts the steps of its machine. One that reads a row takes some, and a row takes some
//! bytes of the file, so the file's size bounds the steps, however slow the disk is. The time
//! bounds them too, but only where people ask: against steps that take long each.

use std::ffi::c_int;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::clock;
use crate::paths::beside;

/// SQLite asks after so many steps.
const ASKED_AFTER: c_int = 20_000;
/// So many steps are allowed for any file…
const STEPS: u64 = 10_000_000;
/// …and so many more for each of its bytes: a row has several bytes and takes some ten steps.
const STEPS_A_BYTE: u64 = 64;
/// …and for each row that is written, which may be many before the file grows.
const STEPS_A_ROW: u64 = 10_000;
/// So long may it take for any file…
const TIME: Duration = Duration::from_secs(30);
/// …and so much longer for each MiB: the slowest disk reads that much in this time.
const TIME_A_MIB: Duration = Duration::from_secs(1);

/// What one connection may still do.
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
    /// Gives a connection to this file an allowance.
    pub(crate) fn of(connection: &mut Connection, path: &Path) -> Self {
        let state = Arc::new(Spending {
            file: path.to_owned(),
            steps: AtomicU64::new(0),
            rows: AtomicU64::new(0),
            begun: Mutex::new(Some(clock::monotonic())),
        });
        let asked = state.clone();
        // It fails only without memory, or on a connection that is closed.
        let _ = connection.progress_handler(ASKED_AFTER, Some(move || asked.is_spent()));
        Self(state)
    }

    /// A question begins.
    pub(crate) fn begin_question(&self) {
        self.begin(0, Some(clock::monotonic()));
    }

    /// A transaction begins that writes about so many rows.
    pub(crate) fn begin_transaction(&self, rows: usize) {
        self.begin(rows as u64, None);
    }

    fn begin(&self, rows: u64, begun: Option<Instant>) {
        // Only the thread of the connection uses these, so they need no order.
        self.0.steps.store(0, Ordering::Relaxed);
        self.0.rows.store(rows, Ordering::Relaxed);
        *self.0.begun.lock().unwrap_or_else(PoisonError::into_inner) = begun;
    }
}

impl Spending {
    /// Whether no more is allowed.
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
        // Only now it is worth asking how large the file is.
        let length = |path: &Path| fs::metadata(path).map_or(0, |found| found.len());
        let bytes = length(&self.file).saturating_add(length(&beside(&self.file, "-wal")));
        let time_max = TIME.saturating_add(TIME_A_MIB.saturating_mul(mib(bytes)));
        steps > steps_max.saturating_add(bytes.saturating_mul(STEPS_A_BYTE)) || time > time_max
    }
}

fn mib(bytes: u64) -> u32 {
    u32::try_from(bytes / (1024 * 1024)).unwrap_or(u32::MAX)
}
