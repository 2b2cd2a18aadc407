//! Answers that are lost after the server has done what it was asked: each call is sent again, and
//! nothing is done twice, taken by nobody, or left half done.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use marionette::TaskId;
use marionette::inspect::{ActivityFilter, By, Filter, Inspect, Page, Which};
use marionette::store::{
    Attempted, Claim, Due, Duty, Ended, Inserted, InstanceId, InstanceInfo, JobState, Lease, Name,
    NewJob, Next, PastOutcome, Renewal, Settled, Settlement, Store, Wanted,
};
use marionette_redis::RedisStore;
use marionette_servers::RedisServer;

use crate::common::now;
use crate::peer::{Act, Peer};

const MAIL: Name = Name::from_static("mail");
/// Where nobody is to be taken for dead.
const LONG: Duration = Duration::from_secs(600);
/// Where somebody is.
const SHORT: Duration = Duration::from_millis(400);
/// More answers than any call needs.
const ANSWERS_MAX: usize = 40;

/// A store with a job that is dead, one that is done, one in hand, and one that waits.
struct Scene {
    store: RedisStore,
    instance: InstanceInfo,
    dead: TaskId,
    done: TaskId,
    lease: Lease,
    waiting: TaskId,
}

impl Scene {
    async fn new(url: String, lease: Duration) -> Self {
        let options = RedisStore::options().lease(lease).renew(lease);
        let store = options.connect(url).await.expect("a store");
        let instance = InstanceInfo::new(InstanceId::new(), "test", 4);
        store
            .renew(instance.clone(), vec![])
            .await
            .expect("a renewal");
        let jobs = (0..3).map(|_| mail()).collect();
        store.insert(jobs).await.expect("there is room");
        let wanted = Claim::new(instance.id, Wanted::new([MAIL]), 3);
        let claimed = store.claim(wanted).await.expect("a claim");
        let leases: Vec<_> = claimed.iter().map(|claimed| claimed.lease).collect();
        let failed = Attempted::new(PastOutcome::Failed, Duration::from_millis(1));
        let settlements = vec![
            Settlement::new(leases[0], Next::Bury).attempt(failed),
            Settlement::new(leases[1], Next::Done(b"null".to_vec())),
        ];
        store.settle(settlements).await.expect("they are in order");
        let last = mail();
        let waiting = last.id;
        store.insert(vec![last]).await.expect("there is room");
        Self {
            store,
            instance,
            dead: leases[0].job,
            done: leases[1].job,
            lease: leases[2],
            waiting,
        }
    }

    fn claim(&self) -> Claim {
        Claim::new(self.instance.id, Wanted::new([MAIL]), 10)
    }

    /// How many jobs are in each state.
    async fn counts(&self) -> BTreeMap<String, u64> {
        let counts = self.store.counts().await.expect("counts");
        let mut all = BTreeMap::new();
        for count in counts {
            *all.entry(count.state.to_string()).or_default() += count.jobs;
        }
        all.retain(|_, jobs| *jobs > 0);
        all
    }

    async fn has(&self, expected: &[(JobState, u64)]) {
        let expected = expected
            .iter()
            .map(|(state, jobs)| (state.to_string(), *jobs));
        assert_eq!(self.counts().await, expected.collect());
    }

    async fn state(&self, id: TaskId) -> Option<JobState> {
        let job = self.store.job(id).await.expect("an answer");
        job.map(|job| job.summary.state)
    }

    /// The job that was in hand, after its instance has ended it, as nobody else can.
    async fn can_be_settled(&self) {
        let done = || Settlement::new(self.lease, Next::Done(b"null".to_vec()));
        for _ in 0..2 {
            let settled = self.store.settle(vec![done()]).await.expect("an answer");
            assert_eq!(settled, [Settled::Applied]);
        }
    }
}

fn mail() -> NewJob {
    NewJob::new(MAIL, b"{}".to_vec())
}

fn by() -> By {
    By::new("ada", "test")
}

fn only(id: TaskId) -> Which {
    Which::Ids(vec![id])
}

/// Does something to a scene once for each answer that it needs; each time another one is lost. No
/// answer is lost to what looks at the outcome.
async fn each_lost(act: impl AsyncFn(&Scene), outcome: impl AsyncFn(&Scene)) {
    each_lost_within(LONG, act, outcome).await;
}

/// As [`each_lost`], with this lease.
async fn each_lost_within(
    lease: Duration,
    act: impl AsyncFn(&Scene),
    outcome: impl AsyncFn(&Scene),
) {
    let Some(server) = RedisServer::start() else {
        return;
    };
    for lost in 1..=ANSWERS_MAX {
        server.command(&["FLUSHALL"]);
        let peer = Peer::new(server.port(), |_| Act::Pass);
        let scene = Scene::new(peer.url(), lease).await;
        let answers = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&answers);
        peer.now(move |_| match count.fetch_add(1, Ordering::SeqCst) + 1 {
            number if number == lost => Act::Lose,
            _ => Act::Pass,
        });
        act(&scene).await;
        peer.now(|_| Act::Pass);
        outcome(&scene).await;
        let report = scene.store.check().await.expect("a report");
        assert!(report.is_clean(), "answer {lost} was lost: {report}");
        if answers.load(Ordering::SeqCst) < lost {
            assert!(lost > 1, "nothing was asked");
            return;
        }
    }
    panic!("it needs more than {ANSWERS_MAX} answers");
}

use JobState::{Cancelled, Dead, Done, Ready, Retrying, Running};

#[tokio::test]
async fn jobs_whose_acceptance_was_not_heard_are_accepted_once() {
    for count in [1, 3] {
        let act = async |scene: &Scene| {
            let jobs: Vec<_> = (0..count).map(|_| mail()).collect();
            let inserted = scene.store.insert(jobs.clone()).await.unwrap();
            let is_there = |one: &Inserted| matches!(one, Inserted::Accepted | Inserted::Known);
            assert!(inserted.iter().all(is_there), "{inserted:?}");
            let again = scene.store.insert(jobs).await.unwrap();
            assert!(again.iter().all(|one| *one == Inserted::Known), "{again:?}");
        };
        each_lost(act, async |scene| {
            scene
                .has(&[(Dead, 1), (Done, 1), (Running, 1), (Ready, 1 + count)])
                .await;
            scene.can_be_settled().await;
        })
        .await;
    }
}

#[tokio::test]
async fn jobs_of_a_claim_that_was_not_heard_come_back_after_a_lease() {
    let act = async |scene: &Scene| {
        let claimed = scene.store.claim(scene.claim()).await.unwrap();
        assert!(claimed.len() <= 1);
        // Whoever has it ends it; if nobody has, it waits again.
        for claimed in claimed {
            let done = Settlement::new(claimed.lease, Next::Done(b"null".to_vec()));
            assert_eq!(
                scene.store.settle(vec![done]).await.unwrap(),
                [Settled::Applied]
            );
        }
    };
    each_lost_within(SHORT, act, async |scene| {
        let since = now();
        while scene.state(scene.waiting).await != Some(Done) {
            assert!(
                since.elapsed() < Duration::from_secs(20),
                "it was taken by nobody"
            );
            let named = vec![scene.lease];
            let kept = scene
                .store
                .renew(scene.instance.clone(), named)
                .await
                .unwrap();
            assert_eq!(kept, [Renewal::Kept]);
            scene.store.sweep().await.unwrap();
            let claimed = scene.store.claim(scene.claim()).await.unwrap();
            for claimed in claimed {
                let done = Settlement::new(claimed.lease, Next::Done(b"null".to_vec()));
                assert_eq!(
                    scene.store.settle(vec![done]).await.unwrap(),
                    [Settled::Applied]
                );
            }
            tokio::time::sleep(SHORT / 8).await;
        }
        scene.has(&[(Dead, 1), (Done, 2), (Running, 1)]).await;
        scene.can_be_settled().await;
    })
    .await;
}

#[tokio::test]
async fn ends_that_were_not_heard_are_written_once() {
    let later = Due::After(Duration::from_secs(600));
    let nexts = [
        (Next::Done(b"null".to_vec()), Done),
        (Next::Bury, Dead),
        (Next::Retry(later), Retrying),
        (Next::Release, Ready),
    ];
    for (next, state) in nexts {
        let settlement = |lease| {
            let attempt = Attempted::new(PastOutcome::Failed, Duration::from_millis(1));
            let settlement = Settlement::new(lease, next.clone());
            match next {
                Next::Done(_) | Next::Release => settlement,
                _ => settlement.attempt(attempt),
            }
        };
        let act = async |scene: &Scene| {
            let settled = scene.store.settle(vec![settlement(scene.lease)]).await;
            assert_eq!(settled.unwrap(), [Settled::Applied]);
        };
        each_lost(act, async |scene| {
            let job = scene.store.job(scene.lease.job).await.unwrap().unwrap();
            let attempts = u32::from(matches!(state, Dead | Retrying));
            assert_eq!(job.summary.failed, attempts, "{job:?}");
            let mut expected = BTreeMap::from([("dead", 1), ("done", 1), ("ready", 1)]);
            let state = state.to_string();
            *expected.entry(state.as_str()).or_default() += 1;
            let expected: BTreeMap<_, _> = expected
                .into_iter()
                .map(|(state, jobs)| (state.to_owned(), jobs))
                .collect();
            assert_eq!(scene.counts().await, expected);
        })
        .await;
    }
}

#[tokio::test]
async fn a_sign_of_life_that_was_not_heard_keeps_the_leases() {
    let act = async |scene: &Scene| {
        let instance = scene.instance.clone();
        let kept = scene
            .store
            .renew(instance, vec![scene.lease])
            .await
            .unwrap();
        assert_eq!(kept, [Renewal::Kept]);
    };
    each_lost(act, async |scene| {
        assert_eq!(scene.store.instances().await.unwrap().len(), 1);
        scene.can_be_settled().await;
    })
    .await;
}

#[tokio::test]
async fn a_sweep_that_was_not_heard_counts_one_crash() {
    let act = async |scene: &Scene| {
        scene.store.sweep().await.unwrap();
        // Its instance gives no sign of life.
        let since = now();
        while scene.state(scene.lease.job).await == Some(Running) {
            assert!(since.elapsed() < Duration::from_secs(20), "nobody took it");
            tokio::time::sleep(SHORT).await;
            scene.store.sweep().await.unwrap();
        }
    };
    each_lost_within(SHORT, act, async |scene| {
        let job = scene.store.job(scene.lease.job).await.unwrap().unwrap();
        assert_eq!((job.summary.crashes, job.attempts.len()), (1, 1), "{job:?}");
        scene.has(&[(Dead, 1), (Done, 1), (Ready, 2)]).await;
    })
    .await;
}

#[tokio::test]
async fn a_wait_whose_answers_are_lost_ends_when_a_job_is_due() {
    let act = async |scene: &Scene| {
        let duty = Duty::Claim(Wanted::new([MAIL]));
        let since = now();
        scene.store.rest(duty).await.unwrap();
        assert!(since.elapsed() < Duration::from_secs(20));
        let ended = scene
            .store
            .ended(vec![scene.done, scene.lease.job])
            .await
            .unwrap();
        assert!(
            matches!(ended[..], [Ended::Done(_), Ended::NotYet]),
            "{ended:?}"
        );
    };
    each_lost(act, async |scene| scene.can_be_settled().await).await;
}

#[tokio::test]
async fn questions_of_people_whose_answers_are_lost_are_answered() {
    let act = async |scene: &Scene| {
        let store = &scene.store;
        scene
            .has(&[(Dead, 1), (Done, 1), (Running, 1), (Ready, 1)])
            .await;
        let listed = store.list(Filter::new(), Page::first(100)).await.unwrap();
        let ids: Vec<_> = listed.jobs.iter().map(|job| job.id).collect();
        let mut all = vec![scene.dead, scene.done, scene.lease.job, scene.waiting];
        all.sort_unstable();
        all.reverse();
        assert_eq!(ids, all);
        assert_eq!(store.instances().await.unwrap().len(), 1);
        assert_eq!(store.paused_queues().await.unwrap(), []);
        assert_eq!(store.activity(ActivityFilter::new()).await.unwrap(), []);
        let nobody = Wanted::new([Name::from_static("other")]);
        let unclaimed = store.unclaimed(nobody, Duration::ZERO).await.unwrap();
        let jobs = unclaimed.iter().map(|count| count.jobs).sum::<u64>();
        assert_eq!(
            jobs,
            1,
            "{unclaimed:?} of {:?}",
            store.job(scene.waiting).await
        );
    };
    each_lost(act, async |scene| scene.can_be_settled().await).await;
}

#[tokio::test]
async fn changes_of_people_that_were_not_heard_are_made_once_and_counted() {
    let act = async |scene: &Scene| {
        let store = &scene.store;
        let due = SystemTime::UNIX_EPOCH;
        assert_eq!(
            store
                .reschedule(only(scene.waiting), due, by())
                .await
                .unwrap(),
            1
        );
        assert_eq!(
            store
                .cancel(only(scene.waiting), "no".into(), by())
                .await
                .unwrap(),
            1
        );
        assert_eq!(store.delete(only(scene.done), by()).await.unwrap(), 1);
        let dead = || Which::Matching(Filter::new().state(Dead));
        assert_eq!(store.retry(dead(), by()).await.unwrap(), 1);
    };
    each_lost(act, async |scene| {
        scene.has(&[(Cancelled, 1), (Running, 1), (Ready, 1)]).await;
        let activity = scene.store.activity(ActivityFilter::new()).await.unwrap();
        let jobs: Vec<_> = activity.iter().map(|activity| activity.jobs).collect();
        assert_eq!(jobs, [1; 4], "{activity:?}");
        scene.can_be_settled().await;
    })
    .await;
}

#[tokio::test]
async fn a_pause_that_was_not_heard_is_a_pause() {
    let queue = Name::from_static("default");
    let act = async |scene: &Scene| {
        scene.store.pause_queue(queue.clone(), by()).await.unwrap();
        assert!(scene.store.claim(scene.claim()).await.unwrap().is_empty());
        assert_eq!(scene.store.paused_queues().await.unwrap().len(), 1);
        scene.store.resume_queue(queue.clone(), by()).await.unwrap();
    };
    each_lost(act, async |scene| {
        assert_eq!(scene.store.paused_queues().await.unwrap(), []);
        assert_eq!(scene.store.claim(scene.claim()).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn an_error_of_one_call_is_the_answer_of_no_other() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    for wrong in 0..10 {
        let peer = Peer::new(server.port(), |_| Act::Pass);
        let scene = Scene::new(peer.url(), LONG).await;
        let mut number = 0;
        peer.now(move |_| {
            number += 1;
            match number - 1 {
                number if number == wrong => Act::Say("-MISCONF this one\r\n"),
                _ => Act::Pass,
            }
        });
        // They go together, in one pipeline.
        let ids = [
            scene.dead,
            scene.done,
            scene.lease.job,
            scene.waiting,
            TaskId::new(),
        ];
        let asked = ids.iter().chain(&ids).map(|id| (*id, scene.store.clone()));
        let asked = asked.map(|(id, store)| tokio::spawn(async move { (id, store.job(id).await) }));
        let mut errors = 0;
        for asked in asked.collect::<Vec<_>>() {
            let (id, answer) = asked.await.unwrap();
            match answer {
                Ok(Some(job)) => assert_eq!(job.summary.id, id),
                Ok(None) => assert_eq!(id, ids[4]),
                Err(error) => {
                    assert!(error.to_string().contains("this one"), "{error}");
                    errors += 1;
                }
            }
        }
        assert_eq!(errors, 1);
        server.command(&["FLUSHALL"]);
    }
}
