//! A session: one instance of a manager, the jobs that it holds, and the parts that work for it.
//! The sweeper is in this file; claimer, settler and renewer have their own.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::cell::leased_job::Outbox;
use crate::durable::claimer::Claimer;
use crate::durable::completions::Completions;
use crate::durable::guarded::guarded;
use crate::durable::held::Held;
use crate::durable::troubles::{Role, Troubles};
use crate::durable::unclaimed::Unclaimed;
use crate::durable::{Durable, LAST_WORDS, renewer, settler};
use crate::engine::Engine;
use crate::id::TaskId;
use crate::observe::stats::Trouble;
use crate::store::Store;
use crate::store::{Duty, InstanceId, InstanceInfo, StoreError, Timing};

/// One instance, from a start to its stop. Claimer, settler, renewer and sweeper share it.
pub(crate) struct Session {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) engine: Arc<Engine>,
    pub(crate) info: InstanceInfo,
    pub(crate) timing: Timing,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) held: Held,
    pub(crate) completions: Arc<Completions>,
    /// Cancelled when no more jobs may be claimed.
    pub(crate) closing: CancellationToken,
    /// Cancelled when the sweeper has to leave, and settler and renewer once no job is held.
    pub(crate) ending: CancellationToken,
    pub(crate) standing: watch::Sender<ClaimerState>,
    troubles: Troubles,
    /// How many of settler, renewer and sweeper have not left, and may still call the store.
    hands: watch::Sender<usize>,
}

/// Held by settler, renewer and sweeper until they leave their session.
pub(crate) struct SessionGuard(Arc<Session>);

impl Drop for SessionGuard {
    fn drop(&mut self) {
        self.0.hands.send_modify(|hands| *hands -= 1);
    }
}

/// The call that a trouble names if the thread of the renewer could not be started.
const NO_RENEWER: &str = "keep";

/// The state of the claimer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClaimerState {
    /// It claims, or waits until the workers can take more jobs.
    Claims,
    /// It found fewer jobs than it asked for, and waits for the store.
    Waits,
    /// It has left.
    Left,
}

impl Session {
    pub(crate) fn begin(durable: &Durable) -> Arc<Self> {
        let session = Arc::new(Self {
            store: Arc::clone(&durable.store),
            engine: Arc::clone(&durable.engine),
            info: introduction(durable),
            timing: durable.timing,
            outbox: Arc::default(),
            held: Held::default(),
            completions: Arc::clone(&durable.completions),
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

    /// A guard for a part of this session. It is taken before the part is spawned, since a stop may
    /// come before the part first runs.
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

    /// Waits until the claimer has left: then no more jobs come to the workers.
    pub(crate) async fn claimer_is_done(&self) {
        let mut standing = self.standing.subscribe();
        // An error would mean that the session is gone, but `self` is it.
        let _ = standing
            .wait_for(|standing| *standing == ClaimerState::Left)
            .await;
    }

    /// Lets settler, renewer and sweeper leave. The first two stay while a job is held, so that a
    /// job that blocks its thread keeps its lease.
    pub(crate) fn end(&self) {
        self.ending.cancel();
        self.outbox.filled.notify_one();
    }

    /// Notes that `role` makes this call of the store now.
    pub(crate) fn asks(&self, role: Role, call: &'static str) {
        self.troubles.asks(role, call);
    }

    /// Notes and reports an error of the store, the `nth` in a row.
    pub(crate) fn failed(&self, role: Role, call: &'static str, error: &StoreError, nth: u32) {
        self.troubles.is_hindered(role, call, error.chain());
        self.engine.observer.store_failed(call, error, nth);
    }

    /// Closes the session, since the thread of its renewer could not be started: without one it
    /// must not claim.
    pub(crate) fn has_no_renewer(&self, error: &std::io::Error) {
        self.close();
        self.troubles
            .is_hindered(Role::Renewer, NO_RENEWER, error.to_string());
        self.engine.observer.no_renewer(error);
    }

    /// Notes that the store answered `role` without an error. Reports the end of the trouble before
    /// it, if there was one.
    pub(crate) fn is_answered(&self, role: Role) {
        if let Some((call, lasted)) = self.troubles.is_answered(role) {
            self.engine.observer.store_answers(call, lasted);
        }
    }

    /// Notes that the store refuses the settlement of this job.
    pub(crate) fn is_refused(&self, job: TaskId, error: &StoreError) {
        self.troubles.is_refused(job, error);
    }

    /// Notes that the store has taken the settlements of these jobs.
    pub(crate) fn are_taken(&self, jobs: impl Iterator<Item = TaskId>) {
        self.troubles.are_taken(jobs);
    }

    /// The trouble that keeps the session from its work, if there is one.
    pub(crate) fn trouble(&self) -> Option<Trouble> {
        if self.is_closing() {
            // A closing session claims nothing on purpose, unless it closed for want of a renewer.
            let renewer = self.troubles.of_role(Role::Renewer);
            return renewer.filter(|trouble| trouble.call == NO_RENEWER);
        }
        self.troubles.longest(self.timing.lease.saturating_mul(4))
    }

    /// Waits until settler, renewer and sweeper have left, after [`end`](Self::end): nothing is
    /// written after that.
    pub(crate) async fn all_have_left(&self) {
        let mut hands = self.hands.subscribe();
        // An error would mean that the session is gone, but `self` is it.
        let _ = hands.wait_for(|hands| *hands == 0).await;
    }

    /// Tells the store that this instance is gone, once all [have left](Self::all_have_left). If
    /// that fails, a sweep finds out.
    pub(crate) async fn leave(&self) {
        let left = guarded(self.store.leave(self.info.id));
        let _ = timeout(LAST_WORDS, left).await;
    }

    /// Waits until there is no job to claim, none in hand, and no settlement to write.
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

/// How a new instance introduces itself.
fn introduction(durable: &Durable) -> InstanceInfo {
    let engine = &durable.engine;
    let server = &*engine.observer.server;
    let info = InstanceInfo::new(InstanceId::new(), server, engine.run().workers)
        .here()
        .kinds(&*durable.wanted.kinds)
        .queues(&*durable.wanted.queues);
    match &durable.build_info {
        Some(build) => info.build(build),
        None => info,
    }
}

/// The sweeper: lets the store take jobs from dead instances of any process and prune, reports its
/// warnings, and looks for jobs that nobody claims.
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
            // Other calls of the store get their turn between two steps.
            tokio::task::yield_now().await;
            continue;
        }
        unclaimed.look(&session).await;
        if session.rest(Duty::Sweep).await.is_err() {
            return;
        }
    }
}

/// The answer to a part that has to leave, because the session ends.
pub(crate) struct SessionEnd;

impl Session {
    /// Waits until `duty` is due again, unless the session ends.
    pub(crate) async fn rest(&self, duty: Duty) -> Result<(), SessionEnd> {
        let rested = tokio::select! {
            biased;
            () = self.ending.cancelled() => return Err(SessionEnd),
            rested = guarded(self.store.rest(duty)) => rested,
        };
        match rested {
            Ok(()) => Ok(()),
            // Errors may come at once, and the caller must not spin.
            Err(_) => self.pause(self.timing.lease / 3).await,
        }
    }

    /// Waits for `pause`, unless the session ends.
    pub(crate) async fn pause(&self, pause: Duration) -> Result<(), SessionEnd> {
        tokio::select! {
            biased;
            () = self.ending.cancelled() => Err(SessionEnd),
            () = tokio::time::sleep(pause) => Ok(()),
        }
    }
}
