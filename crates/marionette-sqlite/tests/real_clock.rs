//! What a manager on a file promises about time, on the clocks that users have: nothing comes
//! early, and everything comes.
#![allow(clippy::disallowed_methods)] // Here it is the real clocks that count.

mod common;

use std::future::Future;
use std::time::{Duration, Instant, SystemTime};

use common::Place;
use marionette::backoff::Constant;
use marionette::{Context, Job, TaskError, TaskManager};
use marionette_sqlite::SqliteStore;
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

const SHORT: Duration = Duration::from_millis(60);
const LONG: Duration = Duration::from_secs(600);
/// More than any machine needs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Fails so often, then tells the time.
#[derive(Serialize, Deserialize)]
struct Tell {
    failures: u32,
    hangs: bool,
}

const ONCE: Tell = Tell {
    failures: 0,
    hangs: false,
};

impl Job for Tell {
    const KIND: &'static str = "tell";
    type Output = SystemTime;
}

async fn tell(job: Tell, cx: Context) -> Result<SystemTime, TaskError> {
    if job.hangs {
        std::future::pending::<()>().await;
    }
    if cx.attempt() <= job.failures {
        return Err("not yet".into());
    }
    Ok(SystemTime::now())
}

async fn started(place: &Place) -> TaskManager<SqliteStore> {
    let builder = TaskManager::builder().store(place.open().await);
    let tasks = builder.handle(tell).build();
    let tasks = tasks.expect("the settings are sound");
    tasks.start();
    tasks
}

async fn soon<F: Future>(future: F) -> F::Output {
    let done = timeout(PATIENCE, future).await;
    done.expect("it comes, however slow the machine is")
}

#[tokio::test]
async fn jobs_run_at_their_time_on_a_manager_with_nothing_else_to_do() {
    let place = Place::new();
    let tasks = started(&place).await;
    for time in [SystemTime::now() - LONG, SystemTime::now() + SHORT] {
        let scheduled = tasks.schedule(time, ONCE).await.expect("accepted");
        assert!(soon(scheduled).await.expect("it runs") >= time);
    }
    let began = Instant::now();
    let delayed = tasks.delay(SHORT, ONCE).await.expect("accepted");
    soon(delayed).await.expect("it runs");
    assert!(began.elapsed() >= SHORT);
    tasks.stop().await;
}

#[tokio::test]
async fn pauses_and_limits_of_jobs_are_kept() {
    let place = Place::new();
    let tasks = started(&place).await;
    let began = Instant::now();
    let fails_twice = Tell {
        failures: 2,
        ..ONCE
    };
    let retried = tasks.queue(fails_twice).retries(2);
    let retried = retried.backoff(Constant::new(SHORT)).await;
    soon(retried.expect("accepted"))
        .await
        .expect("the third succeeds");
    assert!(began.elapsed() >= 2 * SHORT);

    let hangs = || Tell {
        hangs: true,
        ..ONCE
    };
    let began = Instant::now();
    let timed_out = tasks.queue(hangs()).timeout(SHORT).await;
    let given_up = tasks.queue(hangs()).retries(9).give_up_after(SHORT).await;
    for handle in [timed_out, given_up] {
        let error = soon(handle.expect("accepted")).await;
        assert!(error.expect_err("its time is over").is_timed_out());
        assert!(began.elapsed() >= SHORT);
    }

    let stays = tasks.queue(hangs()).await.expect("accepted");
    let later = tasks.schedule(SystemTime::now() + LONG, ONCE).await;
    drop((stays, later));
    let report = soon(tasks.stop_within(SHORT)).await;
    assert!(report.abandoned.is_empty(), "{report}");
}
