//! Schedules while somebody steps the wall clock, and delays while nothing happens for years.
#![allow(clippy::disallowed_methods)] // The clock is paused: here it is the test that owns it.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use marionette::testing::{self, WallClock};
use marionette::{Context, TaskManager};
use tokio::time::{Instant, sleep};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// A running manager with a wall clock, and what that clock showed whenever a task ran.
struct Stepped {
    tasks: TaskManager,
    wall: WallClock,
    ran: Arc<Mutex<Vec<SystemTime>>>,
}

impl Stepped {
    fn new() -> Self {
        let wall = WallClock::new();
        let tasks = TaskManager::builder()
            .wall_clock(&wall)
            .build()
            .expect("it is valid");
        tasks.start();
        Self {
            tasks,
            wall,
            ran: Arc::default(),
        }
    }

    /// Schedules a task that notes when it runs.
    async fn schedule(&self, time: SystemTime) {
        let (wall, ran) = (self.wall.clone(), Arc::clone(&self.ran));
        let note = async move {
            ran.lock().expect("no panic").push(wall.now());
            Ok(())
        };
        self.tasks
            .schedule(time, note)
            .await
            .expect("it is accepted");
    }

    fn ran(&self) -> Vec<SystemTime> {
        self.ran.lock().expect("no panic").clone()
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_step_forward_a_schedule_is_at_most_a_minute_late() {
    for step in [HOUR, 10 * YEAR] {
        let stepped = Stepped::new();
        stepped.schedule(stepped.wall.now() + step / 2).await;
        sleep(MINUTE).await;
        assert!(stepped.ran().is_empty());
        stepped.wall.step_forward(step);
        sleep(MINUTE + Duration::from_millis(2)).await;
        assert_eq!(stepped.ran().len(), 1, "after a step of {step:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_step_back_a_schedule_is_never_early() {
    for step in [HOUR, 10 * YEAR] {
        let stepped = Stepped::new();
        let time = stepped.wall.now() + HOUR / 2;
        stepped.schedule(time).await;
        sleep(MINUTE).await;
        stepped.wall.step_back(step);
        sleep(HOUR).await;
        assert!(stepped.ran().is_empty(), "after a step of {step:?}");
        stepped.wall.step_forward(step);
        sleep(MINUTE + Duration::from_millis(2)).await;
        let ran = stepped.ran();
        assert!(ran[0] >= time, "{ran:?} is before {time:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_delay_does_not_care_for_the_wall_clock() {
    let stepped = Stepped::new();
    let began = Instant::now();
    let elapsed = async move { Ok(began.elapsed()) };
    let handle = stepped
        .tasks
        .delay(HOUR, elapsed)
        .await
        .expect("it is accepted");
    stepped.wall.step_forward(DAY);
    sleep(MINUTE).await;
    stepped.wall.step_back(2 * DAY);
    let elapsed = handle.await.expect("it succeeds");
    assert!(
        (HOUR..HOUR + Duration::from_millis(2)).contains(&elapsed),
        "{elapsed:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_manager_that_has_been_up_for_years_keeps_its_time() {
    let stepped = Stepped::new();
    sleep(3 * YEAR).await;
    let began = Instant::now();
    let elapsed = async move { Ok(began.elapsed()) };
    let handle = stepped
        .tasks
        .delay(3 * YEAR, elapsed)
        .await
        .expect("it is accepted");
    let elapsed = handle.await.expect("it succeeds");
    assert!(
        (3 * YEAR..3 * YEAR + Duration::from_millis(2)).contains(&elapsed),
        "{elapsed:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_drain_runs_schedules_delays_and_retries_in_their_order() {
    let stepped = Stepped::new();
    stepped.schedule(stepped.wall.now() + DAY).await;
    let fails_twice = async |cx: Context| {
        if cx.attempt() < 3 {
            Err("not yet".into())
        } else {
            Ok(())
        }
    };
    let retried = stepped
        .tasks
        .queue(fails_twice)
        .retries(2)
        .await
        .expect("it runs");
    let delayed = stepped
        .tasks
        .delay(HOUR, async |_: Context| Ok(()))
        .await
        .expect("accepted");
    testing::drain(&stepped.tasks).await;
    assert!(retried.is_finished() && delayed.is_finished());
    assert_eq!(stepped.ran().len(), 1);
    let stats = stepped.tasks.stats();
    assert_eq!((stats.done, stats.retried, stats.waiting), (3, 2, 0));
}
