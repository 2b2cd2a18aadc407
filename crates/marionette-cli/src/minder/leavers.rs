//! Ends processes that have left the group of an ended command, by a session or group of their own.
//!
//! After a success none is looked for: a command may leave a service behind on purpose.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::orphans::{self, Marks};

/// How long a look may take: reading `/proc` may hang for a process that hangs.
const LOOKING: Duration = Duration::from_secs(2);

/// Looks once for the leavers of all commands that were ended meanwhile, since the time of a look
/// grows with the number of processes.
#[derive(Debug, Default)]
pub(super) struct Leavers {
    wanted: Mutex<Vec<Marks>>,
    turn: tokio::sync::Mutex<()>,
}

impl Leavers {
    /// Ends all processes with these marks.
    pub(super) async fn end(&self, marks: Marks) {
        self.wanted().push(marks);
        let _turn = self.turn.lock().await;
        let wanted = std::mem::take(&mut *self.wanted());
        if wanted.is_empty() {
            // The previous holder of the turn has looked for these marks as well.
            return;
        }
        let (tell, told) = oneshot::channel();
        let look = move || {
            orphans::kill(&Marks::any(wanted));
            // An error means that the look took too long.
            let _ = tell.send(());
        };
        // Without room for a thread the processes live on; `spawn_blocking` would panic.
        if thread::Builder::new().spawn(look).is_ok() {
            let _ = timeout(LOOKING, told).await;
        }
    }

    fn wanted(&self) -> MutexGuard<'_, Vec<Marks>> {
        // No holder of the lock can leave the data half changed.
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
