//! `schedule` takes the times of the standard library, of jiff and of chrono as they are.

#![allow(clippy::clone_on_copy)] // Some of these types are `Copy`, others are not.

mod common;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, FixedOffset, Utc};
use common::jobs::{SendMail, mail, producer, send};
use common::{HOUR, now, started, wall};
use jiff::tz::{TimeZone, offset};
use jiff::{Timestamp, ZonedDateTime};
use marionette::store::Due;
use marionette::timer::FutureTask;
use marionette::{Context, Jobs, MemoryStore, QueueError, TaskManager};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// One time in every type that has a date and a time of day.
struct Everywhere {
    std: SystemTime,
    timestamp: Timestamp,
    zoned: ZonedDateTime,
    utc: DateTime<Utc>,
    fixed: DateTime<FixedOffset>,
}

impl Everywhere {
    fn at(std: SystemTime) -> Self {
        let timestamp = Timestamp::try_from(std).expect("jiff has it");
        let zone = FixedOffset::east_opt(5 * 60 * 60).expect("it is less than a day");
        Self {
            std,
            timestamp,
            zoned: timestamp.to_zoned_datetime(TimeZone::fixed(offset(-8))),
            utc: std.into(),
            fixed: DateTime::<Utc>::from(std).with_timezone(&zone),
        }
    }
}

/// Does this with the time in each type, each under a name.
macro_rules! with_each {
    ($time:expr, |$name:ident, $each:ident| $do:expr) => {{
        let time: Everywhere = $time;
        let ($name, $each) = ("std", time.std);
        $do;
        let ($name, $each) = ("a timestamp of jiff", time.timestamp);
        $do;
        let ($name, $each) = ("a zoned time of jiff by reference", &time.zoned);
        $do;
        let ($name, $each) = ("a zoned time of jiff", time.zoned.clone());
        $do;
        let ($name, $each) = ("chrono in UTC", time.utc);
        $do;
        let ($name, $each) = ("chrono with an offset", time.fixed);
        $do;
    }};
}

/// A manager in memory with a handler, and one with a store.
fn jobs() -> (TaskManager, TaskManager<MemoryStore>, [Jobs; 2]) {
    let memory = TaskManager::builder().handle(send).build();
    let memory = memory.expect("it is sound");
    memory.start();
    let stored = producer(&MemoryStore::new());
    let jobs = [memory.jobs(), stored.jobs()];
    (memory, stored, jobs)
}

#[test]
fn every_type_means_the_same_moment_to_the_nanosecond() {
    let nanos = Duration::from_nanos(1_234_567_891_123_456_789);
    let tasks = producer(&MemoryStore::new());
    with_each!(Everywhere::at(UNIX_EPOCH + nanos), |name, time| {
        let row = tasks.schedule(time, mail("ada")).into_new_job();
        let due = row.expect("it can be stored").due;
        assert_eq!(due, Due::At(UNIX_EPOCH + nanos), "{name}");
    });
}

#[tokio::test(start_paused = true)]
async fn a_time_ahead_of_now_is_waited_for() {
    let tasks = started(6, 6);
    let (began, time) = (now(), Everywhere::at(wall() + HOUR));
    let mut handles = Vec::new();
    with_each!(time, |name, time| {
        let scheduled = tasks.schedule(time, async |_: Context| Ok(now()));
        handles.push((name, scheduled.await.expect(name)));
    });
    for (name, handle) in handles {
        let waited = handle.await.expect(name) - began;
        // The machine may have taken a moment between the two readings of its clocks.
        let moment = Duration::from_secs(5 * 60);
        assert!(
            waited + moment > HOUR && waited < HOUR + moment,
            "{name}: {waited:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_time_that_has_passed_is_now() {
    let (memory, stored, [in_memory, in_store]) = jobs();
    let began = now();
    for past in [wall() - DAY, UNIX_EPOCH + Duration::from_nanos(1)] {
        with_each!(Everywhere::at(past), |name, time| {
            let submitted = memory.schedule(time.clone(), async |_: Context| Ok(()));
            submitted.await.expect(name).await.expect(name);
            let submitted = in_memory.schedule(time.clone(), mail("ada"));
            assert_eq!(submitted.await.expect(name).await.expect(name), 3);
            let accepted = in_store.schedule(time.clone(), mail("ada")).await;
            let state = accepted.expect(name).state().await.expect(name);
            assert_eq!(state, Some(marionette::store::JobState::Ready), "{name}");
            FutureTask::at(time, "report").expect(name);
        });
    }
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert!(stored.trouble().is_none());
}

/// Whether the task came back because its time cannot be scheduled.
fn comes_back(name: &str, why: &str, error: QueueError<SendMail>) {
    assert!(error.is_unschedulable(), "{name}: {error}");
    assert!(error.to_string().contains(why), "{name}: {error}");
    assert_eq!(error.into_task(), mail("ada"), "{name}");
}

/// Schedules the job for this time with every way in, and expects it back.
macro_rules! refused {
    ($ways:expr, $name:expr, $time:expr, $why:expr) => {{
        let (memory, stored, [in_memory, in_store]) = $ways;
        let refused = memory.schedule($time, mail("ada")).await;
        comes_back($name, $why, refused.expect_err($name));
        let refused = stored.schedule($time, mail("ada")).await;
        comes_back($name, $why, refused.expect_err($name));
        for jobs in [in_memory, in_store] {
            let refused = jobs.schedule($time, mail("ada")).await;
            comes_back($name, $why, refused.expect_err($name));
        }
        let refused = FutureTask::at($time, "report").expect_err($name);
        assert!(refused.to_string().contains($why), "{}: {refused}", $name);
    }};
}

#[tokio::test(start_paused = true)]
async fn a_time_before_1970_brings_the_job_back() {
    let ways = jobs();
    for past in [UNIX_EPOCH, UNIX_EPOCH - 7 * DAY] {
        with_each!(Everywhere::at(past), |name, time| {
            refused!(&ways, name, time.clone(), "a zero valued timestamp");
        });
    }
    refused!(
        &ways,
        "the first timestamp",
        Timestamp::MIN,
        "a zero valued timestamp"
    );
    let first = DateTime::<Utc>::MIN_UTC;
    refused!(
        &ways,
        "the first time of chrono",
        first,
        "a zero valued timestamp"
    );
}

#[tokio::test(start_paused = true)]
async fn a_time_that_no_clock_expresses_brings_the_job_back() {
    let ways = jobs();
    let years = |count: u32| UNIX_EPOCH + count * 365 * DAY;
    with_each!(Everywhere::at(years(500)), |name, time| {
        let (memory, stored, _) = &ways;
        memory
            .schedule(time.clone(), mail("ada"))
            .await
            .expect(name);
        stored.schedule(time, mail("ada")).await.expect(name);
    });
    with_each!(Everywhere::at(years(600)), |name, time| {
        refused!(&ways, name, time.clone(), "after the year 2554");
    });
    refused!(
        &ways,
        "the last timestamp",
        Timestamp::MAX,
        "after the year 2554"
    );
    let last = DateTime::<Utc>::MAX_UTC;
    refused!(
        &ways,
        "the last time of chrono",
        last,
        "after the year 2554"
    );
}
