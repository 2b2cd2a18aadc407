//! SQLite's errors in words for the person who runs the program, with what to do about them.

use std::fs::{self, Metadata};
use std::io;
use std::path::Path;
use std::time::Duration;

use rusqlite::ErrorCode;

use crate::paths::{beside, folder};

/// Extended code of `SQLITE_IOERR`: a page could not be read in full, since the file was cut off.
pub(crate) const FILE_CUT_OFF: i32 = 522;
/// Extended code of `SQLITE_IOERR`: no room for the memory that the connections share.
pub(crate) const NO_ROOM_FOR_SHARED_MEMORY: i32 = 4874;

/// The text of an error for a person; `waited` is how long a lock was waited for, if known, and
/// `grown` the size that a file of the store has reached and may not exceed.
pub(crate) fn words(
    path: &Path,
    err: &rusqlite::Error,
    waited: Option<Duration>,
    grown: Option<u64>,
) -> String {
    let rusqlite::Error::SqliteFailure(code, _) = err else {
        return err.to_string();
    };
    let meaning = match (code.extended_code, code.code, grown) {
        (FILE_CUT_OFF, _, _) => CUT_OFF.to_owned(),
        (_, ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked, _) => locked(waited),
        (_, ErrorCode::OperationInterrupted, _) => SPENT.to_owned(),
        (_, ErrorCode::DatabaseCorrupt, _) => DAMAGED.to_owned(),
        (_, ErrorCode::SystemIoFailure, Some(limit)) => {
            format!("a file may not become larger than {limit} bytes here (ulimit -f)")
        }
        (_, ErrorCode::CannotOpen, _) => format!("it cannot be opened: {}", obstacle(path)),
        (_, ErrorCode::ReadOnly | ErrorCode::PermissionDenied, _) => {
            format!("it cannot be written: {}", obstacle(path))
        }
        _ => return format!("{err} (code {})", code.extended_code),
    };
    format!("{meaning} (SQLite: {err}, code {})", code.extended_code)
}

const CUT_OFF: &str = "a page could not be read in full: the file or its log was cut off, or the \
     file is open under another name too; stop everything that has it open, and look at it with \
     `sqlite3 FILE 'PRAGMA integrity_check'`";
const SPENT: &str = "it was given up, since it took more than a file of this size can \
     need (10,000,000 steps and 64 for each byte, or 30 s and a second for each MiB): the file is \
     damaged, or was made so that it never ends; look at it with `sqlite3 FILE 'PRAGMA \
     integrity_check'`";

const DAMAGED: &str = "the file is damaged. Stop everything that has it open. If it was copied or \
     restored a moment ago, do that again, and remove the files that end in -wal and -shm before: \
     they belong to the file that was there. Otherwise restore a copy, or save what can be read \
     with `sqlite3 FILE .recover`";

/// The limit of this process for the size of files, if a file of the store is so near to it that
/// the limit is why it cannot be written. SQLite only says that it was not written.
pub(crate) fn grown(path: &Path) -> Option<u64> {
    /// The most that SQLite writes at once.
    const NEAR: u64 = 64 * 1024;
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let limit = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max file size"))?;
    // Without a limit it is a word.
    let limit: u64 = limit.split_ascii_whitespace().next()?.parse().ok()?;
    let files = ["", "-wal", "-shm"].map(|what| beside(path, what));
    let mut sizes = files.iter().filter_map(|file| fs::metadata(file).ok());
    let is_near = sizes.any(|file| file.len().saturating_add(NEAR) > limit);
    is_near.then_some(limit)
}

fn locked(waited: Option<Duration>) -> String {
    let long = waited.map_or_else(String::new, |waited| format!(" for {waited:?}"));
    format!(
        "it is locked: another connection has been writing{long} and has not ended its \
         transaction; try again when it has, or wait for longer (`SqliteOptions::busy_timeout`)"
    )
}

/// Why a file cannot be opened or written, as far as its folder and its owner tell.
///
/// The file itself is not opened to find out, since closing it again would take SQLite's locks.
fn obstacle(path: &Path) -> String {
    let folder = folder(path);
    let about =
        |path: &Path, found: &Metadata| format!("{} belongs to {}", path.display(), owner(found));
    if let Some(err) = no_more_files(&folder) {
        return format!("no more files may be opened (ulimit -n): {err}");
    }
    match (fs::metadata(&folder), fs::metadata(path)) {
        (Err(err), _) => format!("its folder {}: {err}", folder.display()),
        (Ok(of_folder), Err(_)) => format!(
            "SQLite makes files in its folder, and {}",
            about(&folder, &of_folder)
        ),
        (Ok(_), Ok(file)) if file.is_dir() => "it is a folder".to_owned(),
        (Ok(of_folder), Ok(file)) => format!(
            "{}, and its folder, in which SQLite makes files beside it, {}; this process has to be \
             allowed to write both",
            about(path, &file),
            about(&folder, &of_folder)
        ),
    }
}

/// The error if this process may open no more files. Opening the folder shows it.
#[cfg(unix)]
fn no_more_files(folder: &Path) -> Option<io::Error> {
    /// `ENFILE`, with the same number on all systems.
    const NFILE: i32 = 23;
    const MFILE: i32 = 24;
    let err = fs::File::open(folder).err()?;
    matches!(err.raw_os_error(), Some(NFILE | MFILE)).then_some(err)
}

#[cfg(not(unix))]
fn no_more_files(_folder: &Path) -> Option<io::Error> {
    None
}

/// The owner of a file and its mode.
#[cfg(unix)]
fn owner(found: &Metadata) -> String {
    use std::os::unix::fs::MetadataExt;

    let (user, mode) = (found.uid(), found.mode() & 0o7777);
    match name_of(user) {
        Some(name) => format!("{name} (mode {mode:04o})"),
        None => format!("user {user} (mode {mode:04o})"),
    }
}

#[cfg(not(unix))]
fn owner(found: &Metadata) -> String {
    let is_readonly = found.permissions().readonly();
    if is_readonly {
        "somebody, read-only"
    } else {
        "somebody"
    }
    .to_owned()
}

/// The name of a user, if the list of this machine has it.
#[cfg(unix)]
pub(crate) fn name_of(user: u32) -> Option<String> {
    let list = fs::read_to_string("/etc/passwd").ok()?;
    list.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(user)).then(|| name.to_owned())
    })
}
