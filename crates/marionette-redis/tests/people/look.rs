//! Counts, lists, and jobs in full.

use std::time::{Duration, UNIX_EPOCH};

use marionette::TaskId;
use marionette::inspect::{ActivityFilter, ActivityKind, By, Count, Filter, Inspect, Page};
use marionette::store::{Due, JobState, Name, NewJob, Next, Settled, StoreErrorKind, Wanted};
use marionette_servers::Reply;
use uuid::Uuid;

use super::{Bed, Change, HOUR, by, job, name, on_a_server};

#[test]
fn a_job_is_shown_with_all_that_is_known_of_it() {
    on_a_server(async |bed| {
        assert_eq!(bed.store.job(TaskId::new()).await.expect("an answer"), None);
        let ids = bed.one_of_each().await;
        let retrying = bed.job(ids[2]).await;
        assert_eq!(retrying.summary.failed, 1);
        assert_eq!(retrying.attempts.len(), 1);
        let reason = retrying.summary.reason.expect("it failed");
        assert!(reason.contains("try again"), "{reason}");
        let running = bed.job(ids[3]).await.summary;
        assert_eq!(running.instance, Some(bed.instance));
        assert!(running.started.is_some() && running.ended.is_none());
        let done = bed.job(ids[4]).await;
        assert_eq!(done.result.as_deref(), Some(&b"result"[..]));
        assert_eq!(done.attempts.len(), 1);
        assert_eq!(done.attempts[0].instance, Some(bed.instance));
        assert_eq!(done.attempts[0].ran, Duration::from_nanos(7));
        let dead = bed.job(ids[5]).await;
        assert!(dead.summary.reason.expect("it failed").contains("fatal"));
        let cancelled = bed.job(ids[6]).await.summary;
        assert_eq!(cancelled.reason.as_deref(), Some("expired"));
        assert_eq!(cancelled.instance, None);
    });
}

#[test]
fn jobs_are_counted_by_queue_kind_and_state_however_many_lanes_there_are() {
    on_a_server(async |bed| {
        bed.one_of_each().await;
        let mut expected: Vec<_> = JobState::ALL[..7]
            .iter()
            .map(|state| Count::new(name("default"), name("mail"), *state, 1))
            .collect();
        let mut counts = bed.store.counts().await.expect("counts");
        counts.sort();
        assert_eq!(counts, expected);
        // More lanes than one call counts.
        for number in 0..450 {
            let queue = name(&format!("q{number}"));
            let of = |priority| job().queue(queue.clone()).priority(priority);
            bed.insert(of(0)).await;
            if number % 100 == 0 {
                bed.insert(of(5)).await;
            }
            let jobs = if number % 100 == 0 { 2 } else { 1 };
            expected.push(Count::new(queue, name("mail"), JobState::Ready, jobs));
        }
        expected.sort();
        let mut counts = bed.store.counts().await.expect("counts");
        counts.sort();
        assert_eq!(counts, expected);
    });
}

#[test]
fn lists_go_from_the_newest_to_the_oldest_whatever_the_order_in_which_jobs_are_due() {
    on_a_server(async |bed| {
        let mut ids = bed.insert_many(40).await;
        let later = job().kind(name("later")).due(Due::After(HOUR));
        let later: Vec<_> = (0..30).map(|_| later.clone().id(TaskId::new())).collect();
        ids.extend(later.iter().map(|job| job.id));
        bed.insert_all(later).await;
        let claimed = bed.claim(15).await;
        for job in &claimed[..10] {
            let settled = bed.settle(*job, Next::Done(b"null".to_vec()), None).await;
            assert_eq!(settled, Settled::Applied);
        }
        ids.reverse();
        for limit in [1, 7, 69, 70, 71, 1_000] {
            let jobs = bed.pages(&Filter::new(), limit).await;
            let listed: Vec<_> = jobs.iter().map(|job| job.id).collect();
            assert_eq!(listed, ids, "by {limit}");
        }
        let later = bed.found(Filter::new().state(JobState::Scheduled)).await;
        assert_eq!(later.len(), 30);
        assert_eq!(bed.found(Filter::new().kind("later")).await, later);
        assert_eq!(bed.found(Filter::new().queue("none")).await, []);
        assert_eq!(
            bed.found(Filter::new().state(JobState::Done)).await.len(),
            10
        );
        assert_eq!(
            bed.found(Filter::new().state(JobState::Running))
                .await
                .len(),
            5
        );
        assert_eq!(
            bed.found(Filter::new().state(JobState::Ready)).await.len(),
            25
        );
    });
}

#[test]
fn a_list_names_jobs_that_cannot_be_read_and_shows_the_others() {
    on_a_server(async |bed| {
        let ids = bed.insert_many(3).await;
        bed.command("HSET", "bodies", &[ids[1].uuid().as_bytes(), b"nonsense"]);
        let listed = bed
            .store
            .list(Filter::new(), Page::default())
            .await
            .expect("a page");
        let shown: Vec<_> = listed.jobs.iter().map(|job| job.id).collect();
        assert_eq!(shown, [ids[2], ids[0]]);
        assert_eq!(listed.unreadable.len(), 1);
        assert_eq!(listed.unreadable[0].id, Some(ids[1]));
        let error = bed.store.job(ids[1]).await.expect_err("it cannot be read");
        assert_eq!(error.kind(), StoreErrorKind::Refused);
        assert!(error.to_string().contains(&ids[1].to_string()), "{error}");
    });
}

#[test]
fn a_queue_is_paused_by_the_first_who_says_so() {
    on_a_server(async |bed| {
        bed.insert(job()).await;
        let queue = || name("default");
        let (ada, ben) = (By::new("ada", "x"), By::new("ben", "y"));
        bed.store
            .resume_queue(queue(), ada.clone())
            .await
            .expect("a change");
        for by in [&ada, &ben] {
            bed.store
                .pause_queue(queue(), by.clone())
                .await
                .expect("a change");
        }
        let paused = bed.store.paused_queues().await.expect("queues");
        assert_eq!(paused.len(), 1);
        assert_eq!(
            (&*paused[0].queue, paused[0].by.as_ref()),
            ("default", Some(&ada))
        );
        assert!(bed.claim(1).await.is_empty());
        bed.store
            .resume_queue(queue(), ben.clone())
            .await
            .expect("a change");
        assert!(bed.store.paused_queues().await.expect("queues").is_empty());
        assert_eq!(bed.claim(1).await.len(), 1);
        let filter = ActivityFilter::new().queue("default");
        let told = bed.store.activity(filter).await.expect("activities");
        let told: Vec<_> = told
            .into_iter()
            .map(|it| (it.kind, it.by, it.queue))
            .collect();
        let expected = [
            (ActivityKind::Resumed, ben, Some(queue())),
            (ActivityKind::Paused, ada, Some(queue())),
        ];
        assert_eq!(told, expected);
    });
}

#[test]
fn instances_are_shown_with_the_jobs_that_they_have() {
    on_a_server(async |bed| {
        bed.insert_many(3).await;
        bed.claim(2).await;
        let live = bed.store.instances().await.expect("instances");
        assert_eq!(live.len(), 1);
        assert_eq!((live[0].info.id, live[0].running), (bed.instance, 2));
        assert_eq!(live[0].info.host.as_deref(), Some("here"));
        // One that was silent for a lease is not shown.
        let id = bed.instance.uuid();
        let mut row = bed.command("HGET", "instances", &[id.as_bytes()]).bytes();
        row[16] -= 1;
        bed.command("HSET", "instances", &[id.as_bytes(), &row]);
        assert!(bed.store.instances().await.expect("instances").is_empty());
    });
}

#[test]
fn jobs_that_nobody_can_run_are_counted() {
    on_a_server(async |bed| {
        bed.insert(job()).await;
        for queue in ["x", "x", "y", "paused"] {
            bed.insert(job().kind(name("old")).queue(name(queue))).await;
        }
        bed.insert(job().kind(name("old")).queue(name("x")).priority(5))
            .await;
        bed.insert(job().kind(name("later")).due(Due::After(HOUR)))
            .await;
        bed.store
            .pause_queue(name("paused"), by())
            .await
            .expect("a change");
        let count = async |wanted: Wanted, overdue| {
            let counts = bed.store.unclaimed(wanted, overdue).await.expect("counts");
            let told = counts
                .into_iter()
                .map(|it| (it.queue.to_string(), it.kind, it.jobs));
            told.collect::<Vec<_>>()
        };
        let mail = || Wanted::new([name("mail")]);
        let of = |queue: &str, jobs| (queue.to_owned(), name("old"), jobs);
        assert_eq!(count(mail(), Duration::from_secs(60)).await, []);
        assert_eq!(
            count(mail(), Duration::ZERO).await,
            [of("x", 3), of("y", 1)]
        );
        assert_eq!(
            count(mail().queues([name("y")]), Duration::ZERO).await,
            [of("y", 1)]
        );
        let all = Wanted::new(["mail", "old", "later"].map(Name::from_static));
        assert_eq!(count(all, Duration::ZERO).await, []);
    });
}

/// A job that was made so many seconds after an hour of long ago, and is due since then.
fn old(seconds: u64) -> NewJob {
    let since = Duration::from_secs(1_700_000_000 + seconds);
    let millis = u64::try_from(since.as_millis()).expect("it is not that long");
    let id = Uuid::from_u64_pair(millis << 16 | 7 << 12, 1 << 63);
    job().id(id.into()).due(Due::At(UNIX_EPOCH + since))
}

/// Inserts so many of them; those of one call are of the same minute.
async fn insert_old(bed: &Bed, count: u64) {
    let seconds: Vec<_> = (0..count).collect();
    for seconds in seconds.chunks(50) {
        bed.insert_all(seconds.iter().copied().map(old).collect())
            .await;
    }
}

#[test]
fn the_newest_of_many_jobs_are_found_at_the_end_of_their_queue() {
    on_a_server(async |bed| {
        insert_old(&bed, 5_000).await;
        let scheduled = bed.insert(job().due(Due::After(HOUR))).await;
        let mut newest = bed.insert_many(5).await;
        newest.insert(0, scheduled);
        newest.reverse();
        bed.redis.command(&["CONFIG", "RESETSTAT"]);
        let waiting = Filter::new().states([JobState::Ready, JobState::Scheduled]);
        let listed = bed.store.list(waiting.clone(), Page::first(6)).await;
        let listed: Vec<_> = listed
            .expect("a page")
            .jobs
            .iter()
            .map(|job| job.id)
            .collect();
        assert_eq!(listed, newest);
        let stats = bed.redis.command(&["INFO", "commandstats"]).text();
        let walk = stats.lines().find(|line| line.contains("zrevrangebylex"));
        assert!(
            walk.is_some_and(|walk| walk.contains("calls=1,")),
            "{stats}"
        );
        // All of them are listed all the same.
        assert_eq!(bed.pages(&waiting, 1_000).await.len(), 5_006);
        assert_eq!(bed.pages(&waiting, 777).await.len(), 5_006);
    });
}

#[test]
fn a_new_job_is_found_that_is_due_since_long_ago() {
    let long_ago = || Due::At(UNIX_EPOCH + HOUR);
    let no_time = || TaskId::from(Uuid::from_u128(u128::MAX));
    for case in 0..4 {
        on_a_server(async |bed| {
            let odd = match case {
                0 => bed.insert(job().due(long_ago())).await,
                1 => bed.insert(job().id(no_time()).due(long_ago())).await,
                2 => {
                    let id = bed.insert(job().due(Due::After(HOUR))).await;
                    let soon = UNIX_EPOCH + HOUR;
                    assert_eq!(bed.change(id, Change::Reschedule(soon)).await, 1);
                    id
                }
                _ => {
                    let lease = bed.claimed().await;
                    let next = Next::Snooze(long_ago());
                    assert_eq!(bed.settle(lease, next, None).await, Settled::Applied);
                    lease.job
                }
            };
            insert_old(&bed, 2_000).await;
            let listed = bed.store.list(Filter::new(), Page::first(5)).await;
            assert_eq!(listed.expect("a page").jobs[0].id, odd, "case {case}");
        });
    }
    // The same for a caller that inserts one job, which is due at once.
    let (high, low) = TaskId::new().uuid().as_u64_pair();
    let in_an_hour = Uuid::from_u64_pair(high + (3_600_000 << 16), low);
    for id in [no_time(), in_an_hour.into()] {
        on_a_server(async |bed| {
            for _ in 0..2 {
                bed.insert(job()).await;
            }
            assert_eq!(bed.command("HGET", "names", &[b"#w"]), Reply::Nil);
            bed.insert(job().id(id)).await;
            assert_ne!(bed.command("HGET", "names", &[b"#w"]), Reply::Nil);
        });
    }
}
