//! What an instance is given.

use std::task::Poll;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use marionette::inspect::Inspect;
use marionette::store::{
    Claim, Due, EndKind, InstanceId, JobState, NewJob, Store, StoreErrorKind, Wanted,
};
use marionette_servers::Reply;

use super::{Bed, ids, key, mail, mails, name};

/// Some time in the past, another one for each job, in no order.
fn past(number: u64) -> Due {
    let micros = number * 7919 % 100_003 * 1_000;
    Due::At(UNIX_EPOCH + Duration::from_secs(1_000_000_000) + Duration::from_micros(micros))
}

fn when(job: &NewJob) -> SystemTime {
    match job.due {
        Due::At(time) => time,
        _ => panic!("it has a date"),
    }
}

/// Jobs of these kinds in these queues, each with a date of its own.
fn spread(count: u64, kinds: u64, queues: u64) -> Vec<NewJob> {
    let job = |number: u64| {
        let kind = name(format!("kind-{}", number % kinds));
        let queue = name(format!("queue-{}", number / kinds % queues));
        let priority = i8::from(number.is_multiple_of(4));
        mail()
            .kind(kind)
            .queue(queue)
            .priority(priority)
            .due(past(number))
    };
    (0..count).map(job).collect()
}

/// Claims all, this many at a time, and expects the order of the contract.
async fn is_in_order(bed: &Bed, mut jobs: Vec<NewJob>, wanted: Wanted, each: usize) {
    bed.insert(jobs.clone()).await;
    jobs.sort_by_key(|job| (std::cmp::Reverse(job.priority), when(job), job.id));
    let expected: Vec<_> = jobs.iter().map(|job| job.id).collect();
    let mut claimed = Vec::new();
    loop {
        let more = bed
            .claim(wanted.clone(), each)
            .await
            .expect("they are given");
        if more.is_empty() {
            break;
        }
        claimed.extend(ids(&more));
    }
    assert_eq!(claimed.len(), expected.len());
    assert!(claimed == expected, "by {each}");
}

fn numbered(what: &str, count: u64) -> Vec<marionette::store::Name> {
    (0..count)
        .map(|number| name(format!("{what}-{number}")))
        .collect()
}

#[tokio::test]
async fn jobs_of_many_lanes_come_in_their_order_however_many_are_asked_for() {
    let Some(bed) = Bed::new().await else { return };
    for each in [1, 7, 300, 2_500] {
        let count = if each == 1 { 300 } else { 2_400 };
        let wanted = Wanted::new(numbered("kind", 3));
        is_in_order(&bed, spread(count, 3, 60), wanted.clone(), each).await;
        let named = wanted.queues(numbered("queue", 60));
        is_in_order(&bed, spread(count, 3, 60), named, each).await;
    }
}

#[tokio::test]
async fn an_instance_for_very_many_queues_gets_its_jobs_in_their_order() {
    let Some(bed) = Bed::new().await else { return };
    let wanted = Wanted::new(numbered("kind", 7)).queues(numbered("queue", 400));
    for each in [1, 500] {
        is_in_order(
            &bed,
            spread(120 * each as u64 / 100 + 60, 7, 400),
            wanted.clone(),
            each,
        )
        .await;
    }
}

#[tokio::test]
async fn an_instance_for_very_many_kinds_gets_all_its_jobs() {
    let Some(bed) = Bed::new().await else { return };
    let jobs = spread(3_000, 1_100, 1);
    bed.insert(jobs).await;
    let wanted = Wanted::new(numbered("kind", 1_100));
    assert_eq!(
        bed.claim(wanted, 10_000)
            .await
            .expect("they are given")
            .len(),
        3_000
    );
}

/// Ids of other programs may differ in their last bytes alone.
#[tokio::test]
async fn jobs_that_are_due_at_once_and_have_nearly_the_same_id_are_all_given() {
    let Some(bed) = Bed::new().await else { return };
    let number = |number: u128| marionette::TaskId::from(uuid::Uuid::from_u128(number));
    let job = |index: u128| {
        let queue = name(format!("queue-{}", index * 7919 % 300 % 3));
        mail()
            .id(number(index))
            .queue(queue)
            .due(Due::At(UNIX_EPOCH))
    };
    bed.insert((0..300).map(job).collect()).await;
    let mut got = Vec::new();
    for _ in 0..100 {
        got.extend(ids(&bed.mails(7).await));
    }
    assert_eq!(got, (0..300).map(number).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_hint_that_is_too_early_does_not_change_the_order() {
    let Some(bed) = Bed::new().await else { return };
    let at = |queue: &str, number| {
        let date = UNIX_EPOCH + Duration::from_secs(number);
        mail().queue(name(queue)).due(Due::At(date))
    };
    let [early, late, other] = [at("a", 1_000), at("a", 3_000), at("b", 2_000)];
    bed.insert(vec![early.clone(), late.clone(), other.clone()])
        .await;
    // The hint of its lane stays.
    let which = marionette::inspect::Which::Ids(vec![early.id]);
    let by = marionette::inspect::By::new("ada", "a test");
    bed.store.delete(which, by).await.expect("a change");
    assert_eq!(ids(&bed.mails(1).await), [other.id]);
    assert_eq!(ids(&bed.mails(1).await), [late.id]);
}

#[tokio::test]
async fn a_new_priority_of_another_process_goes_first_at_once() {
    let Some(bed) = Bed::new().await else { return };
    bed.insert(mails(3)).await;
    assert_eq!(bed.mails(1).await.len(), 1);
    let urgent = mail().priority(9);
    let told = bed.other().await.insert(vec![urgent.clone()]).await;
    assert!(told.expect("it is in order")[0].is_accepted());
    assert_eq!(ids(&bed.mails(1).await), [urgent.id]);
}

#[tokio::test]
async fn a_job_that_cannot_be_read_is_quarantined_and_the_others_go_on() {
    let Some(bed) = Bed::new().await else { return };
    let jobs = mails(3);
    bed.insert(jobs.clone()).await;
    let id = jobs[1].id.uuid();
    let spoilt = [&key("bodies").into_bytes()[..], id.as_bytes(), b"?"];
    let words: Vec<&[u8]> = [&b"HSET"[..]].into_iter().chain(spoilt).collect();
    assert_eq!(bed.server.command(&words).int(), 0);
    assert_eq!(ids(&bed.mails(5).await), [jobs[0].id, jobs[2].id]);
    assert!(bed.mails(5).await.is_empty());
    let ends = bed
        .server
        .command(&[&b"HGET"[..], key("ends").as_bytes(), id.as_bytes()]);
    let ends = ends.bytes();
    assert_eq!(&ends[..2], b"7q", "quarantined");
    let reason = String::from_utf8_lossy(&ends).into_owned();
    assert!(
        reason.ends_with("it cannot be read: its body is too short"),
        "{reason}"
    );
}

#[tokio::test]
async fn a_member_without_a_job_goes_and_is_no_job() {
    let Some(bed) = Bed::new().await else { return };
    let jobs = mails(3);
    bed.insert(jobs.clone()).await;
    let id = jobs[0].id.uuid();
    let words = [&b"HDEL"[..], &key("bodies").into_bytes(), id.as_bytes()];
    assert_eq!(bed.server.command(&words).int(), 1);
    assert_eq!(ids(&bed.mails(5).await), [jobs[1].id, jobs[2].id]);
    assert_eq!(
        bed.server.command(&["ZCARD", &key("waiting")]),
        Reply::Int(0)
    );
}

#[tokio::test]
async fn an_instance_that_never_renewed_may_try_later() {
    let Some(bed) = Bed::new().await else { return };
    bed.insert(vec![mail()]).await;
    let stranger = Claim::new(InstanceId::new(), Wanted::new([super::MAIL]), 1);
    let error = bed
        .store
        .claim(stranger)
        .await
        .expect_err("it is not known");
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(error.to_string().contains("instance"), "{error}");
    assert_eq!(bed.mails(1).await.len(), 1);
}

#[tokio::test]
async fn a_job_that_is_quarantined_says_how_it_ended() {
    let Some(bed) = Bed::new().await else { return };
    let job = mail();
    bed.insert(vec![job.clone()]).await;
    // The options are no JSON any more.
    let body = [&[0; 7][..], b"0\x00\x04\x07maildefault\x01!"].concat();
    let id = job.id.uuid();
    let words = [
        &b"HSET"[..],
        &key("bodies").into_bytes(),
        id.as_bytes(),
        &body,
    ];
    bed.server.command(&words);
    assert!(bed.mails(5).await.is_empty());
    let filter = marionette::inspect::Filter::new().states([JobState::Quarantined]);
    let page = marionette::inspect::Page::default();
    let listed = bed.store.list(filter, page).await.expect("an answer");
    if let [summary] = &listed.jobs[..] {
        assert_eq!(summary.end, Some(EndKind::Quarantined));
    }
}

/// Not only once its lease has lapsed.
#[tokio::test]
async fn what_was_claimed_for_a_caller_that_is_gone_waits_again_at_once() {
    let Some(bed) = Bed::new().await else { return };
    bed.insert(mails(20)).await;
    // Before the claim is sent, as a rule, and when its answer has come.
    for pause in [Duration::ZERO, Duration::from_millis(200)] {
        let claim = Claim::new(bed.instance, Wanted::new([super::MAIL]), 20);
        let mut claiming = std::pin::pin!(bed.store.claim(claim));
        let once = std::future::poll_fn(|context| {
            let is_ready = claiming.as_mut().poll(context).is_ready();
            assert!(!is_ready, "nothing is known yet");
            Poll::Ready(())
        });
        once.await;
        tokio::time::sleep(pause).await;
    }
    let mut got = Vec::new();
    // For less than a lease.
    for _ in 0..1_000 {
        got.extend(bed.mails(20).await);
        if got.len() == 20 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(got.len(), 20);
    assert!(
        got.iter()
            .all(|claimed| claimed.crashes == 0 && claimed.attempts.is_empty())
    );
}
