//! What the store answers with an error, or not at all, and since when.

use std::collections::HashMap;
use std::time::Duration;

use crate::clock::Tick;
use crate::durable::job_task::before;
use crate::id::TaskId;
use crate::observe::stats::Trouble;
use crate::store::StoreError;
use crate::sync::Mutex;

/// Of so many jobs at most it is known that the store refuses what became of them.
const REFUSED_MAX: usize = 1_000;

/// Who asks the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Claimer,
    Settler,
    Renewer,
    Sweeper,
}

impl Role {
    const ALL: [Self; 4] = [Self::Claimer, Self::Settler, Self::Renewer, Self::Sweeper];
}

/// What goes wrong between a session and its store.
#[derive(Default)]
pub(crate) struct Troubles {
    /// One for each role.
    hindered: [Mutex<Option<Hindered>>; Role::ALL.len()],
    /// Jobs of which the store refuses to take what became of them. Such a job is claimed again
    /// when its lease has lapsed, and refused again.
    refused: Mutex<HashMap<TaskId, FailedCall>>,
}

/// The store was asked, and has not answered as it should.
struct Hindered {
    since: Tick,
    call: &'static str,
    /// When it answered for the last time; `None` while it is asked.
    answered: Option<Tick>,
    /// The last error, if it has answered.
    error: Option<String>,
}

struct FailedCall {
    since: Tick,
    last: Tick,
    error: String,
}

impl Hindered {
    fn trouble(&self, since: Tick) -> Option<Trouble> {
        let counts = self.answered.is_none_or(|answered| answered >= since);
        counts.then(|| Trouble {
            call: self.call,
            error: self.error.clone(),
            lasts: Tick::now().since(self.since),
        })
    }
}

impl Troubles {
    /// The store is asked this now.
    pub(crate) fn asks(&self, role: Role, call: &'static str) {
        let mut hindered = self.of(role).lock();
        let hindered = hindered.get_or_insert_with(|| Hindered {
            since: Tick::now(),
            call,
            answered: None,
            error: None,
        });
        hindered.answered = None;
    }

    /// The store answered with this error.
    pub(crate) fn is_hindered(&self, role: Role, call: &'static str, error: String) {
        self.asks(role, call);
        if let Some(hindered) = &mut *self.of(role).lock() {
            hindered.call = call;
            hindered.answered = Some(Tick::now());
            hindered.error = Some(error);
        }
    }

    /// The store answered as it should. If it had not before, this tells what was asked of it, and
    /// for how long.
    pub(crate) fn is_answered(&self, role: Role) -> Option<(&'static str, Duration)> {
        let hindered = self.of(role).lock().take()?;
        hindered.error?;
        Some((hindered.call, Tick::now().since(hindered.since)))
    }

    /// The store refuses to take what became of this job.
    pub(crate) fn is_refused(&self, job: TaskId, error: &StoreError) {
        let now = Tick::now();
        let mut refused = self.refused.lock();
        if refused.len() >= REFUSED_MAX && !refused.contains_key(&job) {
            return;
        }
        let refused = refused.entry(job).or_insert_with(|| FailedCall {
            since: now,
            last: now,
            error: String::new(),
        });
        refused.last = now;
        refused.error = error.chain();
    }

    /// The store has taken what became of these jobs.
    pub(crate) fn are_taken(&self, jobs: impl Iterator<Item = TaskId>) {
        let mut refused = self.refused.lock();
        if !refused.is_empty() {
            jobs.for_each(|job| drop(refused.remove(&job)));
        }
    }

    /// One of the troubles that have lasted for longest: if claims are among them, theirs. What was
    /// answered with an error, and was not tried again for so long, is none any more: nothing may
    /// be left of what was asked for.
    pub(crate) fn longest(&self, again: Duration) -> Option<Trouble> {
        let since = before(Tick::now(), again);
        let all = self.hindered.iter();
        let all = all.filter_map(|hindered| hindered.lock().as_ref()?.trouble(since));
        let all = all.chain(self.of_refused(since));
        let longest = all.max_by_key(|trouble| trouble.lasts)?;
        // They begin within a moment of each other when the store as a whole has stopped.
        let claims = self.of_role(Role::Claimer);
        let is_as_long = |claims: &Trouble| claims.lasts >= longest.lasts / 2;
        Some(claims.filter(is_as_long).unwrap_or(longest))
    }

    /// What keeps this role from its work.
    pub(crate) fn of_role(&self, role: Role) -> Option<Trouble> {
        self.of(role).lock().as_ref()?.trouble(Tick::default())
    }

    fn of_refused(&self, since: Tick) -> Option<Trouble> {
        let mut refused = self.refused.lock();
        if refused.is_empty() {
            return None;
        }
        refused.retain(|_, refused| refused.last >= since);
        let first = refused.values().min_by_key(|refused| refused.since)?;
        Some(Trouble {
            call: "settle",
            error: Some(first.error.clone()),
            lasts: Tick::now().since(first.since),
        })
    }

    fn of(&self, role: Role) -> &Mutex<Option<Hindered>> {
        &self.hindered[role as usize]
    }
}
