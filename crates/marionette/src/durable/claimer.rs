//! The claimer: claims jobs as fast as the workers can take them, and puts them into the queue.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use crate::cell::leased_job::LeasedJob;
use crate::clock::Tick;
use crate::durable::Durable;
use crate::durable::guarded::guarded;
use crate::durable::job_task::{before, task};
use crate::durable::prefetch::Prefetch;
use crate::durable::session::{ClaimerState, Session};
use crate::durable::troubles::Role;
use crate::store::{CALL_ROWS_MAX, Claim, Claimed, Duty, Next, StoreError, Wanted};
use crate::task::registry::Registry;

/// The most unsettled jobs that a session holds, however fast they end.
const HELD_MAX: usize = 8 * 1024;
/// The pause after errors of the store doubles from this value up to `PAUSE_MAX`.
const PAUSE: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_secs(2);

pub(crate) struct Claimer {
    session: Arc<Session>,
    registry: Arc<Registry>,
    wanted: Wanted,
    pace: Prefetch,
    errors: u32,
}

/// Reports that the claimer has left. Dropped with it, even when the runtime drops both.
struct ClaimerExit(Arc<Session>);

impl Drop for ClaimerExit {
    fn drop(&mut self) {
        self.0.standing.send_replace(ClaimerState::Left);
    }
}

impl Claimer {
    pub(crate) fn new(session: Arc<Session>, durable: &Durable) -> Self {
        Self {
            session,
            registry: Arc::clone(&durable.registry),
            wanted: durable.wanted.clone(),
            pace: Prefetch::new(),
            errors: 0,
        }
    }

    pub(crate) async fn work(mut self) {
        let _leaves = ClaimerExit(Arc::clone(&self.session));
        self.introduce().await;
        while !self.session.is_closing() {
            let limit = self.room().await;
            if self.session.is_closing() {
                return;
            }
            let asked = Tick::now();
            let suspects = usize::from(self.session.outbox.suspects() == 0);
            let claim = Claim {
                instance: self.session.info.id,
                wanted: self.wanted.clone(),
                limit,
                suspects,
            };
            self.session.asks(Role::Claimer, "claim");
            match guarded(self.session.store.claim(claim)).await {
                Ok(claimed) => {
                    self.errors = 0;
                    self.session.is_answered(Role::Claimer);
                    let found = claimed.len();
                    for claimed in claimed {
                        self.hand_over(claimed, asked);
                    }
                    // This claim asked for no suspect because one was unsettled then, and it is
                    // settled now. The store brings no news of suspects that are due, so do not
                    // wait for it.
                    let may_take_one = suspects == 0 && self.session.outbox.suspects() == 0;
                    if found < limit && !may_take_one {
                        self.wait().await;
                    }
                }
                Err(error) => self.failed("claim", &error).await,
            }
        }
    }

    /// Makes the instance known to the store, which it must be before it claims.
    async fn introduce(&mut self) {
        while !self.session.is_closing() {
            let info = self.session.info.clone();
            let asked = Tick::now();
            self.session.asks(Role::Claimer, "renew");
            match guarded(self.session.store.renew(info, Vec::new())).await {
                Ok(_) => {
                    self.session.is_answered(Role::Claimer);
                    return self.session.held.lives(asked);
                }
                Err(error) => self.failed("renew", &error).await,
            }
        }
    }

    /// Waits until more jobs are wanted, and returns how many; zero if the session closes.
    async fn room(&mut self) -> usize {
        let Session {
            outbox,
            held,
            engine,
            closing,
            ..
        } = &*self.session;
        loop {
            let (workers, _) = engine.queue.crew();
            self.pace.measure(outbox.gone(), Tick::now());
            let target = self.pace.target(workers);
            let low = Prefetch::low(target, workers);
            // The mark is set before the count is read, so a job that is let go later sees the
            // mark.
            outbox.wake_at(low);
            let in_hand = outbox.in_hand();
            if closing.is_cancelled() {
                return 0;
            }
            if in_hand <= low && held.len() < HELD_MAX && !engine.queue.is_paused() {
                return (target - in_hand).min(CALL_ROWS_MAX);
            }
            tokio::select! {
                biased;
                () = outbox.room.notified() => {}
                () = closing.cancelled() => return 0,
            }
        }
    }

    /// Waits until a claim may find a job.
    async fn wait(&mut self) {
        let session = Arc::clone(&self.session);
        // While one suspect runs, another that is due would end the store's wait at once, again and
        // again: hence the pause below, which ends as soon as the first is settled.
        let one_suspect_runs = session.outbox.suspects() > 0;
        session.standing.send_replace(ClaimerState::Waits);
        let waited = tokio::select! {
            biased;
            () = session.closing.cancelled() => return,
            () = async {
                if one_suspect_runs {
                    session.outbox.room.notified().await;
                } else {
                    pending::<()>().await;
                }
            } => Ok(()),
            waited = async {
                if one_suspect_runs {
                    tokio::time::sleep(session.timing.poll.min(PAUSE)).await;
                }
                guarded(session.store.rest(Duty::Claim(self.wanted.clone()))).await
            } => waited,
        };
        session.standing.send_replace(ClaimerState::Claims);
        match waited {
            Ok(()) => self.errors = 0,
            Err(error) => self.failed("wait", &error).await,
        }
    }

    /// Reports an error of the store, and pauses before the next call.
    async fn failed(&mut self, what: &'static str, error: &StoreError) {
        self.errors = self.errors.saturating_add(1);
        self.session.failed(Role::Claimer, what, error, self.errors);
        let pause = PAUSE
            .saturating_mul(1 << self.errors.min(10))
            .min(PAUSE_MAX);
        tokio::select! {
            biased;
            () = self.session.closing.cancelled() => {}
            () = tokio::time::sleep(pause.mul_f64(0.5 + fastrand::f64() / 2.0)) => {}
        }
    }

    /// Puts a claimed job into the queue, in place of an older claim of it that is still in hand.
    /// Settles it at once if its success is known already.
    /// Releases it if its kind has no handler here, the claim took too long, or the session closes.
    fn hand_over(&self, claimed: Claimed, asked: Tick) {
        let session = &self.session;
        let job = claimed.lease.job;
        if session.held.supersede(job) {
            session.engine.observer.lease_lost(job);
        }
        let leased = Arc::new(LeasedJob::new(
            claimed.lease,
            claimed.crashes > 0,
            Arc::clone(&session.outbox),
        ));
        let Some((kind, runner)) = self.registry.get(&claimed.kind) else {
            return leased.settle(None, Next::Release);
        };
        let now = Tick::now();
        // After a claim that took this long, the lease may have lapsed already.
        let is_late = asked < before(now, session.timing.lease / 3);
        if is_late || session.is_closing() {
            return leased.settle(None, Next::Release);
        }
        if let Some((attempt, next)) = session.held.known_of(&claimed, now) {
            session.held.insert(&leased, None, asked);
            return leased.settle(attempt, next);
        }
        let ready = before(now, claimed.late);
        let waiting = task(claimed, kind, Arc::clone(runner), Arc::clone(&leased), now);
        session
            .held
            .insert(&leased, Some(waiting.cell().clone()), asked);
        session.engine.queue.push_accepted(waiting, ready);
    }
}
