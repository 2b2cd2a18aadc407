//! The umask, where it takes permissions from the owner.

use rustix::fs::Mode;
use rustix::process::umask;

/// Keeps what this process and its commands make usable for its owner, whatever the umask of the
/// shell.
///
/// A file has to be usable from its first moment, since other processes of ours open it at once,
/// so it is not enough to mend its mode afterwards. The umask belongs to the whole process: call
/// this before any thread starts.
pub(crate) fn keep_ours() {
    let of_the_shell = umask(Mode::RWXG | Mode::RWXO);
    umask(of_the_shell - Mode::RWXU);
}
