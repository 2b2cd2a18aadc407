//! The troubles of a session with its store: calls that fail or get no answer, and since when.

use std::collections::HashMap;
use std::time::Duration;

use crate::clock::Tick;
use crate::durable::job_task::before;
use crate::id::TaskId;
use crate::observe::stats::Trouble;
use crate::store::StoreError;
use crate::sync::Mutex;

/// The most jobs that are remembered because the store refuses their settlements.
const REFUSED_MAX: usize = 1_000;

/// A part of a session that calls the store.
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

/// The troubles of a session with its store.
#[derive(Default)]
pub(crate) struct Troubles {
    /// The open or failed call of each role.
    hindered: [Mutex<Option<Hindered>>; Role::ALL.len()],
    /// Jobs whose settlements the store refuses. Such a job is claimed again when its lease has
    /// lapsed, and refused again.
    refused: Mutex<HashMap<TaskId, FailedCall>>,
}

/// A call that the store has not answered yet, or has answered with an error.
struct Hindered {
    since: Tick,
    call: &'static str,
    /// When the last error came; `None` while a call is open.
    answered: Option<Tick>,
    /// The last error, if there was one.
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
    /// Notes that `role` makes this call of the store now.
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

    /// Notes that the store answered this call with an error.
    pub(crate) fn is_hindered(&self, role: Role, call: &'static str, error: String) {
        self.asks(role, call);
        if let Some(hindered) = &mut *self.of(role).lock() {
            hindered.call = call;
            hindered.answered = Some(Tick::now());
            hindered.error = Some(error);
        }
    }

    /// Notes an answer without an error. If errors came before it, returns the call that failed and
    /// how long the trouble lasted.
    pub(crate) fn is_answered(&self, role: Role) -> Option<(&'static str, Duration)> {
        let hindered = self.of(role).lock().take()?;
        hindered.error?;
        Some((hindered.call, Tick::now().since(hindered.since)))
    }

    /// Notes that the store refuses the settlement of this job.
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

    /// Notes that the store has taken the settlements of these jobs.
    pub(crate) fn are_taken(&self, jobs: impl Iterator<Item = TaskId>) {
        let mut refused = self.refused.lock();
        if !refused.is_empty() {
            jobs.for_each(|job| drop(refused.remove(&job)));
        }
    }

    /// The trouble that has lasted longest; or the claimer's, if it has lasted at least half as
    /// long. An error older than `again` does not count if the call was not tried again: nothing
    /// may be left of what it was for.
    pub(crate) fn longest(&self, again: Duration) -> Option<Trouble> {
        let since = before(Tick::now(), again);
        let all = self.hindered.iter();
        let all = all.filter_map(|hindered| hindered.lock().as_ref()?.trouble(since));
        let all = all.chain(self.of_refused(since));
        let longest = all.max_by_key(|trouble| trouble.lasts)?;
        // When the whole store has stopped, its troubles begin within a moment of each other.
        let claims = self.of_role(Role::Claimer);
        let is_as_long = |claims: &Trouble| claims.lasts >= longest.lasts / 2;
        Some(claims.filter(is_as_long).unwrap_or(longest))
    }

    /// The trouble of this role, if it has one.
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
