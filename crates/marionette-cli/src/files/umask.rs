//! The umask, if it takes permissions from the owner.

use std::io::{self};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::Mode;

/// Whether the umask takes permissions from the owner, so that new files need them back.
pub(super) static UMASK_TAKES_OURS: AtomicBool = AtomicBool::new(false);

/// Reads the umask, which cannot be done without changing it, so call this before any thread
/// starts.
pub(crate) fn look_at_umask() {
    let umask = rustix::process::umask(Mode::RWXG | Mode::RWXO);
    rustix::process::umask(umask);
    UMASK_TAKES_OURS.store(umask.intersects(Mode::RWXU), Ordering::Relaxed);
}

/// Gives the owner of a new folder the permissions that the umask took.
pub(crate) fn mend_new(path: &Path, mode: u32) -> io::Result<()> {
    if UMASK_TAKES_OURS.load(Ordering::Relaxed) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    }
    Ok(())
}
