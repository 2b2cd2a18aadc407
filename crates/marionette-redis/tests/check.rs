//! The check of a store finds what somebody has damaged by hand, and nothing else.

use std::time::{Duration, SystemTime};

use marionette::inspect::{By, Inspect};
use marionette::store::{
    Attempted, Claim, Claimed, Due, EndKind, InstanceId, InstanceInfo, JobOptions, Lease, Name,
    NewJob, Next, PastOutcome, Settlement, Store, Wanted,
};
use marionette_redis::RedisStore;
use marionette_servers::{RedisServer, Reply};

const KIND: Name = Name::from_static("send_mail");

/// A store with jobs in every place, and the server that it is on.
struct Bed {
    server: RedisServer,
    store: RedisStore,
    instance: InstanceInfo,
}

impl Bed {
    /// `None` if there is no server; the output of the test says so.
    async fn new() -> Option<Self> {
        let server = RedisServer::start()?;
        let store = RedisStore::connect(server.url()).await.expect("it runs");
        let instance = InstanceInfo::new(InstanceId::new(), "server", 4);
        let bed = Self {
            server,
            store,
            instance,
        };
        bed.fill().await;
        Some(bed)
    }

    /// Jobs that wait, run, failed before, are done, cancelled, kept for a time and scheduled, and
    /// a queue that is paused.
    async fn fill(&self) {
        let store = &self.store;
        store
            .renew(self.instance.clone(), Vec::new())
            .await
            .expect("a renewal");
        let job = || NewJob::new(KIND, b"{}".to_vec());
        let mut jobs: Vec<_> = (0..20).map(|_| job()).collect();
        let kept = JobOptions::new().keep_result(Duration::from_secs(60));
        jobs.extend((0..2).map(|_| job().priority(9).options(kept.clone())));
        store.insert(jobs).await.expect("there is room");
        let claimed = self.claim(14).await;
        let settle = |lease: Lease, next| Settlement::new(lease, next);
        let failed = Attempted::new(PastOutcome::Failed, Duration::from_millis(7));
        let settlements = claimed.iter().take(12).enumerate().map(|(index, claimed)| {
            let lease = claimed.lease;
            match index {
                0..6 => settle(lease, Next::Done(b"null".to_vec())),
                6 | 7 => settle(lease, Next::Retry(Due::After(Duration::from_secs(60))))
                    .attempt(failed.clone()),
                8 => settle(lease, Next::Bury).attempt(failed.clone()),
                9 => settle(lease, cancelled()),
                _ => settle(lease, Next::Release),
            }
        });
        store
            .settle(settlements.collect())
            .await
            .expect("they are in order");
        let paused = Name::from_static("paused");
        store
            .insert(vec![job().queue(paused.clone())])
            .await
            .expect("there is room");
        let by = By::new("ada", "test");
        store.pause_queue(paused, by).await.expect("a pause");
    }

    async fn claim(&self, limit: usize) -> Vec<Claimed> {
        let claim = Claim::new(self.instance.id, Wanted::new([KIND]), limit);
        let claimed = self.store.claim(claim).await.expect("a claim");
        assert_eq!(claimed.len(), limit);
        claimed
    }

    async fn report(&self) -> String {
        let report = self.store.check().await.expect("a report");
        let text = report.to_string();
        assert_eq!(report.is_clean(), text.contains("no faults"), "{text}");
        text
    }

    fn ask<A: AsRef<[u8]>>(&self, words: &[A]) -> Reply {
        let reply = self.server.command(words);
        assert!(!matches!(reply, Reply::Error(_)), "{reply:?}");
        reply
    }

    /// The first of what a command lists.
    fn first<A: AsRef<[u8]>>(&self, words: &[A]) -> Vec<u8> {
        self.ask(words)
            .list()
            .first()
            .expect("there is one")
            .bytes()
    }

    fn held(&self) -> String {
        format!("{{marionette}}:held:{}", self.instance.id.uuid().simple())
    }
}

fn cancelled() -> Next {
    Next::Cancel {
        reason: "no longer".to_owned(),
        kind: EndKind::Cancelled,
    }
}

fn key(name: &str) -> String {
    format!("{{marionette}}:{name}")
}

/// Damages a store, and expects that the report then has this text.
async fn finds(what: &str, text: &str, damage: impl FnOnce(&Bed)) {
    let Some(bed) = Bed::new().await else { return };
    let before = bed.report().await;
    assert!(before.contains("no faults"), "before {what}: {before}");
    damage(&bed);
    let report = bed.report().await;
    assert!(report.contains(text), "{what} is reported as: {report}");
}

#[tokio::test]
async fn a_store_that_nobody_damaged_has_no_faults() {
    let Some(bed) = Bed::new().await else { return };
    let report = bed.report().await;
    assert_eq!(report, "13 jobs wait, 2 run, 8 have ended: no faults");
}

#[tokio::test]
async fn a_job_in_no_place_is_found() {
    finds(
        "a job that waits nowhere",
        "neither waits, nor runs, nor has ended",
        |bed| {
            let member = bed.first(&["ZRANGE", &key("waiting"), "0", "0"]);
            bed.ask(&[b"ZREM", key("waiting").as_bytes(), &member]);
        },
    )
    .await;
}

#[tokio::test]
async fn a_job_in_two_places_is_found() {
    finds(
        "a job that runs and waits",
        "is in several places at once",
        |bed| {
            let (id, held) = one_of(bed, &bed.held());
            assert_eq!(id, held[28..44]);
            bed.ask(&[b"ZADD", key("waiting").as_bytes(), b"0", &held[15..45]]);
        },
    )
    .await;
}

/// A field of a hash and its value.
fn one_of(bed: &Bed, hash: &str) -> (Vec<u8>, Vec<u8>) {
    let all = bed.ask(&["HGETALL", hash]).list();
    (all[0].bytes(), all[1].bytes())
}

#[tokio::test]
async fn a_place_without_a_body_is_found() {
    finds(
        "a body that is gone",
        "names it, and it has no body",
        |bed| {
            let member = bed.first(&["ZRANGE", &key("waiting"), "0", "0"]);
            bed.ask(&[b"HDEL", key("bodies").as_bytes(), &member[13..29]]);
        },
    )
    .await;
}

#[tokio::test]
async fn an_index_that_misses_a_job_is_found() {
    let damages = [
        ("retrying", "does not count as retrying"),
        ("failed", "is missing in the list of those"),
        ("by_time", "will be kept for ever"),
        ("hints", "a claim does not find the jobs of a lane"),
        ("attempts", "some of its attempts are missing"),
        ("done", "are in a list of those"),
        ("counts", "the counts of ended jobs are wrong"),
    ];
    for (name, text) in damages {
        finds(name, text, |bed| {
            assert_eq!(bed.ask(&["DEL", &key(name)]).int(), 1, "{name}");
        })
        .await;
    }
}

#[tokio::test]
async fn an_entry_that_should_not_be_there_is_found() {
    finds(
        "a place of a former time",
        "`waiting` names it and should not",
        |bed| {
            let mut member = bed.first(&["ZRANGE", &key("waiting"), "0", "0"]);
            member[12] ^= 1;
            bed.ask(&[b"ZADD", key("waiting").as_bytes(), b"0", &member]);
        },
    )
    .await;
    finds(
        "a job that is not done",
        "`done` names it and should not",
        |bed| {
            let member = bed.first(&["ZRANGE", &key("waiting"), "0", "0"]);
            let entry = [&[0; 7], &member[..5], &member[13..29]].concat();
            bed.ask(&[b"RPUSH", key("done").as_bytes(), &entry]);
        },
    )
    .await;
    finds(
        "a cancel of what waits",
        "`cancels` names it and should not",
        |bed| {
            let member = bed.first(&["ZRANGE", &key("waiting"), "0", "0"]);
            bed.ask(&[b"HSET", key("cancels").as_bytes(), &member[13..29], b"why"]);
        },
    )
    .await;
    finds(
        "bytes that are no job",
        "an entry of the key `ends` cannot be read",
        |bed| {
            bed.ask(&["HSET", &key("ends"), "short", "x"]);
        },
    )
    .await;
}

#[tokio::test]
async fn a_mark_that_is_wrong_is_found() {
    finds("a flag", "is not marked rightly where it waits", |bed| {
        let mut member = bed.first(&["ZRANGE", &key("waiting"), "0", "0"]);
        bed.ask(&[b"ZREM", key("waiting").as_bytes(), &member]);
        member[29] ^= 1;
        bed.ask(&[b"ZADD", key("waiting").as_bytes(), b"0", &member]);
    })
    .await;
    finds("a pause", "the queue `paused` is paused only half", |bed| {
        bed.ask(&["DEL", &key("paused")]);
    })
    .await;
    finds("a name", "has no number, so nobody can claim it", |bed| {
        bed.ask(&["HDEL", &key("names"), "g/0/send_mail"]);
    })
    .await;
    finds("an instance", "an instance is known only half", |bed| {
        let field = [b"i/", &bed.instance.id.uuid().as_bytes()[..]].concat();
        bed.ask(&[b"HDEL", key("names").as_bytes(), &field]);
    })
    .await;
    finds(
        "hands of nobody",
        "belongs to no instance that is known",
        |bed| {
            bed.ask(&["RENAME", &bed.held(), &key("held:0")]);
        },
    )
    .await;
}

#[tokio::test]
async fn a_key_of_another_type_is_found() {
    let Some(bed) = Bed::new().await else { return };
    bed.report().await;
    let names = "names bodies states waiting hints suspects retrying attempts ends failed by_time \
                 counts cancels awaited paused idle rooms done until gone instances about \
                 activity subjects";
    let keys = names.split_whitespace().map(key).chain([bed.held()]);
    for key in keys {
        let is_there = bed.ask(&["EXISTS", &key]).int() == 1;
        if is_there {
            bed.ask(&["RENAME", &key, "kept"]);
        }
        bed.ask(&["SET", &key, "text"]);
        let report = bed.report().await;
        let found = format!("the key `{key}` is of another type and has to be a");
        assert!(report.contains(&found), "{report}");
        assert!(report.contains("not looked at: all jobs"), "{report}");
        bed.ask(&["DEL", &key]);
        if is_there {
            bed.ask(&["RENAME", "kept", &key]);
        }
    }
    assert!(bed.report().await.contains("no faults"));
    finds(
        "a list",
        "`{marionette}:waiting` is a list and has to be a sorted set",
        |bed| {
            bed.ask(&["DEL", &key("waiting")]);
            bed.ask(&["RPUSH", &key("waiting"), "job"]);
        },
    )
    .await;
}

#[tokio::test]
async fn jobs_that_are_at_work_meanwhile_are_no_faults() {
    let Some(bed) = Bed::new().await else { return };
    let (store, instance) = (bed.store.clone(), bed.instance.clone());
    let work = tokio::spawn(async move {
        for _ in 0..60 {
            let jobs = (0..50).map(|_| NewJob::new(KIND, b"{}".to_vec()));
            store.insert(jobs.collect()).await.expect("there is room");
            let claim = Claim::new(instance.id, Wanted::new([KIND]), 40);
            let claimed = store.claim(claim).await.expect("a claim");
            let settlements = claimed.into_iter().enumerate().map(|(index, claimed)| {
                let next = match index % 4 {
                    0 => Next::Done(b"null".to_vec()),
                    1 => cancelled(),
                    2 => Next::Retry(Due::At(SystemTime::UNIX_EPOCH)),
                    _ => Next::Release,
                };
                Settlement::new(claimed.lease, next)
            });
            let settlements = settlements.collect();
            store.settle(settlements).await.expect("they are in order");
        }
    });
    let mut looked = 0;
    while !work.is_finished() {
        let report = bed.store.check().await.expect("a report");
        assert!(report.is_clean(), "{report}");
        looked += 1;
    }
    assert!(looked > 1, "the work was over at once");
    work.await.expect("it does not panic");
}
