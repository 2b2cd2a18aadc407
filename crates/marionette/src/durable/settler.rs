//! The settler: brings settlements from the outbox to the store, many at once.

use std::slice;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use crate::durable::guarded::guarded;
use crate::durable::session::{Session, SessionGuard};
use crate::durable::troubles::Role;
use crate::store::call::{fit, settlement_bytes};
use crate::store::{Settled, Settlement, StoreError, StoreErrorKind};

/// The pause after errors of the store doubles from this value up to `PAUSE_MAX`.
const PAUSE: Duration = Duration::from_millis(10);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Works until the session ends and no job is held.
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
            // The last held job may also be lost, which does not notify `filled`.
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

/// Ends the session when the settler is dropped. If the runtime dropped it, no job can be settled
/// any more: the leases must lapse, and not be renewed for ever.
struct SettlerExit(Arc<Session>);

impl Drop for SettlerExit {
    fn drop(&mut self) {
        self.0.close();
        self.0.end();
        self.0.held.clear();
    }
}

/// Brings settlements to the store, in as many calls and tries as it takes. Leaves out jobs whose
/// leases are lost meanwhile.
async fn bring(session: &Session, mut settlements: Vec<Settlement>) {
    let mut brought = settlements.len();
    let mut errors = 0;
    while !settlements.is_empty() {
        session.asks(Role::Settler, "settle");
        let rest = settlements.split_off(fit(&settlements, settlement_bytes));
        match guarded(session.store.settle(settlements.clone())).await {
            Ok(settled) => {
                errors = 0;
                session.is_answered(Role::Settler);
                taken(session, settlements, &settled);
                settlements = rest;
            }
            Err(error) => {
                errors += 1;
                session.failed(Role::Settler, "settle", &error, errors);
                if is_final(&error) {
                    settlements = one_by_one(session, settlements).await;
                } else {
                    session.held.could_not_write(&settlements);
                    session.held.could_not_write(&rest);
                    let pause = PAUSE.saturating_mul(1 << errors.min(10)).min(PAUSE_MAX);
                    tokio::time::sleep(pause).await;
                }
                settlements.extend(rest);
                settlements.retain(|settlement| session.held.has(&settlement.lease));
                // Settlements that came meanwhile join the next try, so that they do not wait until
                // these leases have lapsed.
                let more = session.outbox.take();
                brought += more.len();
                settlements.extend(more);
            }
        }
    }
    session.outbox.were_written(brought);
}

/// Whether another try would fail in the same way.
fn is_final(error: &StoreError) -> bool {
    matches!(
        error.kind(),
        StoreErrorKind::Refused | StoreErrorKind::Broken | StoreErrorKind::Unsupported
    )
}

/// Settles jobs one by one after a refusal, so that one refused settlement does not hold up the
/// others. A settlement that is refused alone is given up, and its lease lapses; a success among
/// these is kept, so that its job does not run again whenever it is claimed. Returns the
/// settlements for which another try makes sense.
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

/// Lets go of jobs whose settlements the store has taken, and resolves their handles.
fn taken(session: &Session, settlements: Vec<Settlement>, settled: &[Settled]) {
    session
        .held
        .remove(settlements.iter().map(|settlement| &settlement.lease));
    session.are_taken(settlements.iter().map(|settlement| settlement.lease.job));
    // The claimer may wait for room among the held jobs.
    session.outbox.room.notify_one();
    let mut stale = 0;
    for (settlement, settled) in settlements.into_iter().zip(settled) {
        match settled {
            Settled::Applied => session
                .completions
                .tell(settlement.lease.job, settlement.next),
            Settled::Stale => stale += 1,
        }
    }
    if stale > 0 {
        session.engine.observer.were_stale(stale);
    }
}
