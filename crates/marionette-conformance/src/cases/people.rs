//! What instances tell about themselves, and who made which change.

use std::time::{Duration, SystemTime};

use marionette::TaskId;
use marionette::inspect::{ACTIVITY_IDS_MAX, ActivityFilter, ActivityKind, By, Filter, Which};
use marionette::store::{
    ERROR_BYTES_MAX, InstanceId, InstanceInfo, JobState, StoreErrorKind, clip_error,
};

use crate::bed::{Bed, by, job, jobs, name, no_names, only, present};
use crate::case::{Case, claims};
use crate::fixture::Part;

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = claims![
        an_instance_is_shown_as_it_introduced_itself,
        an_instance_may_change_how_many_workers_it_has,
        a_paused_queue_says_who_paused_it,
        a_store_that_keeps_no_activity_says_so,
    ];
    cases.extend(claims![of Part::Activity;
        each_change_of_a_job_says_who_made_it,
        one_call_is_one_activity,
        the_reason_of_an_activity_is_cut,
        what_changed_nothing_is_no_activity,
        a_deleted_job_is_still_told_of,
        a_paused_queue_is_told_of,
        all_conditions_of_activities_hold_and_a_page_has_at_least_one,
        a_text_that_no_queue_can_be_called_is_told_of_nothing,
        activities_are_listed_page_by_page,
    ]);
    cases
}

async fn shown(bed: &Bed, id: InstanceId) -> InstanceInfo {
    let live = bed.store.instances().await.expect("an answer");
    let found = live.into_iter().find(|live| live.info.id == id);
    found.expect("it lives").info
}

async fn an_instance_is_shown_as_it_introduced_itself(bed: Bed) {
    let started = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let info = InstanceInfo::new(InstanceId::new(), "mailer", 8)
        .process(4_711)
        .host("mail-3.example.org")
        .kinds(["mail", "report"])
        .queues(["default", "slow"])
        .build("mailer 2.4.1 (zoë's)")
        .library("0.1.0")
        .started(started);
    bed.renew(&info, &[]).await;
    assert_eq!(shown(&bed, info.id).await, info);
    // Another sign of life, and another process, change nothing of it.
    bed.renew(&info, &[]).await;
    assert_eq!(shown(&bed, info.id).await, info);
    let silent = InstanceInfo::new(InstanceId::new(), "", 1);
    bed.renew(&silent, &[]).await;
    assert_eq!(shown(&bed, silent.id).await, silent);
}

async fn an_instance_may_change_how_many_workers_it_has(bed: Bed) {
    let mut info = bed.another_instance().await;
    info.workers += 5;
    bed.renew(&info, &[]).await;
    assert_eq!(shown(&bed, info.id).await.workers, info.workers);
}

/// The changes of a job, the latest first.
async fn changes(bed: &Bed, id: TaskId) -> Vec<(ActivityKind, String)> {
    let filter = ActivityFilter::new().job(id);
    let activities = bed.store.activity(filter).await.expect("an answer");
    let changes = activities.into_iter();
    changes
        .map(|activity| (activity.kind, activity.by.to_string()))
        .collect()
}

async fn each_change_of_a_job_says_who_made_it(bed: Bed) {
    let ids = bed.insert(jobs(2)).await;
    let (id, store) = (ids[0], &bed.store);
    let before = present(&bed).await;
    let soon = before + bed.units(500);
    let by = |name: &str| By::new(name, "test");
    let rescheduled = store.reschedule(only(&[id]), soon, by("ada")).await;
    assert_eq!(rescheduled.expect("a change"), 1);
    let cancelled = store.cancel(only(&[id]), "no need".into(), by("ben")).await;
    assert_eq!(cancelled.expect("a change"), 1);
    let retried = store.retry(only(&[id]), by("cleo")).await;
    assert_eq!(retried.expect("a change"), 1);
    let expected = [
        (ActivityKind::Retried, "cleo via test".to_owned()),
        (ActivityKind::Cancelled, "ben via test".to_owned()),
        (ActivityKind::Rescheduled, "ada via test".to_owned()),
    ];
    assert_eq!(changes(&bed, id).await, expected);
    assert_eq!(changes(&bed, ids[1]).await, []);

    let filter = ActivityFilter::new().job(id);
    let activities = store.activity(filter).await.expect("an answer");
    let cancelled = &activities[1];
    assert_eq!(cancelled.reason.as_deref(), Some("no need"));
    assert_eq!((cancelled.jobs, &*cancelled.ids), (1, &[id][..]));
    assert!(activities.iter().all(|activity| activity.at >= before));
    assert!(activities.is_sorted_by(|one, next| one.number > next.number));
}

async fn one_call_is_one_activity(bed: Bed) {
    let ids = bed.insert(jobs(600)).await;
    let all = Which::Matching(Filter::new().kind(crate::bed::KIND));
    let cancelled = bed.store.cancel(all, "all of them".into(), by()).await;
    assert_eq!(cancelled.expect("a change"), 600);
    let all = ActivityFilter::new();
    let activities = bed.store.activity(all).await.expect("an answer");
    let cancelled = activities
        .iter()
        .filter(|activity| activity.kind == ActivityKind::Cancelled);
    let [cancelled] = &cancelled.collect::<Vec<_>>()[..] else {
        panic!("it is one activity: {activities:?}");
    };
    assert_eq!(cancelled.jobs, 600);
    assert_eq!(cancelled.ids.len(), ACTIVITY_IDS_MAX);
    assert!(cancelled.ids.iter().all(|id| ids.contains(id)));
    for id in [ids[0], ids[300], ids[599]] {
        assert_eq!(changes(&bed, id).await.len(), 1);
    }
}

async fn the_reason_of_an_activity_is_cut(bed: Bed) {
    let id = bed.insert_one(job()).await;
    let reason = "é".repeat(ERROR_BYTES_MAX);
    let cancelled = bed.store.cancel(only(&[id]), reason.clone(), by()).await;
    assert_eq!(cancelled.expect("a change"), 1);
    let activities = bed.store.activity(ActivityFilter::new()).await;
    let noted = activities.expect("an answer").remove(0).reason;
    assert_eq!(noted.as_deref(), Some(&*clip_error(reason)));
}

async fn what_changed_nothing_is_no_activity(bed: Bed) {
    let id = bed.insert_one(job()).await;
    for _ in 0..2 {
        let cancelled = bed.store.cancel(only(&[id]), "once".into(), by()).await;
        cancelled.expect("a change");
        let paused = bed.store.pause_queue(name("x"), by()).await;
        paused.expect("a change");
    }
    let resumed = bed.store.resume_queue(name("y"), by()).await;
    resumed.expect("a change");
    let activities = bed.store.activity(ActivityFilter::new()).await;
    let activities = activities.expect("an answer").into_iter();
    let kinds: Vec<_> = activities.map(|activity| activity.kind).collect();
    assert_eq!(kinds, [ActivityKind::Paused, ActivityKind::Cancelled]);
}

async fn a_deleted_job_is_still_told_of(bed: Bed) {
    let id = bed.insert_one(job()).await;
    let deleted = bed.store.delete(only(&[id]), by()).await;
    assert_eq!(deleted.expect("a change"), 1);
    assert!(bed.store.job(id).await.expect("an answer").is_none());
    let told = (ActivityKind::Deleted, by().to_string());
    assert_eq!(changes(&bed, id).await, [told]);
}

async fn a_paused_queue_says_who_paused_it(bed: Bed) {
    let before = present(&bed).await;
    let first = By::new("ada", "command");
    let pause = async |by: &By| {
        let paused = bed.store.pause_queue(name("x"), by.clone()).await;
        paused.expect("a change");
    };
    pause(&first).await;
    bed.pass(3).await;
    pause(&By::new("ben", "dashboard")).await;
    let paused = bed.store.paused_queues().await.expect("an answer");
    assert_eq!(paused.len(), 1);
    assert_eq!(paused[0].queue, "x");
    assert_eq!(paused[0].by.as_ref(), Some(&first), "the first stays");
    assert!(paused[0].since >= before && paused[0].since < before + bed.units(2));
}

async fn a_store_that_keeps_no_activity_says_so(bed: Bed) {
    if let Err(error) = bed.store.activity(ActivityFilter::new()).await {
        assert_eq!(error.kind(), StoreErrorKind::Unsupported);
    }
}

async fn a_text_that_no_queue_can_be_called_is_told_of_nothing(bed: Bed) {
    let paused = bed.store.pause_queue(name("x"), by()).await;
    paused.expect("a change");
    for text in &no_names() {
        let filter = ActivityFilter::new().queue(text);
        let activities = bed.store.activity(filter).await.expect("an answer");
        assert_eq!(activities, [], "{text:?}");
    }
}

async fn a_paused_queue_is_told_of(bed: Bed) {
    let first = By::new("ada", "command");
    let paused = bed.store.pause_queue(name("x"), first.clone()).await;
    paused.expect("a change");
    let resumed = bed.store.resume_queue(name("x"), by()).await;
    resumed.expect("a change");
    let filter = ActivityFilter::new().queue("x");
    let activities = bed.store.activity(filter).await.expect("an answer");
    let told: Vec<_> = activities
        .into_iter()
        .map(|activity| (activity.kind, activity.by, activity.queue))
        .collect();
    let queue = Some(name("x"));
    let expected = [
        (ActivityKind::Resumed, by(), queue.clone()),
        (ActivityKind::Paused, first, queue),
    ];
    assert_eq!(told, expected);
}

async fn all_conditions_of_activities_hold_and_a_page_has_at_least_one(bed: Bed) {
    let id = bed.insert_one(job()).await;
    for queue in ["x", "y"] {
        let paused = bed.store.pause_queue(name(queue), by()).await;
        paused.expect("a change");
    }
    let cancelled = bed.store.cancel(only(&[id]), "x".into(), by()).await;
    assert_eq!(cancelled.expect("a change"), 1);
    let count = async |filter: ActivityFilter| {
        let activities = bed.store.activity(filter).await;
        activities.expect("an answer").len()
    };
    let all = ActivityFilter::new();
    assert_eq!(count(all.clone()).await, 3);
    assert_eq!(count(all.clone().queue("y")).await, 1);
    assert_eq!(count(all.clone().job(id)).await, 1);
    assert_eq!(count(all.clone().job(id).queue("y")).await, 0);
    assert_eq!(count(all.limit(0)).await, 1);
}

async fn activities_are_listed_page_by_page(bed: Bed) {
    let id = bed.insert_one(job()).await;
    for round in 0..5 {
        let which = || only(&[id]);
        let cancelled = bed.store.cancel(which(), round.to_string(), by()).await;
        assert_eq!(cancelled.expect("a change"), 1);
        assert_eq!(bed.store.retry(which(), by()).await.expect("a change"), 1);
    }
    assert_eq!(bed.state(id).await, JobState::Ready);
    let mut kinds = Vec::new();
    let mut filter = ActivityFilter::new().limit(3);
    loop {
        let page = bed.store.activity(filter.clone()).await.expect("an answer");
        assert!(page.len() <= 3);
        let Some(last) = page.last() else { break };
        filter.before = Some(last.number);
        kinds.extend(page.iter().map(|activity| activity.kind));
    }
    assert_eq!(kinds.len(), 10);
    for pair in kinds.chunks(2) {
        assert_eq!(pair, [ActivityKind::Retried, ActivityKind::Cancelled]);
    }
}
