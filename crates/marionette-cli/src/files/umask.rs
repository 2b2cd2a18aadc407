//! The umask, where it takes permissions from the owner.

use std::io::{self};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::Mode;

/// Whether the umask takes permissions from the owner: then new files are given them back.
pub(super) static UMASK_TAKES_OURS: AtomicBool = AtomicBool::new(false);

/// Looks at the umask, which cannot be done without changing it: to be called before there are
/// threads.
pub(crate) fn look_at_umask() {
    let umask = rustix::process::umask(Mode::RWXG | Mode::RWXO);
    rustix::process::umask(umask);
    UMASK_TAKES_OURS.store(umask.intersects(Mode::RWXU), Ordering::Relaxed);
}

/// Gives the owner of a new folder back what the umask took.
pub(crate) fn mend_new(path: &Path, mode: u32) -> io::Result<()> {
    if UMASK_TAKES_OURS.load(Ordering::Relaxed) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    }
    Ok(())
}
