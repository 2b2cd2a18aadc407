//! A disk that fails to write when a test says so: it stands between SQLite and the system's call.
//!
//! SQLite lets its file layer be given another function for each call of the system. That is part
//! of its C interface and the only way to have the n-th write fail, so this one file of the tests
//! has `unsafe` in it; nothing of it is in the store. The functions are installed once, are never
//! taken back, and hand on all that they are not told to fail to what was there before.

#![allow(unsafe_code)] // The interface that SQLite has for this is one in C.

use std::ffi::{CStr, c_int, c_void};
use std::fs::File;
use std::mem::transmute;
use std::os::fd::IntoRawFd;
use std::ptr::null;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use marionette_sqlite::rusqlite::ffi::{sqlite3_syscall_ptr, sqlite3_vfs, sqlite3_vfs_find};

/// `pwrite`, or `pwrite64` where that is another function; the offset has 64 bits in both.
type Write = unsafe extern "C" fn(c_int, *const c_void, usize, i64) -> isize;

/// How a write fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// With an error of the device.
    Error,
    /// Because there is no room.
    Full,
    /// Half of it is written, and then there is no room.
    Torn,
}

/// The disk, for one test at a time.
pub(crate) struct Disk {
    _alone: MutexGuard<'static, ()>,
}

static ALONE: Mutex<()> = Mutex::new(());
static SYSTEM: OnceLock<Write> = OnceLock::new();
/// A device that has no room.
static FULL: OnceLock<c_int> = OnceLock::new();
static HOW: AtomicU64 = AtomicU64::new(0);
/// How many writes go well before the next one that fails, and how many fail then.
static LEFT: AtomicI64 = AtomicI64::new(i64::MAX);
static FAILING: AtomicI64 = AtomicI64::new(0);
static FAILED: AtomicU64 = AtomicU64::new(0);

#[allow(clippy::unused_self)] // Whoever has it may tell the disk what to do, and nobody else.
impl Disk {
    /// Waits until no other test has it.
    pub(crate) fn new() -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        SYSTEM.get_or_init(install);
        let disk = Self { _alone: alone };
        disk.mend();
        disk
    }

    /// From now on so many writes go well, and as many after these fail.
    pub(crate) fn fail(&self, after: i64, count: i64, how: How) {
        FAILED.store(0, Ordering::SeqCst);
        HOW.store(how as u64, Ordering::SeqCst);
        FAILING.store(count, Ordering::SeqCst);
        LEFT.store(after, Ordering::SeqCst);
    }

    /// No write fails any more. Says how many have failed.
    pub(crate) fn mend(&self) -> u64 {
        LEFT.store(i64::MAX, Ordering::SeqCst);
        FAILED.load(Ordering::SeqCst)
    }
}

/// Puts [`write`] in the place of the system's call. Says what was there.
fn install() -> Write {
    let full = File::options().write(true).open("/dev/full");
    let full = full.expect("there is such a device on Linux").into_raw_fd();
    FULL.get_or_init(|| full);
    // SAFETY: a null name asks for the default layer, which lives as long as the process, and its
    // two functions are those of the interface's second version and above. What is found under
    // this name in SQLite's source has the signature of `pwrite`; so has `write`. The lock of the
    // only caller keeps others of this program from SQLite meanwhile.
    unsafe {
        let vfs: *mut sqlite3_vfs = sqlite3_vfs_find(null());
        let get = (*vfs).xGetSystemCall.expect("the layer of Unix has it");
        let set = (*vfs).xSetSystemCall.expect("the layer of Unix has it");
        let name: &CStr = [c"pwrite64", c"pwrite"]
            .into_iter()
            .find(|name| get(vfs, name.as_ptr()).is_some())
            .expect("the layer writes at a place");
        let system = get(vfs, name.as_ptr()).expect("it was found");
        let ours: sqlite3_syscall_ptr = Some(transmute::<Write, unsafe extern "C" fn()>(write));
        assert_eq!(set(vfs, name.as_ptr(), ours), 0, "it is replaced");
        transmute::<unsafe extern "C" fn(), Write>(system)
    }
}

/// The system's call, unless its turn to fail has come.
unsafe extern "C" fn write(file: c_int, data: *const c_void, bytes: usize, at: i64) -> isize {
    let system = SYSTEM.get().expect("it is installed");
    let (mut file, mut bytes) = (file, bytes);
    let left = LEFT.fetch_sub(1, Ordering::SeqCst);
    let fails = left <= 0 && FAILING.fetch_sub(1, Ordering::SeqCst) > 0;
    if fails {
        FAILED.fetch_add(1, Ordering::SeqCst);
        let how = HOW.load(Ordering::SeqCst);
        if how == How::Torn as u64 && bytes > 1 {
            // SQLite goes on with the other half, which finds no room.
            bytes /= 2;
            HOW.store(How::Full as u64, Ordering::SeqCst);
            FAILING.fetch_add(1, Ordering::SeqCst);
        } else if how == How::Error as u64 {
            file = -1;
        } else {
            file = *FULL.get().expect("it is open");
        }
    }
    // SAFETY: the caller's arguments, or fewer bytes of them, or a file that takes none.
    unsafe { system(file, data, bytes, at) }
}
