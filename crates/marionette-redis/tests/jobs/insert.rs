//! What is accepted.

use std::collections::HashSet;

use marionette::store::{CALL_ROWS_MAX, Inserted, Store, StoreErrorKind};

use super::{Bed, ids, key, mail, mails, name};

#[tokio::test]
async fn callers_at_the_same_time_each_get_their_own_answer() {
    let Some(bed) = Bed::new().await else { return };
    let known = mail();
    bed.insert(vec![known.clone()]).await;
    let mut callers = Vec::new();
    for caller in 0..64 {
        let (store, known) = (bed.store.clone(), known.clone());
        callers.push(tokio::spawn(async move {
            let mut sent = Vec::new();
            for _ in 0..20 {
                let (new, mut taken) = (mail(), known.clone());
                taken.payload = caller.to_string().into_bytes();
                sent.push(new.id);
                let told = store.insert(vec![known.clone(), new, taken]).await;
                let told = told.expect("they are in order");
                let right = [Inserted::Known, Inserted::Accepted, Inserted::Taken];
                assert_eq!(told, right);
            }
            sent
        }));
    }
    let mut sent = HashSet::from([known.id]);
    for caller in callers {
        sent.extend(caller.await.expect("it ends"));
    }
    let claimed = bed.mails(10_000).await;
    assert_eq!(claimed.len(), 64 * 20 + 1);
    assert_eq!(ids(&claimed).into_iter().collect::<HashSet<_>>(), sent);
}

#[tokio::test]
async fn a_lone_job_is_known_taken_or_accepted_as_many_are() {
    let Some(bed) = Bed::new().await else { return };
    // From the second on they go by the script for one job.
    for _ in 0..3 {
        let job = mail();
        let other = job.clone().payload(b"[]".to_vec());
        for (job, right) in [
            (job.clone(), Inserted::Accepted),
            (job, Inserted::Known),
            (other, Inserted::Taken),
        ] {
            let told = bed.store.insert(vec![job]).await.expect("it is in order");
            assert_eq!(told, [right]);
        }
    }
    assert_eq!(bed.mails(10).await.len(), 3);
}

#[tokio::test]
async fn jobs_of_one_call_count_for_the_limit_whether_they_have_one_or_not() {
    let Some(bed) = Bed::new().await else { return };
    let limited = || mail().queue_limit(3);
    let elsewhere = || limited().queue(name("elsewhere"));
    let urgent = || limited().priority(5);
    let jobs = vec![
        mail(),
        mail(),
        elsewhere(),
        limited(),
        urgent(),
        mail(),
        elsewhere(),
    ];
    let told = bed.store.insert(jobs).await.expect("they are in order");
    let (yes, full) = (Inserted::Accepted, Inserted::Full);
    assert_eq!(told, [yes, yes, yes, yes, full, yes, yes]);
    let told = bed.store.insert(vec![urgent()]).await;
    assert_eq!(told.expect("it is in order"), [full]);
}

#[tokio::test]
async fn an_id_that_was_full_the_first_time_is_looked_at_again() {
    let Some(bed) = Bed::new().await else { return };
    let full = mail().queue_limit(0);
    let free = mail().id(full.id);
    let told = bed.store.insert(vec![full.clone(), free, full]).await;
    let right = [Inserted::Full, Inserted::Accepted, Inserted::Known];
    assert_eq!(told.expect("they are in order"), right);
}

#[tokio::test]
async fn more_than_a_call_may_have_is_refused() {
    let Some(bed) = Bed::new().await else { return };
    let told = bed.store.insert(mails(CALL_ROWS_MAX + 1)).await;
    let error = told.expect_err("it is too much");
    assert_eq!(error.kind(), StoreErrorKind::Refused);
    let what = error.to_string();
    assert!(
        what.contains("10001 jobs") && what.contains("10000"),
        "{what}"
    );
    assert!(bed.mails(1).await.is_empty());
}

/// A place that is one too many concerns its caller alone.
#[tokio::test]
async fn a_job_that_has_no_room_keeps_no_other_caller_from_an_answer() {
    let Some(bed) = Bed::new().await else { return };
    bed.insert(vec![mail()]).await;
    let most = bed.server.command(&["HSET", &key("names"), "#g", "8191"]);
    assert_eq!(most.int(), 0);
    let mut callers = Vec::new();
    for caller in 0..200 {
        let store = bed.store.clone();
        callers.push(tokio::spawn(async move {
            let is_new = caller % 10 == 0;
            let kind = if is_new {
                format!("kind-{caller}")
            } else {
                "mail".to_owned()
            };
            let told = store.insert(vec![mail().kind(name(kind))]).await;
            match told {
                Ok(told) => assert!(!is_new && told == [Inserted::Accepted]),
                Err(error) => assert!(is_new && error.kind() == StoreErrorKind::Full, "{error}"),
            }
        }));
    }
    for caller in callers {
        caller.await.expect("it gets the right answer");
    }
    assert_eq!(bed.mails(1000).await.len(), 181);
}
