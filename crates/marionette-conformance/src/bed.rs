//! What every case starts from: a store, an instance that it knows, and short words for what is
//! done with them.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use marionette::TaskId;
use marionette::inspect::{By, Filter, JobDetails, JobSummary, Listed, Page, Which};
use marionette::store::{
    Attempted, Claim, Claimed, EndKind, Inserted, InstanceId, InstanceInfo, JobState, Lease,
    NAME_BYTES_MAX, Name, NewJob, Next, PastOutcome, Renewal, Settled, Settlement, Store, Swept,
    Wanted,
};

use crate::fixture::Fixture;

/// The kind of every job that names no other.
pub(crate) const KIND: &str = "mail";
/// The queue of every job that names no other.
pub(crate) const QUEUE: &str = "default";

pub(crate) struct Bed {
    pub(crate) fixture: Arc<dyn Fixture>,
    pub(crate) store: Arc<dyn Store>,
    /// An instance that the store knows.
    pub(crate) instance: InstanceInfo,
}

/// The name with this text.
pub(crate) fn name(text: impl AsRef<str>) -> Name {
    text.as_ref().parse().expect("it is a name")
}

/// The names with these texts.
pub(crate) fn names<'a>(texts: &'a [&str]) -> impl Iterator<Item = Name> + use<'a> {
    texts.iter().map(name)
}

/// Texts that no kind and no queue can be called.
pub(crate) fn no_names() -> Vec<String> {
    let too_long = "x".repeat(NAME_BYTES_MAX + 1);
    let texts = [
        "", " ", "default ", "x ", "a/b", "a\0", "a'", "a%", "*", &too_long,
    ];
    texts.map(String::from).into()
}

/// A job that asks for nothing in particular.
pub(crate) fn job() -> NewJob {
    NewJob::new(name(KIND), b"{}".to_vec()).queue(name(QUEUE))
}

pub(crate) fn jobs(count: usize) -> Vec<NewJob> {
    (0..count).map(|_| job()).collect()
}

pub(crate) fn instance() -> InstanceInfo {
    InstanceInfo::new(InstanceId::new(), "server", 4).process(1)
}

/// Wants these kinds from any queue.
pub(crate) fn kinds(kinds: &[&str]) -> Wanted {
    Wanted::new(names(kinds))
}

pub(crate) fn wanted() -> Wanted {
    kinds(&[KIND])
}

pub(crate) fn claim(instance: &InstanceInfo, limit: usize) -> Claim {
    Claim::new(instance.id, wanted(), limit).suspects(limit)
}

/// An attempt that failed with this error.
pub(crate) fn failure(error: &str) -> Attempted {
    Attempted::new(PastOutcome::Failed, Duration::from_millis(7)).error(error.to_owned())
}

/// A cancellation for this reason.
pub(crate) fn cancel_for(reason: impl Into<String>) -> Next {
    Next::Cancel {
        reason: reason.into(),
        kind: EndKind::Cancelled,
    }
}

pub(crate) fn attempt(outcome: PastOutcome) -> Attempted {
    Attempted::new(outcome, Duration::from_millis(7))
}

pub(crate) fn ids(claimed: &[Claimed]) -> Vec<TaskId> {
    claimed.iter().map(|claimed| claimed.lease.job).collect()
}

pub(crate) fn leases(claimed: &[Claimed]) -> Vec<Lease> {
    claimed.iter().map(|claimed| claimed.lease).collect()
}

/// The person who makes the changes.
pub(crate) fn by() -> By {
    By::new("ada", "conformance")
}

/// The names of the queues that are paused.
pub(crate) async fn paused_in(store: &dyn Store) -> Vec<Name> {
    let paused = store.paused_queues().await.expect("an answer");
    let mut names: Vec<_> = paused.into_iter().map(|paused| paused.queue).collect();
    names.sort();
    names
}

pub(crate) fn only(ids: &[TaskId]) -> Which {
    Which::Ids(ids.to_vec())
}

/// The present by the store's clock.
pub(crate) async fn present(bed: &Bed) -> SystemTime {
    let id = bed.insert_one(job()).await;
    let accepted = bed.summary(id).await.accepted;
    let deleted = bed.store.delete(only(&[id]), by()).await.expect("a change");
    assert_eq!(deleted, 1);
    accepted
}

impl Bed {
    pub(crate) async fn new(fixture: Arc<dyn Fixture>) -> Self {
        let store = fixture.open().await;
        Self::with(fixture, store).await
    }

    /// The bed on a new store that keeps `done` done jobs.
    pub(crate) async fn keeping(self, done: usize) -> Self {
        let store = self.fixture.open_keeping(done).await;
        Self::with(self.fixture, store).await
    }

    pub(crate) async fn with(fixture: Arc<dyn Fixture>, store: Arc<dyn Store>) -> Self {
        let bed = Self {
            fixture,
            store,
            instance: instance(),
        };
        bed.renew(&bed.instance, &[]).await;
        bed
    }

    /// Another instance that the store knows.
    pub(crate) async fn another_instance(&self) -> InstanceInfo {
        let instance = instance();
        self.renew(&instance, &[]).await;
        instance
    }

    pub(crate) fn units(&self, count: u32) -> Duration {
        self.fixture.unit() * count
    }

    /// Lets units of time pass without a sign of life from any instance.
    pub(crate) async fn pass(&self, units: u32) {
        self.fixture.pass(self.units(units)).await;
    }

    /// Lets units of time pass, while these instances renew these leases.
    pub(crate) async fn pass_alive(&self, units: u32, alive: &[(&InstanceInfo, &[Lease])]) {
        for _ in 0..units {
            self.pass(1).await;
            for (instance, leases) in alive {
                self.renew(instance, leases).await;
            }
        }
    }

    /// Lets more than a lease pass, so that every silent instance is dead, and sweeps.
    pub(crate) async fn pass_lease(&self) -> Swept {
        self.pass_lease_alive(&[]).await
    }

    /// As [`pass_lease`](Self::pass_lease), while these instances renew these leases.
    pub(crate) async fn pass_lease_alive(&self, alive: &[(&InstanceInfo, &[Lease])]) -> Swept {
        // A sweeper may find an instance silent only after it has seen it once.
        let before = self.sweep().await;
        let units = self.lease_units() + 1;
        self.pass_alive(units, alive).await;
        let mut swept = self.sweep().await;
        swept.released += before.released;
        swept.quarantined += before.quarantined;
        swept.pruned += before.pruned;
        swept
    }

    pub(crate) fn lease_units(&self) -> u32 {
        let lease = self.store.timing().lease.as_secs_f64();
        let units = (lease / self.fixture.unit().as_secs_f64()).ceil();
        assert!(
            (2.0..=100.0).contains(&units),
            "a lease has ten units, not {units}"
        );
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // It is 2 to 100.
        let units = units as u32;
        units
    }

    pub(crate) async fn insert(&self, jobs: Vec<NewJob>) -> Vec<TaskId> {
        let ids = jobs.iter().map(|job| job.id).collect();
        let count = jobs.len();
        let inserted = self
            .store
            .insert(jobs)
            .await
            .expect("these jobs are in order");
        assert_eq!(inserted, vec![Inserted::Accepted; count]);
        ids
    }

    /// Inserts jobs, of which the store may know some.
    pub(crate) async fn insert_again(&self, jobs: Vec<NewJob>) -> Vec<TaskId> {
        let ids = jobs.iter().map(|job| job.id).collect();
        let inserted = self.store.insert(jobs).await;
        let inserted = inserted.expect("these jobs are in order");
        assert!(inserted.iter().all(|one| one.is_accepted()));
        ids
    }

    pub(crate) async fn insert_one(&self, job: NewJob) -> TaskId {
        self.insert(vec![job]).await[0]
    }

    /// Claims as the bed's instance.
    pub(crate) async fn claim(&self, limit: usize) -> Vec<Claimed> {
        self.claim_as(claim(&self.instance, limit)).await
    }

    pub(crate) async fn claim_as(&self, claim: Claim) -> Vec<Claimed> {
        let limit = claim.limit;
        let claimed = self
            .store
            .claim(claim)
            .await
            .expect("the instance is known");
        assert!(
            claimed.len() <= limit,
            "{} of at most {limit}",
            claimed.len()
        );
        claimed
    }

    /// Inserts a job that asks for nothing in particular, and claims it.
    pub(crate) async fn claimed(&self) -> Claimed {
        let id = self.insert_one(job()).await;
        self.claim_one(id).await
    }

    /// Claims one job, which has to be this one.
    pub(crate) async fn claim_one(&self, id: TaskId) -> Claimed {
        let mut claimed = self.claim(1).await;
        assert_eq!(ids(&claimed), [id]);
        claimed.remove(0)
    }

    pub(crate) async fn renew(&self, instance: &InstanceInfo, leases: &[Lease]) -> Vec<Renewal> {
        let renewals = self.store.renew(instance.clone(), leases.to_vec()).await;
        let renewals = renewals.expect("a renewal");
        assert_eq!(renewals.len(), leases.len(), "one answer for each lease");
        renewals
    }

    /// Settles without an attempt.
    pub(crate) async fn settle(&self, lease: Lease, next: Next) -> Settled {
        let settlement = Settlement::new(lease, next);
        self.settle_all(vec![settlement]).await[0]
    }

    /// Settles with an attempt.
    pub(crate) async fn settle_attempt(
        &self,
        lease: Lease,
        attempt: Attempted,
        next: Next,
    ) -> Settled {
        let settlement = Settlement::new(lease, next).attempt(attempt);
        self.settle_all(vec![settlement]).await[0]
    }

    pub(crate) async fn settle_all(&self, settlements: Vec<Settlement>) -> Vec<Settled> {
        let count = settlements.len();
        let settled = self
            .store
            .settle(settlements)
            .await
            .expect("they are in order");
        assert_eq!(settled.len(), count, "one answer for each settlement");
        settled
    }

    /// Sweeps until there is nothing more to do at once.
    pub(crate) async fn sweep(&self) -> Swept {
        let mut all = Swept::default();
        for _ in 0..1_000 {
            let swept = self.store.sweep().await.expect("a sweep");
            all.released += swept.released;
            all.quarantined += swept.quarantined;
            all.pruned += swept.pruned;
            if !swept.more {
                return all;
            }
        }
        panic!("a sweep that always has more to do: {all:?}");
    }

    /// Lets a new instance claim this job and die with it. No other job may be claimable.
    pub(crate) async fn crash(&self, id: TaskId) -> Swept {
        let doomed = self.another_instance().await;
        let claimed = self.claim_as(claim(&doomed, 1)).await;
        assert_eq!(ids(&claimed), [id]);
        let swept = self.pass_lease_alive(&[(&self.instance, &[])]).await;
        self.renew(&self.instance, &[]).await;
        swept
    }

    pub(crate) async fn details(&self, id: TaskId) -> JobDetails {
        let details = self.store.job(id).await.expect("an answer");
        details.unwrap_or_else(|| panic!("the job {id} is in the store"))
    }

    pub(crate) async fn summary(&self, id: TaskId) -> JobSummary {
        self.details(id).await.summary
    }

    pub(crate) async fn state(&self, id: TaskId) -> JobState {
        self.summary(id).await.state
    }

    pub(crate) async fn list(&self, filter: Filter, page: Page) -> Listed {
        let listed = self.store.list(filter, page).await.expect("a list");
        assert!(listed.jobs.len() <= page.limit);
        listed
    }

    /// All jobs of the store, read page by page.
    pub(crate) async fn all(&self) -> Vec<JobSummary> {
        let mut all = Vec::new();
        let mut page = Page::first(1_000);
        loop {
            let listed = self.list(Filter::default(), page).await;
            all.extend(listed.jobs);
            match listed.next {
                Some(next) => page.after = Some(next),
                None => return all,
            }
            assert!(all.len() <= 100_000, "pages without end");
        }
    }
}
