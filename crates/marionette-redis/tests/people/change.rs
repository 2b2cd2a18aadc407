//! Changes, and what is told of them.

use std::time::{SystemTime, UNIX_EPOCH};

use marionette::TaskId;
use marionette::inspect::{ACTIVITY_IDS_MAX, ActivityFilter, ActivityKind, Filter, Inspect, Which};
use marionette::store::{Due, ERROR_BYTES_MAX, JobOptions, JobState, Next, Settled, clip_error};

use super::{Bed, Change, HOUR, by, failure, job, name, on_a_server};

fn cancel(reason: &str) -> Change {
    Change::Cancel(reason.to_owned())
}

fn later() -> SystemTime {
    UNIX_EPOCH + 1_000_000 * HOUR
}

/// Makes a change to one job of each state, and returns the states in which it changed the job.
async fn changed(bed: &Bed, change: Change) -> Vec<JobState> {
    let mut changed = Vec::new();
    for (id, state) in bed.one_of_each().await.into_iter().zip(JobState::ALL) {
        let before = bed.store.job(id).await.expect("an answer");
        let count = bed.change(id, change.clone()).await;
        let after = bed.store.job(id).await.expect("an answer");
        match count {
            0 => assert_eq!(after, before, "{state} is left as it is"),
            1 => changed.push(state),
            more => panic!("one job is no {more}"),
        }
    }
    changed
}

#[test]
fn each_change_is_for_jobs_in_the_states_in_which_it_makes_sense() {
    on_a_server(async |bed| {
        let waiting = [JobState::Ready, JobState::Scheduled, JobState::Retrying];
        let late = [JobState::Scheduled, JobState::Retrying];
        let failed = [JobState::Dead, JobState::Cancelled];
        assert_eq!(changed(&bed, Change::Reschedule(later())).await, waiting);
        assert_eq!(changed(&bed, Change::Retry).await, [late, failed].concat());
        let all = Filter::new().states([JobState::Ready]);
        bed.change(all, Change::Delete).await;
        let running = [JobState::Running];
        assert_eq!(
            changed(&bed, cancel("x")).await,
            [&waiting[..], &running].concat()
        );
        let mut all = JobState::ALL[..7].to_vec();
        all.retain(|state| *state != JobState::Running);
        assert_eq!(changed(&bed, Change::Delete).await, all);
    });
}

#[test]
fn what_is_retried_begins_anew_and_keeps_its_history() {
    on_a_server(async |bed| {
        let ids = bed.one_of_each().await;
        assert_eq!(bed.change(ids[5], Change::Retry).await, 1);
        let job = bed.job(ids[5]).await;
        assert_eq!(job.summary.state, JobState::Ready);
        assert_eq!((job.summary.failed, job.summary.ended), (0, None));
        assert_eq!((job.summary.reason, job.attempts.len()), (None, 1));
        let counts = bed.store.counts().await.expect("counts");
        assert!(counts.iter().all(|count| count.state != JobState::Dead));
        assert_eq!(bed.found(Filter::new().state(JobState::Dead)).await, []);
    });
}

/// The caller of the settlement may not have got its answer.
#[test]
fn a_settlement_that_comes_again_after_a_change_is_applied() {
    on_a_server(async |bed| {
        let lease = bed.claimed().await;
        let changes = [Change::Retry, Change::Reschedule(later()), cancel("enough")];
        for change in [None].into_iter().chain(changes.map(Some)) {
            if let Some(change) = change {
                assert_eq!(bed.change(lease.job, change).await, 1);
            }
            let settled = bed.settle(lease, Next::Bury, Some(failure("fatal"))).await;
            assert_eq!(settled, Settled::Applied);
        }
        assert_eq!(bed.state(lease.job).await, JobState::Cancelled);
    });
}

#[test]
fn the_first_reason_of_a_cancellation_stays_and_is_cut() {
    on_a_server(async |bed| {
        let running = bed.claimed().await;
        let reason = "\u{e9}".repeat(ERROR_BYTES_MAX);
        assert_eq!(bed.change(running.job, cancel(&reason)).await, 1);
        assert_eq!(bed.change(running.job, cancel("second")).await, 0);
        assert_eq!(bed.state(running.job).await, JobState::Running);
        let settled = bed.settle(running, Next::Release, None).await;
        assert_eq!(settled, Settled::Applied);
        let job = bed.job(running.job).await.summary;
        let cut = clip_error(reason);
        assert_eq!(
            (job.state, job.reason.as_deref()),
            (JobState::Cancelled, Some(&*cut))
        );
        let told = bed
            .store
            .activity(ActivityFilter::new())
            .await
            .expect("activities");
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].reason.as_deref(), Some(&*cut));
    });
}

#[test]
fn all_that_match_are_changed_once_and_one_call_is_one_activity() {
    on_a_server(async |bed| {
        let ids = bed.insert_many(1_700).await;
        let other = bed.insert(job().kind(name("other"))).await;
        let mails = || Which::Matching(Filter::new().kind("mail"));
        assert_eq!(
            bed.change(mails(), Change::Reschedule(later())).await,
            1_700
        );
        assert_eq!(bed.change(mails(), Change::Retry).await, 1_700);
        assert_eq!(bed.change(mails(), cancel("enough")).await, 1_700);
        assert_eq!(bed.change(mails(), Change::Retry).await, 1_700);
        assert_eq!(bed.change(mails(), Change::Delete).await, 1_700);
        assert_eq!(bed.change(mails(), Change::Delete).await, 0);
        assert_eq!(bed.found(Filter::new()).await, [other]);
        let told = bed
            .store
            .activity(ActivityFilter::new())
            .await
            .expect("activities");
        let kinds: Vec<_> = told.iter().map(|activity| activity.kind).collect();
        let expected = [
            ActivityKind::Deleted,
            ActivityKind::Retried,
            ActivityKind::Cancelled,
            ActivityKind::Retried,
            ActivityKind::Rescheduled,
        ];
        assert_eq!(kinds, expected);
        for activity in &told {
            assert_eq!((activity.jobs, &activity.by), (1_700, &by()));
            assert_eq!(activity.ids.len(), ACTIVITY_IDS_MAX);
            assert!(activity.ids.iter().all(|id| ids.contains(id)));
        }
        let of_one = ActivityFilter::new().job(ids[900]);
        let of_one = bed.store.activity(of_one).await.expect("activities");
        assert_eq!(of_one, told);
    });
}

#[test]
fn activities_are_listed_page_by_page() {
    on_a_server(async |bed| {
        let id = bed.insert(job()).await;
        for round in 0..5 {
            assert_eq!(bed.change(id, cancel(&round.to_string())).await, 1);
            assert_eq!(bed.change(id, Change::Retry).await, 1);
        }
        for filter in [ActivityFilter::new(), ActivityFilter::new().job(id)] {
            let (mut numbers, mut filter) = (Vec::new(), filter.limit(3));
            loop {
                let page = bed
                    .store
                    .activity(filter.clone())
                    .await
                    .expect("activities");
                let Some(last) = page.last() else { break };
                filter.before = Some(last.number);
                numbers.extend(page.iter().map(|activity| activity.number));
            }
            assert_eq!(numbers, (1..=10).rev().collect::<Vec<_>>());
        }
        let both = ActivityFilter::new().job(id).queue("default");
        assert_eq!(bed.store.activity(both).await.expect("activities"), []);
    });
}

#[test]
fn ids_that_come_twice_or_that_nobody_knows_count_for_nothing() {
    on_a_server(async |bed| {
        let id = bed.insert(job()).await;
        let which = || Which::Ids(vec![TaskId::new(), id, id, TaskId::new()]);
        assert_eq!(bed.change(which(), Change::Reschedule(later())).await, 1);
        assert_eq!(bed.change(which(), Change::Delete).await, 1);
        assert_eq!(bed.change(which(), Change::Delete).await, 0);
        assert_eq!(bed.change(Which::Ids(Vec::new()), Change::Delete).await, 0);
    });
}

/// Else nobody would know the layout of what was written.
#[test]
fn a_change_on_an_emptied_server_makes_the_store_anew() {
    on_a_server(async |bed| {
        for round in 0..2 {
            let id = bed.insert(job()).await;
            bed.redis.command(&["FLUSHALL"]);
            if round == 0 {
                assert_eq!(bed.change(id, Change::Delete).await, 0);
            } else {
                let paused = bed.store.pause_queue(name("x"), by()).await;
                paused.expect("a change");
                assert_eq!(bed.command("HGET", "names", &[b"#v"]).text(), "1");
            }
        }
    });
}

#[test]
fn a_job_that_cannot_be_read_is_deleted_by_its_id_alone() {
    on_a_server(async |bed| {
        let ids = bed.one_of_each().await;
        let mut options = JobOptions::default();
        options.keep_result = Some(HOUR);
        let long = job().options(options);
        let kept = bed.insert(long).await;
        let leases = bed.claim(10).await;
        for lease in leases {
            let done = Next::Done(b"null".to_vec());
            assert_eq!(bed.settle(lease, done, None).await, Settled::Applied);
        }
        for (key, row) in [("bodies", "nonsense"), ("states", "too short")] {
            for id in ids.iter().chain([&kept]) {
                bed.command("HSET", key, &[id.uuid().as_bytes(), row.as_bytes()]);
            }
        }
        let matching = Which::Matching(Filter::new());
        assert_eq!(bed.change(matching, Change::Delete).await, 0);
        assert_eq!(bed.change(Which::Ids(ids.clone()), Change::Retry).await, 0);
        let all = Which::Ids([&ids[..], &[kept]].concat());
        assert_eq!(bed.change(all.clone(), Change::Delete).await, 7);
        assert_eq!(bed.change(all, Change::Delete).await, 0);
        let counts = bed.store.counts().await.expect("counts");
        assert_eq!(counts.len(), 1, "{counts:?}");
        assert_eq!(counts[0].state, JobState::Running);
        let told = bed
            .store
            .activity(ActivityFilter::new())
            .await
            .expect("activities");
        assert_eq!((told.len(), told[0].jobs), (1, 7));
    });
}

/// A claim of few jobs looks into few queues, those first whose jobs have been due for longest.
#[test]
fn what_was_taken_from_queues_gives_their_turn_to_others() {
    on_a_server(async |bed| {
        let at = |hours| Due::At(UNIX_EPOCH + hours * HOUR);
        for change in [Change::Delete, cancel("x"), Change::Reschedule(later())] {
            let of = |queue: String| job().queue(name(&queue));
            let first: Vec<_> = (0..30)
                .map(|number| of(format!("a{number}")).due(at(1)))
                .collect();
            let ids = first.iter().map(|job| job.id).collect();
            let behind = (0..30).map(|number| of(format!("a{number}")).due(at(3)));
            bed.insert_all(first).await;
            bed.insert_all(behind.collect()).await;
            let second = bed.insert(of("b".to_owned()).due(at(2))).await;
            assert_eq!(bed.change(Which::Ids(ids), change).await, 30);
            assert_eq!(bed.claim(1).await[0].job, second);
            assert_eq!(bed.claim(100).await.len(), 30);
        }
    });
}
