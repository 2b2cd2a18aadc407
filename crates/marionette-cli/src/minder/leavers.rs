//! Ends what has left the group of a command that was ended: by a session or a group of its own.
//!
//! After a success nothing is looked for: a command may leave a service behind on purpose.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::orphans::{self, Marks};

/// How long it may take to look for them: what `/proc` has of a process that hangs may hang too.
const LOOKING: Duration = Duration::from_secs(2);

/// Looks for what has left, for all commands at once that were ended meanwhile: each look takes a
/// time that grows with the number of processes.
#[derive(Debug, Default)]
pub(super) struct Leavers {
    wanted: Mutex<Vec<Marks>>,
    turn: tokio::sync::Mutex<()>,
}

impl Leavers {
    /// Ends all that has these marks.
    pub(super) async fn end(&self, marks: Marks) {
        self.wanted().push(marks);
        let _turn = self.turn.lock().await;
        let wanted = std::mem::take(&mut *self.wanted());
        if wanted.is_empty() {
            // Whoever had the turn before has looked for it as well.
            return;
        }
        let (tell, told) = oneshot::channel();
        let look = move || {
            orphans::kill(&Marks::any(wanted));
            // An error says that it took longer.
            let _ = tell.send(());
        };
        // Without room for a thread they live on; the runtime would panic.
        if thread::Builder::new().spawn(look).is_ok() {
            let _ = timeout(LOOKING, told).await;
        }
    }

    fn wanted(&self) -> MutexGuard<'_, Vec<Marks>> {
        // Nothing that holds the lock can leave it half done.
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
