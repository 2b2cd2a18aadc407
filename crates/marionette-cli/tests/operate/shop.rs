//! A service as an operator finds it: jobs in all eight states, and a worker that lives.

use std::time::{Duration, SystemTime};

use marionette::TaskId;
use marionette::inspect::{By, Inspect, Which};
use marionette::store::{
    Attempted, Claim, Claimed, Due, InstanceId, InstanceInfo, JobOptions, JobState, Name, NewJob,
    Next, PastOutcome, Settled, Settlement, Store, StoredBackoff, StoredJitter, Wanted,
};
use marionette_sqlite::SqliteStore;

use crate::fixture::Place;

const MAIL: Name = Name::from_static("mail");
const REPORT: Name = Name::from_static("report");

const HOUR: Duration = Duration::from_secs(60 * 60);

/// A store with one job in each state.
pub(crate) struct Shop {
    pub(crate) place: Place,
    pub(crate) store: SqliteStore,
    pub(crate) worker: InstanceInfo,
    jobs: Vec<(JobState, TaskId)>,
}

impl Shop {
    /// The kinds are `mail` and, of what is scheduled and cancelled, `report`, which is in the
    /// queue `night`.
    pub(crate) async fn open() -> Self {
        let place = Place::new();
        let quarantined = quarantined(&place).await;
        let store = place.open().await;
        let worker = worker();
        store
            .renew(worker.clone(), vec![])
            .await
            .expect("it is known now");
        let mut shop = Self {
            place,
            store,
            worker,
            jobs: vec![(JobState::Quarantined, quarantined)],
        };
        let retrying = shop.add(JobState::Retrying, mail("bob")).await;
        shop.fail(retrying, "no route to host", Next::Retry(Due::After(HOUR)))
            .await;
        let dead = shop.add(JobState::Dead, mail("ada")).await;
        shop.fail(
            dead,
            "connection refused\n  caused by: os error 111",
            Next::Retry(Due::Now),
        )
        .await;
        shop.fail(dead, "mailbox unavailable", Next::Bury).await;
        let done = shop.add(JobState::Done, mail("eve")).await;
        let claimed = shop.claim(done).await;
        let next = Next::Done(br#"{"id":7}"#.to_vec());
        shop.settle(&claimed, PastOutcome::Done, None, next).await;
        let running = shop.add(JobState::Running, mail("joe")).await;
        shop.claim(running).await;
        let cancelled = shop.add(JobState::Cancelled, report()).await;
        let reason = "nobody reads it".to_owned();
        let changed = shop
            .store
            .cancel(Which::Ids(vec![cancelled]), reason, By::new("ada", "test"))
            .await;
        assert_eq!(changed.expect("an answer"), 1);
        shop.add(JobState::Scheduled, report()).await;
        shop.add(JobState::Ready, mail("kim")).await;
        shop
    }

    async fn add(&mut self, state: JobState, job: NewJob) -> TaskId {
        let id = job.id;
        self.store.insert(vec![job]).await.expect("it is accepted");
        self.jobs.push((state, id));
        id
    }

    /// The job in this state.
    pub(crate) fn id(&self, state: JobState) -> TaskId {
        let job = self.jobs.iter().find(|(other, _)| *other == state);
        job.expect("there is one in each").1
    }

    /// All jobs with the states in which they were put there.
    pub(crate) fn jobs(&self) -> impl Iterator<Item = (JobState, TaskId)> {
        self.jobs.iter().copied()
    }

    pub(crate) async fn state(&self, id: TaskId) -> Option<JobState> {
        let job = self.store.job(id).await.expect("an answer");
        job.map(|job| job.summary.state)
    }

    pub(crate) async fn claim(&self, id: TaskId) -> Claimed {
        let claimed = claim(&self.store, &self.worker).await;
        let claimed = claimed.expect("it is due");
        assert_eq!(claimed.lease.job, id);
        claimed
    }

    pub(crate) async fn settle(
        &self,
        claimed: &Claimed,
        outcome: PastOutcome,
        error: Option<&str>,
        next: Next,
    ) {
        let attempt =
            Attempted::new(outcome, Duration::from_millis(1_500)).error(error.map(str::to_owned));
        let settlement = Settlement::new(claimed.lease, next).attempt(attempt);
        let settled = self
            .store
            .settle(vec![settlement])
            .await
            .expect("an answer");
        assert_eq!(settled, [Settled::Applied]);
    }

    pub(crate) async fn fail(&self, id: TaskId, error: &str, next: Next) {
        let claimed = self.claim(id).await;
        self.settle(&claimed, PastOutcome::Failed, Some(error), next)
            .await;
    }
}

pub(crate) fn worker() -> InstanceInfo {
    InstanceInfo::new(InstanceId::new(), "shop-1", 4)
        .process(std::process::id())
        .host("mail-3")
        .kinds(["mail", "report"])
        .queues(["default", "night"])
        .build("shop 2.4.1")
        .library("0.1.0")
        .started(SystemTime::UNIX_EPOCH + HOUR)
}

pub(crate) async fn claim(store: &SqliteStore, worker: &InstanceInfo) -> Option<Claimed> {
    let wanted = Wanted::new([MAIL, REPORT]);
    let claim = Claim::new(worker.id, wanted, 1);
    store.claim(claim).await.expect("an answer").pop()
}

pub(crate) fn mail(to: &str) -> NewJob {
    let mut options = JobOptions::default();
    options.retries = 1;
    options.timeout = Some(Duration::from_secs(30));
    options.name = Some(format!("welcome {to}"));
    options.backoff = Some(StoredBackoff::Exponential {
        initial: Duration::from_secs(1),
        multiplier: 2.0,
        max: Duration::from_secs(60),
        jitter: StoredJitter::None,
    });
    NewJob::new(MAIL, format!(r#"{{"to":"{to}"}}"#).into_bytes()).options(options)
}

pub(crate) fn report() -> NewJob {
    NewJob::new(REPORT, b"[1,2]".to_vec())
        .queue(Name::from_static("night"))
        .priority(5)
        .due(Due::After(HOUR))
}

/// A job whose worker was found dead three times. Its workers are silent for a lease that is short.
async fn quarantined(place: &Place) -> TaskId {
    let options = SqliteStore::options().lease(Duration::from_millis(20));
    let store = options.open(place.path()).await.expect("it can be opened");
    let job = mail("mallory");
    let id = job.id;
    store.insert(vec![job]).await.expect("it is accepted");
    loop {
        let worker = worker();
        store
            .renew(worker.clone(), vec![])
            .await
            .expect("it is known now");
        // A slow machine may find it dead at once.
        let _ = claim_if_known(&store, &worker).await;
        loop {
            let swept = store.sweep().await.expect("an answer");
            if swept.quarantined == 1 {
                return id;
            }
            if swept.released == 1 || !runs(&store, id).await {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

async fn claim_if_known(store: &SqliteStore, worker: &InstanceInfo) -> bool {
    let wanted = Wanted::new([MAIL]);
    let claim = Claim::new(worker.id, wanted, 1);
    store
        .claim(claim)
        .await
        .is_ok_and(|claimed| !claimed.is_empty())
}

async fn runs(store: &SqliteStore, id: TaskId) -> bool {
    let job = store
        .job(id)
        .await
        .expect("an answer")
        .expect("it is there");
    job.summary.state == JobState::Running
}
