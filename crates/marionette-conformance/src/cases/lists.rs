//! Lists: every page once, and only what the filter names.

use std::collections::BTreeSet;
use std::time::SystemTime;

use marionette::TaskId;
use marionette::inspect::{Filter, Page, Which};
use marionette::store::{Due, JobState, Next};

use crate::bed::{Bed, by, failure, job, jobs, name, no_names, only, present};
use crate::case::{Case, claims};
use crate::cases::inspect::one_of_each;

pub(crate) fn cases() -> Vec<Case> {
    claims![
        a_list_begins_with_the_newest,
        pages_have_neither_gap_nor_repetition,
        a_page_goes_on_though_jobs_came_and_went,
        a_page_has_at_most_a_thousand,
        the_last_page_says_so,
        a_filter_by_state_finds_all_of_it_and_nothing_else,
        a_filter_by_kind_and_queue,
        a_text_that_no_job_can_be_called_finds_nothing,
        a_filter_by_the_time_of_acceptance,
        a_filter_by_text,
        all_conditions_have_to_hold,
        a_line_says_what_the_details_say,
    ]
}

fn page(after: Option<TaskId>, limit: usize) -> Page {
    after.map_or(Page::first(limit), |after| Page::after(after, limit))
}

/// The ids of all pages of this length.
async fn pages(bed: &Bed, filter: &Filter, limit: usize) -> Vec<TaskId> {
    let mut ids = Vec::new();
    let mut after = None;
    loop {
        let listed = bed.list(filter.clone(), page(after, limit)).await;
        ids.extend(listed.jobs.iter().map(|job| job.id));
        after = listed.next;
        if after.is_none() {
            return ids;
        }
        assert!(ids.len() <= 10_000, "pages without end");
        assert!(
            (1..=limit).contains(&listed.jobs.len()),
            "a page that is not the last has a job, and no more than were asked for"
        );
    }
}

async fn found(bed: &Bed, filter: Filter) -> BTreeSet<TaskId> {
    pages(bed, &filter, 1_000).await.into_iter().collect()
}

async fn a_list_begins_with_the_newest(bed: Bed) {
    let mut expected = bed.insert(jobs(3)).await;
    expected.extend(bed.insert(jobs(2)).await);
    expected.reverse();
    assert_eq!(pages(&bed, &Filter::default(), 100).await, expected);
}

async fn pages_have_neither_gap_nor_repetition(bed: Bed) {
    let mut expected = Vec::new();
    for index in 0..53 {
        let new = job()
            .kind(name(["a", "b"][index % 2]))
            .due([Due::Now, Due::After(bed.units(50))][index % 3 / 2]);
        expected.push(bed.insert_one(new).await);
    }
    expected.reverse();
    let odd = Filter::new().kind("b");
    let odds: Vec<_> = expected.iter().copied().skip(1).step_by(2).collect();
    for limit in [1, 2, 7, 26, 27, 53, 54] {
        assert_eq!(
            pages(&bed, &Filter::default(), limit).await,
            expected,
            "by {limit}"
        );
        assert_eq!(pages(&bed, &odd, limit).await, odds, "by {limit}");
    }
}

/// The job behind which a page begins may be gone when the page is read.
async fn a_page_goes_on_though_jobs_came_and_went(bed: Bed) {
    let mut expected = bed.insert(jobs(9)).await;
    expected.reverse();
    let first = bed.list(Filter::default(), page(None, 3)).await;
    assert_eq!(first.next, Some(expected[2]));
    bed.store
        .delete(only(&expected[..3]), by())
        .await
        .expect("a change");
    bed.insert(jobs(2)).await;
    let second = bed.list(Filter::default(), page(first.next, 3)).await;
    let second: Vec<_> = second.jobs.iter().map(|job| job.id).collect();
    assert_eq!(second, expected[3..6]);
}

async fn a_page_has_at_most_a_thousand(bed: Bed) {
    bed.insert(jobs(1_001)).await;
    for limit in [100_000, usize::MAX] {
        let listed = bed.list(Filter::default(), page(None, limit)).await;
        assert!(listed.jobs.len() <= 1_000, "{}", listed.jobs.len());
        assert!(listed.next.is_some());
    }
    let all = pages(&bed, &Filter::default(), usize::MAX).await;
    assert_eq!(all.len(), 1_001);
}

async fn the_last_page_says_so(bed: Bed) {
    assert_eq!(bed.list(Filter::default(), page(None, 3)).await.next, None);
    let ids = bed.insert(jobs(3)).await;
    assert_eq!(bed.list(Filter::default(), page(None, 3)).await.next, None);
    assert_eq!(
        bed.list(Filter::default(), page(None, 2)).await.next,
        Some(ids[1])
    );
}

async fn a_filter_by_state_finds_all_of_it_and_nothing_else(bed: Bed) {
    let ids = one_of_each(&bed).await;
    for (&id, state) in ids.iter().zip(JobState::ALL) {
        let filter = Filter::new().state(state);
        assert_eq!(found(&bed, filter).await, BTreeSet::from([id]), "{state}");
    }
    let filter = Filter::new().states([JobState::Dead, JobState::Ready, JobState::Dead]);
    assert_eq!(found(&bed, filter).await, BTreeSet::from([ids[0], ids[5]]));
    let all = ids.into_iter().collect();
    assert_eq!(found(&bed, Filter::default()).await, all);
}

async fn a_filter_by_kind_and_queue(bed: Bed) {
    let mut places = Vec::new();
    for kind in ["a", "A", "a_"] {
        for queue in ["x", "xx", "y"] {
            let new = job().kind(name(kind)).queue(name(queue));
            places.push((kind, queue, bed.insert_one(new).await));
        }
    }
    let tables: [(&[&str], &[&str]); 5] = [
        (&["a"], &[]),
        (&[], &["x"]),
        (&["a", "a_"], &["x", "y"]),
        (&["b"], &[]),
        (&[], &["X"]),
    ];
    for (kinds, queues) in tables {
        let (kinds_in, queues_in) = (kinds.iter().copied(), queues.iter().copied());
        let filter = Filter::new().kinds(kinds_in).queues(queues_in);
        let matching = places.iter().filter(|(kind, queue, _)| {
            (kinds.is_empty() || kinds.contains(kind))
                && (queues.is_empty() || queues.contains(queue))
        });
        let expected: BTreeSet<_> = matching.map(|&(_, _, id)| id).collect();
        assert_eq!(found(&bed, filter).await, expected, "{kinds:?} {queues:?}");
    }
}

async fn a_text_that_no_job_can_be_called_finds_nothing(bed: Bed) {
    let id = bed.insert_one(job()).await;
    for text in &no_names() {
        for filter in [Filter::new().queue(text), Filter::new().kind(text)] {
            assert_eq!(found(&bed, filter.clone()).await, [].into(), "{text:?}");
            let deleted = bed.store.delete(Which::Matching(filter), by()).await;
            assert_eq!(deleted.expect("a change"), 0, "{text:?}");
        }
    }
    // Such a text does not hide what else is asked for.
    let both = Filter::new().queues(["a b", "default"]);
    assert_eq!(found(&bed, both).await, [id].into());
}

async fn a_filter_by_the_time_of_acceptance(bed: Bed) {
    let mut accepted: Vec<(TaskId, SystemTime)> = Vec::new();
    for _ in 0..3 {
        let id = bed.insert_one(job()).await;
        accepted.push((id, bed.summary(id).await.accepted));
        bed.pass(2).await;
    }
    let ids = |range: std::ops::Range<usize>| -> BTreeSet<TaskId> {
        accepted[range].iter().map(|&(id, _)| id).collect()
    };
    let filter = |from: Option<usize>, before: Option<usize>| {
        Filter::new()
            .accepted_from(from.map(|index| accepted[index].1))
            .accepted_before(before.map(|index| accepted[index].1))
    };
    assert_eq!(
        found(&bed, filter(Some(1), None)).await,
        ids(1..3),
        "from is included"
    );
    assert_eq!(
        found(&bed, filter(None, Some(1))).await,
        ids(0..1),
        "before is not"
    );
    assert_eq!(found(&bed, filter(Some(0), Some(2))).await, ids(0..2));
    assert_eq!(found(&bed, filter(Some(2), Some(0))).await, BTreeSet::new());
}

async fn a_filter_by_text(bed: Bed) {
    let with = |payload: &str| job().payload(payload.as_bytes().to_vec());
    let payload = bed.insert_one(with("{\"to\":\"zoë@example.org\"}")).await;
    let wild = bed.insert_one(with("100% of a_b*c?[d]\\")).await;
    let mut named = job();
    named.options.name = Some("the mail to zoë".to_owned());
    let named = bed.insert_one(named).await;
    let ended = bed.insert_one(with("ended")).await;
    bed.store
        .cancel(only(&[ended]), "zoë left".to_owned(), by())
        .await
        .expect("a change");
    let dead = bed.insert_one(with("dead")).await;
    bed.store
        .reschedule(
            only(&[payload, wild, named]),
            present(&bed).await + bed.units(5_000),
            by(),
        )
        .await
        .expect("a change");
    let claimed = bed.claim_one(dead).await;
    bed.settle_attempt(claimed.lease, failure("no zoë here"), Next::Bury)
        .await;
    let table: [(&str, &[TaskId]); 10] = [
        ("zoë", &[payload, named, ended, dead]),
        ("Zoë", &[]),
        ("zoe", &[]),
        ("the mail to zoë", &[named]),
        ("left", &[ended]),
        ("no zoë", &[dead]),
        ("100%", &[wild]),
        ("a_b", &[wild]),
        ("1%f", &[]),
        ("c?[d]\\", &[wild]),
    ];
    for (text, expected) in table {
        let filter = Filter::new().text(text);
        let expected = expected.iter().copied().collect();
        assert_eq!(found(&bed, filter).await, expected, "{text:?}");
    }
}

async fn all_conditions_have_to_hold(bed: Bed) {
    let ids = one_of_each(&bed).await;
    let filter = |kind: &str, text: &str| {
        Filter::new()
            .states([JobState::Dead, JobState::Cancelled])
            .kind(kind)
            .text(text)
    };
    let kind = crate::bed::KIND;
    assert_eq!(
        found(&bed, filter(kind, "fatal")).await,
        BTreeSet::from([ids[5]])
    );
    assert_eq!(found(&bed, filter("other", "fatal")).await, BTreeSet::new());
    assert_eq!(
        found(&bed, filter(kind, "try again")).await,
        BTreeSet::new()
    );
}

async fn a_line_says_what_the_details_say(bed: Bed) {
    one_of_each(&bed).await;
    let all = bed.all().await;
    assert_eq!(all.len(), 8);
    for line in all {
        assert_eq!(bed.summary(line.id).await, line);
    }
}
