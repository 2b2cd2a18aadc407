//! What people ask of the store in Redis, and what they change in it.

mod look;
mod change;

use std::time::{Duration, SystemTime};

use marionette::TaskId;
use marionette::inspect::{By, Filter, Inspect, JobDetails, JobSummary, Page, Which};
use marionette::store::{
    Attempted, Claim, Due, EndKind, Inserted, InstanceId, InstanceInfo, JobState, Lease, Name,
    NewJob, Next, PastOutcome, Settled, Settlement, Store, Wanted,
};
use marionette_redis::RedisStore;
use marionette_servers::{RedisServer, Reply};

const HOUR: Duration = Duration::from_secs(60 * 60);

/// What is done to jobs.
#[derive(Clone, Debug)]
enum Change {
    Retry,
    Cancel(String),
    Delete,
    Reschedule(SystemTime),
}

/// A store on a server of its own.
struct Bed {
    store: RedisStore,
    name: String,
    instance: InstanceId,
    redis: RedisServer,
}

/// Does this with a store on a server of its own.
fn on_a_server(test: impl AsyncFnOnce(Bed)) {
    let Some(redis) = RedisServer::start() else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let work = async {
        let name = RedisServer::any_name();
        let options = RedisStore::options().name(&name);
        let store = options.connect(redis.url()).await.expect("a store");
        let instance = InstanceId::new();
        let bed = Bed {
            store,
            name,
            instance,
            redis,
        };
        let info = InstanceInfo::new(instance, "server", 4).host("here");
        let renewed = bed.store.renew(info, Vec::new()).await;
        renewed.expect("a sign of life");
        test(bed).await;
    };
    runtime.expect("a runtime").block_on(work);
}

fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

fn job() -> NewJob {
    NewJob::new(name("mail"), b"{}".to_vec())
}

fn failure(error: &str) -> Attempted {
    Attempted::new(PastOutcome::Failed, Duration::from_nanos(7)).error(error.to_owned())
}

fn by() -> By {
    By::new("ada", "test")
}

impl Bed {
    async fn insert_all(&self, jobs: Vec<NewJob>) {
        let inserted = self.store.insert(jobs).await.expect("they are accepted");
        assert!(inserted.iter().all(|it| *it == Inserted::Accepted));
    }

    async fn insert(&self, job: NewJob) -> TaskId {
        let id = job.id;
        self.insert_all(vec![job]).await;
        id
    }

    async fn insert_many(&self, count: usize) -> Vec<TaskId> {
        let jobs: Vec<_> = (0..count).map(|_| job()).collect();
        let ids = jobs.iter().map(|job| job.id).collect();
        self.insert_all(jobs).await;
        ids
    }

    /// Claims jobs of the kind `mail`.
    async fn claim(&self, limit: usize) -> Vec<Lease> {
        let claim = Claim::new(self.instance, Wanted::new([name("mail")]), limit);
        let claimed = self.store.claim(claim).await.expect("an answer");
        claimed.into_iter().map(|claimed| claimed.lease).collect()
    }

    async fn settle(&self, lease: Lease, next: Next, attempt: Option<Attempted>) -> Settled {
        let mut settlement = Settlement::new(lease, next);
        settlement.attempt = attempt;
        let settled = self.store.settle(vec![settlement]).await;
        settled.expect("an answer").remove(0)
    }

    async fn job(&self, id: TaskId) -> JobDetails {
        let job = self.store.job(id).await.expect("an answer");
        job.expect("it is known")
    }

    async fn state(&self, id: TaskId) -> JobState {
        self.job(id).await.summary.state
    }

    async fn pages(&self, filter: &Filter, limit: usize) -> Vec<JobSummary> {
        let (mut jobs, mut page) = (Vec::new(), Page::first(limit));
        loop {
            let listed = self.store.list(filter.clone(), page).await.expect("a page");
            assert!(listed.jobs.len() <= limit);
            jobs.extend(listed.jobs);
            match listed.next {
                Some(next) => page.after = Some(next),
                None => return jobs,
            }
        }
    }

    async fn found(&self, filter: Filter) -> Vec<TaskId> {
        let mut ids: Vec<_> = self
            .pages(&filter, 7)
            .await
            .iter()
            .map(|job| job.id)
            .collect();
        ids.sort_unstable();
        ids
    }

    /// One job in each state but quarantined, in the order of [`JobState::ALL`].
    async fn one_of_each(&self) -> Vec<TaskId> {
        let retrying = self.claimed().await;
        let later = Next::Retry(Due::After(HOUR));
        self.settle(retrying, later, Some(failure("try again")))
            .await;
        let done = self.claimed().await;
        let succeeded = Attempted::new(PastOutcome::Done, Duration::from_nanos(7));
        let result = Next::Done(b"result".to_vec());
        self.settle(done, result, Some(succeeded)).await;
        let dead = self.claimed().await;
        self.settle(dead, Next::Bury, Some(failure("fatal"))).await;
        let cancelled = self.claimed().await;
        let (reason, kind) = ("expired".to_owned(), EndKind::Expired);
        self.settle(cancelled, Next::Cancel { reason, kind }, None)
            .await;
        let running = self.claimed().await;
        let scheduled = self.insert(job().due(Due::After(HOUR))).await;
        let mut all = vec![self.insert(job()).await, scheduled];
        let leases = [retrying, running, done, dead, cancelled];
        all.extend(leases.map(|lease| lease.job));
        for (id, state) in all.iter().zip(JobState::ALL) {
            assert_eq!(self.state(*id).await, state);
        }
        all
    }

    async fn change(&self, which: impl Into<Which>, change: Change) -> u64 {
        let which = which.into();
        let changed = match change {
            Change::Retry => self.store.retry(which, by()).await,
            Change::Cancel(reason) => self.store.cancel(which, reason, by()).await,
            Change::Delete => self.store.delete(which, by()).await,
            Change::Reschedule(due) => self.store.reschedule(which, due, by()).await,
        };
        changed.expect("a change")
    }

    async fn claimed(&self) -> Lease {
        let id = self.insert(job()).await;
        let claimed = self.claim(1).await.remove(0);
        assert_eq!(claimed.job, id);
        claimed
    }

    /// Sends a command about a key of the store.
    fn command(&self, name: &str, key: &str, arguments: &[&[u8]]) -> Reply {
        let key = format!("{{{}}}:{key}", self.name);
        let mut words = vec![name.as_bytes(), key.as_bytes()];
        words.extend(arguments);
        self.redis.command(&words)
    }
}
