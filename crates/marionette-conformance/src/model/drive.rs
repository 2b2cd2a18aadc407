//! Does each operation to the store and to the model, and compares the answers.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::time::{Duration, SystemTime};

use marionette::TaskId;
use marionette::inspect::{Filter, Page, Which};
use marionette::store::{
    Attempted, Claim, Claimed, Due, EndKind, InstanceInfo, Lease, NewJob, Next, PastOutcome,
    Priority, Settled, Settlement, Wanted,
};

use crate::bed::{Bed, by, instance, job, name, names, present};
use crate::model::cut::{known_is_accepted, same_count};
use crate::model::ops::{IDS, INSTANCES, New, Op, Pick, Query, Then, When};
use crate::model::reference::Model;

/// A store, its model, and the instances that work on both.
pub(crate) struct Drive {
    pub(crate) bed: Bed,
    pub(crate) model: Model,
    /// The store's time when the model's clock was zero.
    pub(crate) zero: SystemTime,
    /// In the order in which they were made.
    pub(crate) ids: Vec<TaskId>,
    pub(crate) instances: Vec<InstanceInfo>,
    /// All leases that a claim has returned.
    given: Vec<Given>,
    /// Where the connection is cut in the next call, if it is.
    pub(super) cut: Option<u32>,
    /// The jobs of which a claim was made that nobody knows.
    pub(super) murky: BTreeSet<usize>,
}

/// What a claim asks for.
#[derive(Clone, Copy)]
pub(super) struct Ask<'a> {
    pub(super) kinds: &'a [&'static str],
    pub(super) queues: &'a [&'static str],
    pub(super) limit: usize,
    pub(super) suspects: usize,
}

/// A lease, and what the model calls it.
#[derive(Clone)]
struct Given {
    lease: Lease,
    serial: usize,
    claim: usize,
    instance: usize,
    /// The settlements in its name, to be repeated unchanged.
    settlement: Option<(Settlement, i64)>,
}

/// An error unless store and model say the same.
#[allow(clippy::needless_pass_by_value)] // Both were made to be compared here.
pub(crate) fn same<T: PartialEq + Debug>(what: &str, store: T, model: T) -> Result<(), String> {
    if store == model {
        return Ok(());
    }
    Err(format!("{what}\n  store: {store:?}\n  model: {model:?}"))
}

impl Drive {
    pub(crate) async fn new(bed: Bed) -> Self {
        let mut model = Model::default();
        model.renew(bed.instance.id);
        let mut instances = vec![bed.instance.clone()];
        instances.extend((1..INSTANCES).map(|_| instance()));
        Self {
            zero: present(&bed).await,
            bed,
            model,
            ids: (0..IDS).map(|_| TaskId::new()).collect(),
            instances,
            given: Vec::new(),
            cut: None,
            murky: BTreeSet::new(),
        }
    }

    /// Performs an operation. A cut that did not come during it is called off: the next call, such
    /// as a question for the time, does not expect one.
    pub(crate) async fn step(&mut self, op: &Op) -> Result<(), String> {
        let done = self.perform(op).await;
        self.bed.fixture.cut(None);
        done
    }

    async fn perform(&mut self, op: &Op) -> Result<(), String> {
        match op {
            Op::Insert(new) => self.insert(new).await,
            Op::Claim {
                instance,
                kinds,
                queues,
                limit,
                suspects,
            } => {
                let ask = Ask {
                    kinds,
                    queues,
                    limit: *limit,
                    suspects: *suspects,
                };
                self.claim(*instance, ask).await
            }
            Op::Cut(place) => {
                self.cut = Some(*place);
                Ok(())
            }
            Op::Renew(instance) => self.renew(*instance).await,
            Op::Settle(settlements) => self.settle(settlements).await,
            Op::Sweep => self.sweep().await,
            Op::Pass(threes) => {
                // A sweeper may find an instance silent only after it has seen it once.
                self.sweep().await?;
                self.bed.pass(threes * 3).await;
                self.model.now += i64::from(threes * 3);
                Ok(())
            }
            Op::Pause(queue) => {
                self.arm();
                let paused = self.bed.store.pause_queue(name(queue), by()).await;
                self.model.paused.insert((*queue).to_owned());
                same("paused", paused.is_ok(), true)
            }
            Op::Resume(queue) => {
                self.arm();
                let resumed = self.bed.store.resume_queue(name(queue), by()).await;
                self.model.paused.remove(*queue);
                same("resumed", resumed.is_ok(), true)
            }
            Op::List(query, limit) => self.list(query, *limit).await,
            Op::Retry(pick) | Op::Cancel(pick) | Op::Delete(pick) | Op::Reschedule(pick, _) => {
                self.change(op, pick).await
            }
        }
    }

    async fn sweep(&mut self) -> Result<(), String> {
        let before = self.arm();
        let swept = self.bed.sweep().await;
        let unsure = self.was_cut(before);
        let (released, quarantined, pruned) = self.model.sweep();
        same_count("released", swept.released, released, unsure)?;
        same_count("quarantined", swept.quarantined, quarantined, unsure)?;
        same_count("pruned", swept.pruned, pruned, unsure)
    }

    async fn insert(&mut self, new: &[New]) -> Result<(), String> {
        let mut jobs = Vec::new();
        for new in new {
            jobs.push(self.new_job(new).await);
        }
        let before = self.arm();
        let inserted = self.bed.store.insert(jobs.clone()).await;
        let unsure = self.was_cut(before);
        let now = self.model.now;
        let mut expected = Vec::new();
        for (new, job) in new.iter().zip(jobs) {
            let due = match new.due {
                When::Now => now,
                When::After(pause) => now + i64::from(pause),
                When::At(offset) => now + i64::from(offset),
            };
            expected.push(self.model.insert(job, due, new.keep.map(i64::from)));
        }
        let mut inserted = inserted.map_err(|error| error.chain())?;
        if unsure {
            known_is_accepted(&mut inserted, &expected);
        }
        same("inserted", inserted, expected)
    }

    async fn new_job(&self, new: &New) -> NewJob {
        let mut job = job()
            .id(self.ids[new.id])
            .kind(name(new.kind))
            .queue(name(new.queue))
            .priority(new.priority)
            .due(match new.due {
                When::Now => Due::Now,
                When::After(pause) => Due::After(self.bed.units(pause)),
                When::At(offset) => Due::At(self.date(offset).await),
            })
            .payload(format!("payload {} {}", new.id, new.kind).into_bytes())
            .queue_limit(new.limit);
        job.options.keep_result = new.keep.map(|keep| self.bed.units(keep));
        job.options.error = Some(format!("error {}", new.id));
        job
    }

    /// The time in this many units, by the store's clock.
    async fn date(&self, offset: i32) -> SystemTime {
        let present = present(&self.bed).await;
        let distance = self.bed.units(offset.unsigned_abs());
        if offset < 0 {
            present - distance
        } else {
            present + distance
        }
    }

    async fn claim(&mut self, instance: usize, ask: Ask<'_>) -> Result<(), String> {
        let id = self.instances[instance].id;
        let wanted = Wanted::new(names(ask.kinds)).queues(names(ask.queues));
        let claim = Claim::new(id, wanted, ask.limit).suspects(ask.suspects);
        let mut expected = self.expected(ask);
        let before = self.arm();
        let claimed = self.bed.store.claim(claim).await;
        let unsure = self.was_cut(before);
        let claimed = match claimed {
            // A store may still know an instance that has been silent for too long.
            Err(error) if !self.model.is_alive(id) => {
                return same("the error", error.is_unavailable(), true);
            }
            Err(error) => return Err(error.chain()),
            Ok(_) if !self.model.is_known(id) => return Err("the instance is not known".to_owned()),
            Ok(claimed) => claimed,
        };
        let mut lost = Vec::new();
        if unsure {
            lost = self.lost(id, &claimed, &expected).await?;
            expected = self.expected(ask);
        }
        let mut got = Vec::new();
        for claimed in claimed {
            let job = self
                .model
                .by_id(claimed.lease.job)
                .ok_or("a job that is none")?;
            got.push((job.new.priority, job.due));
            let serial = job.serial;
            self.compare_claimed(&claimed, job)?;
            self.model.start(serial, id);
            self.give(&claimed, serial, instance)?;
        }
        same("claimed", got, expected)?;
        self.let_lapse(&lost).await
    }

    /// What a claim gives, in one of the allowed orders.
    fn expected(&self, ask: Ask<'_>) -> Vec<(Priority, i64)> {
        let claimable = self
            .model
            .claimable(ask.kinds, ask.queues, ask.limit, ask.suspects);
        let claimable = claimable.iter().map(|job| (job.new.priority, job.due));
        claimable.collect()
    }

    fn give(&mut self, claimed: &Claimed, serial: usize, instance: usize) -> Result<(), String> {
        let lease = claimed.lease;
        let before = self.given.iter().filter(|given| given.serial == serial);
        let last = before.map(|given| given.lease.token).max();
        same(
            "the token grows",
            last.is_none_or(|last| last < lease.token),
            true,
        )?;
        if self.murky.remove(&serial) {
            same("a token before", claimed.previous > last, true)?;
        } else {
            same("the token before", claimed.previous, last)?;
        }
        let claims = self.model.by_id(lease.job).map(|job| job.claims);
        self.given.push(Given {
            lease,
            serial,
            claim: claims.expect("it was started"),
            instance,
            settlement: None,
        });
        Ok(())
    }

    pub(super) async fn renew(&mut self, instance: usize) -> Result<(), String> {
        let given = self.given.iter().filter(|given| given.instance == instance);
        let given: Vec<_> = given.cloned().collect();
        let leases = given.iter().map(|given| given.lease).collect();
        let info = self.instances[instance].clone();
        self.arm();
        let renewals = self.bed.store.renew(info.clone(), leases).await;
        self.model.renew(info.id);
        let expected = given
            .iter()
            .map(|given| self.model.renewal(given.serial, given.claim));
        let expected = Ok(expected.collect());
        same("renewed", renewals.map_err(|error| error.chain()), expected)
    }

    async fn settle(&mut self, settlements: &[(usize, Then)]) -> Result<(), String> {
        let mut named = BTreeSet::new();
        let mut call = Vec::new();
        for &(back, then) in settlements {
            let Some(index) = self.given.len().checked_sub(back + 1) else {
                continue;
            };
            if named.insert(index) {
                call.push((index, self.settlement(index, then)));
            }
        }
        let all = call.iter().map(|(_, (settlement, _))| settlement.clone());
        let all = all.collect();
        self.arm();
        let settled = self.bed.store.settle(all).await;
        let settled = settled.map_err(|error| error.chain())?;
        same("how many are settled", settled.len(), call.len())?;
        for (answer, (index, (settlement, pause))) in settled.into_iter().zip(call) {
            let given = &mut self.given[index];
            let (attempt, next) = (settlement.attempt.as_ref(), &settlement.next);
            let expected = self
                .model
                .settle(given.serial, given.claim, attempt, next, pause);
            // A store may or may not know a repetition once the job has been claimed again.
            let repeated = given.settlement.is_some();
            let claims = self.model.claims(given.serial);
            if !repeated || (expected == Settled::Applied && claims == Some(given.claim)) {
                same(&format!("settled: {settlement:?}"), answer, expected)?;
            }
            if expected == Settled::Applied {
                given.settlement = Some((settlement, pause));
            }
        }
        Ok(())
    }

    /// What the store is told, and its pause in units.
    fn settlement(&self, index: usize, then: Then) -> (Settlement, i64) {
        let given = &self.given[index];
        if let Some(settlement) = &given.settlement {
            return settlement.clone();
        }
        let (next, pause) = match then {
            Then::Done => (Next::Done(format!("result {index}").into_bytes()), 0),
            Then::Retry(pause) => (Next::Retry(Due::After(self.bed.units(pause))), pause),
            Then::Snooze(pause) => (Next::Snooze(Due::After(self.bed.units(pause))), pause),
            Then::Release | Then::Untouched => (Next::Release, 0),
            Then::Bury => (Next::Bury, 0),
            Then::Cancel => {
                let reason = format!("cancelled {index}");
                let kind = [EndKind::Cancelled, EndKind::Expired, EndKind::GivenUp][index % 3];
                (Next::Cancel { reason, kind }, 0)
            }
        };
        let outcome = match then {
            Then::Done => Some(PastOutcome::Done),
            Then::Retry(pause) if pause % 2 == 0 => Some(PastOutcome::Failed),
            Then::Retry(_) => Some(PastOutcome::Panicked),
            Then::Snooze(_) => Some(PastOutcome::Snoozed),
            Then::Release => Some(PastOutcome::Interrupted),
            Then::Untouched => None,
            Then::Bury if index.is_multiple_of(2) => Some(PastOutcome::GivenUp),
            Then::Bury => Some(PastOutcome::TimedOut),
            Then::Cancel => Some(PastOutcome::Cancelled),
        };
        let error = |outcome: PastOutcome| {
            let fails = outcome.is_failure() || outcome == PastOutcome::Cancelled;
            fails.then(|| format!("broken {index}"))
        };
        let attempt = outcome
            .map(|outcome| Attempted::new(outcome, Duration::from_millis(7)).error(error(outcome)));
        let lease = given.lease;
        let settlement = Settlement::new(lease, next).attempt(attempt);
        (settlement, i64::from(pause))
    }

    async fn change(&mut self, op: &Op, pick: &Pick) -> Result<(), String> {
        let (which, chosen): (_, Vec<usize>) = match pick {
            Pick::Ids(indices) => {
                let ids: Vec<_> = indices.iter().map(|&index| self.ids[index]).collect();
                let jobs = self
                    .model
                    .jobs
                    .iter()
                    .filter(|job| ids.contains(&job.new.id));
                (
                    Which::Ids(ids.clone()),
                    jobs.map(|job| job.serial).collect(),
                )
            }
            Pick::Matching(query) => {
                let filter = filter(query);
                let jobs = self.model.matching(&filter).into_iter();
                (
                    Which::Matching(filter.clone()),
                    jobs.map(|job| job.serial).collect(),
                )
            }
        };
        let date = match op {
            Op::Reschedule(_, offset) => Some(self.date(*offset).await),
            _ => None,
        };
        let before = self.arm();
        let store = &self.bed.store;
        let reason = "that is enough";
        let (changed, expected) = match op {
            Op::Retry(_) => (store.retry(which, by()).await, self.model.retry(&chosen)),
            Op::Cancel(_) => {
                let cancelled = store.cancel(which, reason.to_owned(), by()).await;
                (cancelled, self.model.cancel(&chosen, reason))
            }
            Op::Delete(_) => (store.delete(which, by()).await, self.model.delete(&chosen)),
            Op::Reschedule(_, offset) => {
                let date = date.expect("it was asked for");
                let due = self.model.now + i64::from(*offset);
                let rescheduled = store.reschedule(which, date, by()).await;
                (rescheduled, self.model.reschedule(&chosen, due))
            }
            _ => unreachable!("the others are no changes"),
        };
        let changed = changed.map_err(|error| error.chain())?;
        same_count("changed", changed, expected, self.was_cut(before))
    }

    async fn list(&self, query: &Query, limit: usize) -> Result<(), String> {
        let filter = filter(query);
        let expected = self.model.matching(&filter).into_iter();
        let expected: Vec<_> = expected.map(|job| job.new.id).collect();
        let mut listed = Vec::new();
        let mut page = Page::first(limit);
        loop {
            let found = self.bed.list(filter.clone(), page).await;
            listed.extend(found.jobs.iter().map(|job| job.id));
            page.after = found.next;
            if found.next.is_none() || listed.len() > expected.len() {
                return same("listed", listed, expected);
            }
        }
    }
}

fn filter(query: &Query) -> Filter {
    let mut filter = Filter::new()
        .states(query.states.clone())
        .kinds(query.kinds.iter().copied())
        .queues(query.queues.iter().copied());
    filter.text = query.text.map(str::to_owned);
    filter
}
