//! Warns of jobs that wait for a handler that this process does not have.

use std::collections::HashSet;
use std::time::Duration;

use crate::clock::Tick;
use crate::durable::Durable;
use crate::durable::guarded::guarded;
use crate::durable::session::Session;
use crate::store::{Name, Wanted};

/// The most kinds that it warns of.
const KINDS_MAX: usize = 1_000;

/// The kinds that it has warned of, and when to look again.
pub(crate) struct Unclaimed {
    wanted: Wanted,
    /// Jobs count once they have been due for longer than this: an instance that has their handler
    /// takes them sooner, unless it is far behind. Also the time from one look to the next.
    overdue: Duration,
    next: Tick,
    told: HashSet<Name>,
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

    /// Looks for jobs that nobody claims, if it is time to, and warns once of each kind.
    pub(crate) async fn look(&mut self, session: &Session) {
        let now = Tick::now();
        if now < self.next {
            return;
        }
        self.next = now.saturating_add(self.overdue);
        let unclaimed = session.store.unclaimed(self.wanted.clone(), self.overdue);
        // An error is not reported here: the parts that cannot work without the store report it.
        for waiting in guarded(unclaimed).await.unwrap_or_default() {
            if self.told.len() < KINDS_MAX && self.told.insert(waiting.kind.clone()) {
                session.engine.observer.unclaimed(&waiting);
            }
        }
    }
}
