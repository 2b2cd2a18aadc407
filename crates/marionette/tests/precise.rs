//! `TaskManagerBuilder::precise` against the real clock: never early, and on time between the
//! milliseconds of the runtime's timer.

use std::time::{Duration, Instant};

use marionette::{Context, TaskManager};
use tokio::time::{sleep, timeout};

/// The clock of the runtime, which may be paused.
#[allow(clippy::disallowed_methods)]
fn paused() -> tokio::time::Instant {
    tokio::time::Instant::now()
}

const COUNT: usize = 200;
/// Short enough that the timer, with whole milliseconds, would be late by one in the median.
const DELAY: Duration = Duration::from_micros(100);

/// The real clock, which the alarm goes by.
#[allow(clippy::disallowed_methods)]
fn now() -> Instant {
    Instant::now()
}

/// How late the runtime's own timer is after the same pause, measured beside ours: how late both
/// are depends on the machine, which of them is later does not.
async fn lateness_of_the_timer() -> Duration {
    let due = now() + DELAY;
    sleep(DELAY).await;
    now().checked_duration_since(due).expect("it is not early")
}

#[tokio::test]
async fn a_precise_manager_is_never_early_and_in_the_median_less_late_than_the_timer() {
    let tasks = TaskManager::builder().precise().build();
    let tasks = tasks.expect("the settings are sound");
    tasks.start();
    let (mut ours, mut timer) = (Vec::with_capacity(COUNT), Vec::with_capacity(COUNT));
    for _ in 0..COUNT {
        let due = now() + DELAY;
        let handle = tasks.delay(DELAY, async |_: Context| Ok(now())).await;
        let ran = handle.expect("accepted").await.expect("it runs");
        ours.push(ran.checked_duration_since(due).expect("it is not early"));
        timer.push(lateness_of_the_timer().await);
    }
    ours.sort_unstable();
    timer.sort_unstable();
    assert!(ours[COUNT / 2] < timer[COUNT / 2], "{ours:?} {timer:?}");
}

#[tokio::test(start_paused = true)]
async fn a_precise_manager_keeps_its_time_on_a_paused_clock() {
    const HOUR: Duration = Duration::from_secs(3600);
    let tasks = TaskManager::builder().precise().build();
    let tasks = tasks.expect("the settings are sound");
    tasks.start();
    // Now the clock of the runtime is far ahead of that of all other threads.
    sleep(HOUR).await;
    let began = paused();
    let task = tasks.delay(HOUR, async |_: Context| Ok(())).await;
    let ran = timeout(2 * HOUR, task.expect("accepted")).await;
    ran.expect("it comes").expect("it succeeds");
    assert_eq!(began.elapsed(), HOUR);
}
