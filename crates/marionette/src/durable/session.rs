//! One instance of a manager: what it holds, and who works for it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::cell::leased_job::Outbox;
use crate::durable::claimer::Claimer;
use crate::durable::completions::Completions;
use crate::durable::guarded::guarded;
use crate::durable::held::Held;
use crate::durable::troubles::{Role, Troubles};
use crate::durable::unclaimed::Unclaimed;
use crate::durable::{Durable, renewer, settler};
use crate::engine::Engine;
use crate::id::TaskId;
use crate::observe::stats::Trouble;
use crate::store::inspect::Inspect;
use crate::store::{Duty, InstanceId, InstanceInfo, StoreError, Timing};

/// One instance, from a start to its stop. Claimer, settler, renewer and sweeper share it.
pub(crate) struct Session {
    pub(crate) store: Arc<dyn Inspect>,
    pub(crate) engine: Arc<Engine>,
    pub(crate) info: InstanceInfo,
    pub(crate) timing: Timing,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) held: Held,
    pub(crate) ends: Arc<Completions>,
    /// Nothing is claimed any more.
    pub(crate) closing: CancellationToken,
    /// Whoever works for it leaves once nothing is held.
    pub(crate) ending: CancellationToken,
    pub(crate) standing: watch::Sender<ClaimerState>,
    troubles: Troubles,
    /// How many work for it who may still talk to the store, beside the claimer.
    hands: watch::Sender<usize>,
}

/// Somebody who works for a session and has not left yet.
pub(crate) struct SessionGuard(Arc<Session>);

impl Drop for SessionGuard {
    fn drop(&mut self) {
        self.0.hands.send_modify(|hands| *hands -= 1);
    }
}

/// What a session has to do with its store that has no thread to keep its leases.
const NO_RENEWER: &str = "keep";

/// What the claimer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClaimerState {
    /// It claims, or waits for workers.
    Claims,
    /// It found less than it asked for, and waits for the store.
    Waits,
    /// It has left.
    Left,
}

impl Session {
    pub(crate) fn begin(durable: &Durable) -> Arc<Self> {
        let session = Arc::new(Self {
            store: Arc::clone(&durable.store),
            engine: Arc::clone(&durable.engine),
            info: InstanceInfo {
                id: InstanceId::new(),
                server: Arc::clone(&durable.engine.observer.server),
                process: std::process::id(),
                workers: durable.engine.run().workers,
            },
            timing: durable.timing,
            outbox: Arc::default(),
            held: Held::default(),
            ends: Arc::clone(&durable.ends),
            closing: CancellationToken::new(),
            ending: CancellationToken::new(),
            standing: watch::Sender::new(ClaimerState::Claims),
            troubles: Troubles::default(),
            hands: watch::Sender::new(0),
        });
        let claimer = Claimer::new(Arc::clone(&session), durable);
        tokio::spawn(claimer.work());
        tokio::spawn(settler::work(Arc::clone(&session), session.hand()));
        let unclaimed = Unclaimed::new(durable);
        tokio::spawn(sweep(Arc::clone(&session), unclaimed, session.hand()));
        renewer::begin(&session);
        session
    }

    /// Whoever begins to work for it has this from before the first moment: a stop may come sooner.
    pub(crate) fn hand(self: &Arc<Self>) -> SessionGuard {
        self.hands.send_modify(|hands| *hands += 1);
        SessionGuard(Arc::clone(self))
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.is_cancelled()
    }

    pub(crate) fn close(&self) {
        self.closing.cancel();
    }

    /// Waits until the claimer has left: nothing more comes to the workers.
    pub(crate) async fn claimer_is_done(&self) {
        let mut standing = self.standing.subscribe();
        // An error would say that the session is gone, but we have it.
        let _ = standing
            .wait_for(|standing| *standing == ClaimerState::Left)
            .await;
    }

    /// Lets everybody leave, once nothing is held: a job that blocks its thread keeps its lease.
    pub(crate) fn end(&self) {
        self.ending.cancel();
        self.outbox.filled.notify_one();
    }

    /// The store is asked this now.
    pub(crate) fn asks(&self, role: Role, call: &'static str) {
        self.troubles.asks(role, call);
    }

    /// The store answered with this error, for the `nth` time in a row.
    pub(crate) fn failed(&self, role: Role, call: &'static str, error: &StoreError, nth: u32) {
        self.troubles.is_hindered(role, call, error.chain());
        self.engine.observer.store_failed(call, error, nth);
    }

    /// The thread that keeps the leases could not be started: it claims nothing.
    pub(crate) fn has_no_renewer(&self, error: &std::io::Error) {
        self.close();
        self.troubles
            .is_hindered(Role::Renewer, NO_RENEWER, error.to_string());
        self.engine.observer.no_renewer(error);
    }

    /// The store answered as it should. If it had not before, that is over.
    pub(crate) fn is_answered(&self, role: Role) {
        if let Some((call, lasted)) = self.troubles.is_answered(role) {
            self.engine.observer.store_answers(call, lasted);
        }
    }

    /// The store refuses to take what became of this job.
    pub(crate) fn is_refused(&self, job: TaskId, error: &StoreError) {
        self.troubles.is_refused(job, error);
    }

    /// The store has taken what became of these jobs.
    pub(crate) fn are_taken(&self, jobs: impl Iterator<Item = TaskId>) {
        self.troubles.are_taken(jobs);
    }

    /// What keeps it from its work, if anything does.
    pub(crate) fn trouble(&self) -> Option<Trouble> {
        if self.is_closing() {
            // It claims nothing because it shall not, unless nobody keeps its leases.
            let renewer = self.troubles.of_role(Role::Renewer);
            return renewer.filter(|trouble| trouble.call == NO_RENEWER);
        }
        self.troubles.longest(self.timing.lease.saturating_mul(4))
    }

    /// Waits until nobody works for it any more, once it has ended: nothing is written after that.
    pub(crate) async fn all_have_left(&self) {
        let mut hands = self.hands.subscribe();
        // An error would say that the session is gone, but we have it.
        let _ = hands.wait_for(|hands| *hands == 0).await;
    }

    /// Waits until there is nothing to claim and nothing in hand.
    pub(crate) async fn idle(&self) {
        let mut standing = self.standing.subscribe();
        loop {
            if standing
                .wait_for(|standing| *standing != ClaimerState::Claims)
                .await
                .is_err()
            {
                return;
            }
            self.outbox.all_is_gone().await;
            self.outbox.all_is_written().await;
            if *standing.borrow_and_update() != ClaimerState::Claims && !self.outbox.has_work() {
                return;
            }
        }
    }
}

/// Clears up after dead workers, ours and others', and prunes. Tells what somebody should see to.
async fn sweep(session: Arc<Session>, mut unclaimed: Unclaimed, _hand: SessionGuard) {
    let mut failed = 0;
    let mut is_warned = false;
    loop {
        session.asks(Role::Sweeper, "sweep");
        let swept = guarded(session.store.sweep()).await;
        match &swept {
            Ok(swept) => {
                failed = 0;
                session.is_answered(Role::Sweeper);
                if swept.released + swept.quarantined > 0 {
                    session
                        .engine
                        .observer
                        .swept(swept.released, swept.quarantined);
                }
                if let Some(warning) = swept.warning.as_ref().filter(|_| !is_warned) {
                    session.engine.observer.store_warns(warning);
                }
                is_warned = swept.warning.is_some();
            }
            Err(error) => {
                failed += 1;
                session.failed(Role::Sweeper, "sweep", error, failed);
            }
        }
        if swept.is_ok_and(|swept| swept.more) && !session.ending.is_cancelled() {
            // Others want the store too.
            tokio::task::yield_now().await;
            continue;
        }
        unclaimed.look(&session).await;
        if session.rest(Duty::Sweep).await.is_err() {
            return;
        }
    }
}

/// The session ends.
pub(crate) struct SessionEnd;

impl Session {
    /// Waits until this is to be done again, unless the session ends.
    pub(crate) async fn rest(&self, duty: Duty) -> Result<(), SessionEnd> {
        let rested = tokio::select! {
            biased;
            () = self.ending.cancelled() => return Err(SessionEnd),
            rested = guarded(self.store.rest(duty)) => rested,
        };
        match rested {
            Ok(()) => Ok(()),
            // It must not become a loop without a pause.
            Err(_) => self.pause(self.timing.lease / 3).await,
        }
    }

    /// Waits for so long, unless the session ends.
    pub(crate) async fn pause(&self, pause: Duration) -> Result<(), SessionEnd> {
        tokio::select! {
            biased;
            () = self.ending.cancelled() => Err(SessionEnd),
            () = tokio::time::sleep(pause) => Ok(()),
        }
    }
}
