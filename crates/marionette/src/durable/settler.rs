//! Brings what became of jobs to the store, many at once.

use std::slice;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use crate::durable::guarded::guarded;
use crate::durable::session::{Session, SessionGuard};
use crate::durable::troubles::Role;
use crate::store::{Settled, Settlement, StoreError};

/// How long to wait after the first error of the store; it doubles up to `PAUSE_MAX`.
const PAUSE: Duration = Duration::from_millis(10);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Works until the session ends and nothing is held any more.
pub(crate) async fn work(session: Arc<Session>, _hand: SessionGuard) {
    let _leaves = SettlerExit(Arc::clone(&session));
    loop {
        let settlements = session.outbox.take();
        if !settlements.is_empty() {
            bring(&session, settlements).await;
            continue;
        }
        if session.ending.is_cancelled() && session.held.len() == 0 {
            return;
        }
        let filled = session.outbox.filled.notified();
        if session.ending.is_cancelled() {
            // The last that is held may also be lost, of which nobody tells here.
            let _ = timeout(session.timing.renew, filled).await;
        } else {
            tokio::select! {
                biased;
                () = filled => {}
                () = session.ending.cancelled() => {}
            }
        }
    }
}

/// Dropped with the settler. If that is because the runtime goes, nothing can be settled any more:
/// the leases must lapse, and not be kept for ever.
struct SettlerExit(Arc<Session>);

impl Drop for SettlerExit {
    fn drop(&mut self) {
        self.0.close();
        self.0.end();
        self.0.held.clear();
    }
}

/// Brings these to the store, however often that takes; a job whose lease was lost meanwhile is
/// left out.
async fn bring(session: &Session, mut settlements: Vec<Settlement>) {
    let mut brought = settlements.len();
    let mut errors = 0;
    while !settlements.is_empty() {
        session.asks(Role::Settler, "settle");
        match guarded(session.store.settle(settlements.clone())).await {
            Ok(settled) => {
                session.is_answered(Role::Settler);
                taken(session, settlements, &settled);
                break;
            }
            Err(error) => {
                errors += 1;
                session.failed(Role::Settler, "settle", &error, errors);
                if is_final(&error) {
                    settlements = one_by_one(session, settlements).await;
                } else {
                    session.held.could_not_write(&settlements);
                    let pause = PAUSE.saturating_mul(1 << errors.min(10)).min(PAUSE_MAX);
                    tokio::time::sleep(pause).await;
                }
                settlements.retain(|settlement| session.held.has(&settlement.lease));
                // What has come meanwhile must not wait until these leases have lapsed too.
                let more = session.outbox.take();
                brought += more.len();
                settlements.extend(more);
            }
        }
    }
    session.outbox.were_written(brought);
}

/// Whether another try would end the same.
fn is_final(error: &StoreError) -> bool {
    error.is_refused() || error.is_broken()
}

/// One of them is refused: the others must not wait for it. What is refused alone is given up, and
/// its lease lapses; if it was a success, that is kept, so that it does not run again whenever it
/// is claimed. Returns those for which another try makes sense.
async fn one_by_one(session: &Session, settlements: Vec<Settlement>) -> Vec<Settlement> {
    let mut again = Vec::new();
    for settlement in settlements {
        match guarded(session.store.settle(vec![settlement.clone()])).await {
            Ok(settled) => {
                session.is_answered(Role::Settler);
                taken(session, vec![settlement], &settled);
            }
            Err(error) if is_final(&error) => {
                session.is_refused(settlement.lease.job, &error);
                session.held.could_not_write(slice::from_ref(&settlement));
                session.held.lose(&settlement.lease);
            }
            Err(_) => again.push(settlement),
        }
    }
    again
}

/// The store has taken these.
fn taken(session: &Session, settlements: Vec<Settlement>, settled: &[Settled]) {
    session
        .held
        .remove(settlements.iter().map(|settlement| &settlement.lease));
    session.are_taken(settlements.iter().map(|settlement| settlement.lease.job));
    // Who waits for places among what is held.
    session.outbox.room.notify_one();
    let mut stale = 0;
    for (settlement, settled) in settlements.into_iter().zip(settled) {
        match settled {
            Settled::Applied => session.ends.tell(settlement.lease.job, settlement.next),
            Settled::Stale => stale += 1,
        }
    }
    if stale > 0 {
        session.engine.observer.were_stale(stale);
    }
}
