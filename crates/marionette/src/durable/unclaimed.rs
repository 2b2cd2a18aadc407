//! Warns of jobs that wait for a handler which this process does not have.

use std::collections::HashSet;
use std::time::Duration;

use crate::clock::Tick;
use crate::durable::Durable;
use crate::durable::guarded::guarded;
use crate::durable::session::Session;
use crate::store::Wanted;

/// Of how many kinds it warns.
const KINDS_MAX: usize = 1_000;

/// What was said of such jobs, and when to look again.
pub(crate) struct Unclaimed {
    wanted: Wanted,
    /// How long they have waited at least: another process that has the handler is faster, unless
    /// it is far behind. It is looked for them as often.
    overdue: Duration,
    next: Tick,
    told: HashSet<String>,
}

impl Unclaimed {
    pub(crate) fn new(durable: &Durable) -> Self {
        Self {
            wanted: durable.wanted.clone(),
            overdue: durable.timing.lease.saturating_mul(4),
            next: Tick::now(),
            told: HashSet::new(),
        }
    }

    /// Looks for them, if it is time to.
    pub(crate) async fn look(&mut self, session: &Session) {
        let now = Tick::now();
        if now < self.next {
            return;
        }
        self.next = now.saturating_add(self.overdue);
        let unclaimed = session.store.unclaimed(self.wanted.clone(), self.overdue);
        // That the store does not answer is told by those who cannot work without it.
        for waiting in guarded(unclaimed).await.unwrap_or_default() {
            if self.told.len() < KINDS_MAX && self.told.insert(waiting.kind.clone()) {
                session.engine.observer.unclaimed(&waiting);
            }
        }
    }
}
