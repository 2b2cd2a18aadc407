//! The lock on the note of a run on this machine: a file that names its holder. The lock ends with
//! its process.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, test_kill_process};

use crate::console::clock;
use crate::console::text;
use crate::files::Folder;

/// How long to try for a lock that another process has: a process that only looks has it for a
/// moment.
const LOCK_PATIENCE: Duration = Duration::from_millis(25);
/// How long to try for a lock if the process that took it has ended or is this one: then a program
/// that is being started has inherited the lock, and keeps it until its first instruction.
const INHERITED_PATIENCE: Duration = Duration::from_secs(2);
const LOCK_PAUSE: Duration = Duration::from_millis(5);

pub(super) fn lock_of(key: &str) -> String {
    format!("{key}.lock")
}

/// The process that has this note now, if any.
pub(super) fn holder(folder: &Folder, key: &str) -> Option<String> {
    let mut file = folder.read(lock_of(key)).ok()??;
    if flock(&file, FlockOperation::NonBlockingLockShared).is_ok() {
        return None;
    }
    let mut holder = String::new();
    file.read_to_string(&mut holder).ok()?;
    Some(holder.trim().to_owned())
}

/// Locks a file; else returns the process that holds the lock, if the file names it.
pub(super) fn lock(folder: &Folder, name: &str) -> Result<Result<File, Option<String>>> {
    let path = || folder.path().join(name);
    let opened = folder.open_or_new(name);
    let mut file = opened.with_context(|| format!("cannot write {}", text::path(&path())))?;
    let began = clock::tick();
    while let Err(error) = flock(&file, FlockOperation::NonBlockingLockExclusive) {
        if error != rustix::io::Errno::WOULDBLOCK {
            return Err(error).with_context(|| format!("cannot lock {}", text::path(&path())));
        }
        let mut holder = String::new();
        file.rewind()?;
        let _ = file.read_to_string(&mut holder);
        let holder = holder.trim();
        let patience = if is_another_that_lives(holder) {
            LOCK_PATIENCE
        } else {
            INHERITED_PATIENCE
        };
        if began.elapsed() >= patience {
            return Ok(Err((!holder.is_empty()).then(|| holder.to_owned())));
        }
        clock::pause(LOCK_PAUSE);
    }
    if !folder.is_at(&file, name)? {
        // The lock file was removed together with its run.
        return lock(folder, name);
    }
    file.rewind()?;
    file.set_len(0)?;
    write!(file, "{}", std::process::id())?;
    Ok(Ok(file))
}

/// Whether `holder` is the number of a process that is alive and is not this one.
fn is_another_that_lives(holder: &str) -> bool {
    let number = holder.parse().ok().and_then(Pid::from_raw);
    number.is_some_and(|number| {
        number.as_raw_nonzero().get().unsigned_abs() != std::process::id()
            && test_kill_process(number) != Err(rustix::io::Errno::SRCH)
    })
}
