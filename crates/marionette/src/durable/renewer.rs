//! The renewer: gives signs of life, renews leases, hears which leases are lost and which jobs are
//! cancelled, and gives up leases that it can no longer be sure of.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use crate::clock::Tick;
use crate::durable::guarded::guarded;
use crate::durable::job_task::before;
use crate::durable::session::{Session, SessionEnd};
use crate::durable::troubles::Role;
use crate::store::{Duty, Lease, Renewal, StoreError, Timing, call};

/// Starts the renewer of a session, which works until the session ends: on a thread of its own, so
/// that an instance whose runtime is blocked does not look dead; in the runtime if the store is
/// volatile.
pub(crate) fn begin(session: &Arc<Session>) {
    let hand = session.hand();
    let session = Arc::clone(session);
    if session.store.is_volatile() {
        tokio::spawn(async move {
            let _hand = hand;
            keep(&session).await;
        });
        return;
    }
    let shared = Arc::clone(&session);
    let work = move || {
        let _hand = hand;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build();
        match runtime {
            Ok(runtime) => runtime.block_on(keep(&session)),
            Err(error) => session.has_no_renewer(&error),
        }
    };
    let thread = std::thread::Builder::new().name("marionette-renewer".into());
    if let Err(error) = thread.spawn(work) {
        shared.has_no_renewer(&error);
    }
}

/// How long before its end a lease is given up. Until that end no other instance can have the job.
fn margin(timing: &Timing) -> Duration {
    timing.lease / 5
}

async fn keep(session: &Session) {
    let mut errors = 0;
    loop {
        let held = session.held.leases();
        for leases in call::rows(&held) {
            renew(session, leases, &mut errors).await;
            // Leases that are not renewed now are next time: a store in trouble gets one call.
            if errors > 0 {
                break;
            }
        }
        give_up_what_is_unsure(session);
        if pause(session, errors).await.is_err() && session.held.len() == 0 {
            return;
        }
    }
}

/// Renews these leases in one call, and counts errors in a row.
async fn renew(session: &Session, leases: &[Lease], errors: &mut u32) {
    let asked = Tick::now();
    session.asks(Role::Renewer, "renew");
    let renewed = guarded(session.store.renew(session.info.clone(), leases.to_vec()));
    // The call has a timeout, since a store that hangs must not keep this instance from giving up
    // leases that it cannot be sure of.
    match timeout((session.timing.lease / 3).min(sure_for(session)), renewed).await {
        Ok(Ok(renewals)) => {
            *errors = 0;
            session.is_answered(Role::Renewer);
            hear(session, leases, &renewals, asked);
        }
        Ok(Err(error)) => {
            *errors += 1;
            session.failed(Role::Renewer, "renew", &error, *errors);
        }
        Err(_) => {
            *errors += 1;
            let error = StoreError::unavailable("the store does not answer");
            session
                .engine
                .observer
                .store_failed("renew", &error, *errors);
        }
    }
}

/// Waits until the next renewal is due. Renewals are rare while no job is held. The first job that
/// is claimed brings back the usual rhythm, and has a new lease until then. An error brings it back
/// too, or a few errors in a row would make the instance look dead.
async fn pause(session: &Session, errors: u32) -> Result<(), SessionEnd> {
    let timing = &session.timing;
    if session.held.len() == 0 && errors == 0 {
        tokio::select! {
            biased;
            () = session.held.begun.notified() => {}
            rested = session.rest(Duty::Beat(session.info.id)) => return rested,
        }
    }
    let paused = session.pause(timing.renew.min(sure_for(session))).await;
    if paused.is_err() && session.held.len() > 0 {
        // The session ends, but a job that blocks its thread keeps its lease until it is done.
        tokio::time::sleep(timing.renew).await;
    }
    paused
}

fn hear(session: &Session, leases: &[Lease], renewals: &[Renewal], asked: Tick) {
    session.held.known(leases, asked);
    for (lease, renewal) in leases.iter().zip(renewals) {
        match renewal {
            Renewal::Cancel(why) => session.held.cancel(lease, why),
            // A job that was settled during the call is not lost.
            Renewal::Lost if session.held.is_in_hand(lease) => {
                session.held.lose(lease);
                session.engine.observer.lease_lost(lease.job);
            }
            Renewal::Kept | Renewal::Lost => {}
        }
    }
}

/// How long a lease can be relied upon after it was renewed.
fn sure(timing: &Timing) -> Duration {
    timing.lease.saturating_sub(margin(timing))
}

/// How long all held leases can still be relied upon, and 1 ms more: then they are looked at again,
/// whatever the store does meanwhile.
fn sure_for(session: &Session) -> Duration {
    let known = session.held.known_since();
    known.map_or(Duration::MAX, |known| {
        let until = known.saturating_add(sure(&session.timing));
        until.since(Tick::now()) + Duration::from_millis(1)
    })
}

fn give_up_what_is_unsure(session: &Session) {
    let since = before(Tick::now(), sure(&session.timing));
    for lease in session.held.unknown_since(since) {
        session.held.lose(&lease);
        session.engine.observer.lease_lost(lease.job);
    }
}
