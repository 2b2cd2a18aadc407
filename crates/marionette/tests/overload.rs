//! More work than the workers can do: a burst of due tasks, and producers that are faster than the
//! workers. No task is lost, early or run twice, and no more tasks wait than was promised.

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{HOUR, SECOND, now, quick, started};
use marionette::{Context, JoinHandle, Task, TaskError, TaskManager};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

const MILLI: Duration = Duration::from_millis(1);

const WORKERS: usize = 4;
const QUEUE_SIZE: usize = 64;
/// How many due tasks may wait beyond the queue's size: the first invariant in ARCHITECTURE.md.
const DUE_MARGIN: usize = 64;
/// How long a task of the fast producer takes, so that the workers end one every ten milliseconds.
const TAKES: Duration = Duration::from_millis(40);
const PACE: Duration = Duration::from_millis(10);
const BURST: usize = 10_000;

/// What the tasks of a burst have observed.
struct Seen {
    tasks: TaskManager,
    runs: Vec<AtomicUsize>,
    /// How many have begun.
    begun: AtomicUsize,
    /// The most that waited for a worker while all workers were busy.
    most_queued: AtomicUsize,
}

impl Seen {
    fn new(tasks: &TaskManager) -> Arc<Self> {
        Arc::new(Self {
            tasks: tasks.clone(),
            runs: (0..BURST).map(|_| AtomicUsize::new(0)).collect(),
            begun: AtomicUsize::new(0),
            most_queued: AtomicUsize::new(0),
        })
    }

    /// Notes that the task of this number runs, and when it was due.
    fn note(&self, number: usize, due: Instant) {
        assert!(now() >= due, "task {number} is early by {:?}", due - now());
        self.runs[number].fetch_add(1, Ordering::Relaxed);
        self.begun.fetch_add(1, Ordering::Relaxed);
        let stats = self.tasks.stats();
        let free = WORKERS - stats.running;
        assert!(
            stats.queued <= QUEUE_SIZE + free + DUE_MARGIN,
            "{} wait while {free} workers are free",
            stats.queued
        );
        if free == 0 {
            self.most_queued.fetch_max(stats.queued, Ordering::Relaxed);
        }
    }

    fn assert_each_ran_once(&self) {
        for (number, runs) in self.runs.iter().enumerate() {
            assert_eq!(runs.load(Ordering::Relaxed), 1, "task {number}");
        }
    }
}

/// Accepts a burst of tasks that are due within one millisecond, and a second from now.
async fn burst(tasks: &TaskManager, seen: &Arc<Seen>) -> Vec<JoinHandle<()>> {
    let mut handles = Vec::with_capacity(BURST);
    for number in 0..BURST {
        let delay = SECOND + Duration::from_nanos(number as u64 * 99);
        let (due, seen) = (now() + delay, Arc::clone(seen));
        let task = move |_: Context| {
            seen.note(number, due);
            async {
                sleep(MILLI).await;
                Ok(())
            }
        };
        handles.push(tasks.delay(delay, task).await.expect("accepted"));
    }
    handles
}

#[tokio::test(start_paused = true)]
async fn h1_ten_thousand_tasks_due_at_one_instant_run_once_each_and_never_early() {
    let tasks = started(WORKERS, QUEUE_SIZE);
    let seen = Seen::new(&tasks);
    let handles = burst(&tasks, &seen).await;
    assert_eq!(tasks.stats().waiting, BURST);
    for handle in handles {
        handle.await.expect("it was not early");
    }
    seen.assert_each_ran_once();
    let stats = tasks.stats();
    assert_eq!(
        (stats.done, stats.queued, stats.waiting),
        (BURST as u64, 0, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn h1_of_a_burst_the_queue_and_the_margin_wait_for_a_worker_and_no_more() {
    let tasks = started(WORKERS, QUEUE_SIZE);
    let seen = Seen::new(&tasks);
    for handle in burst(&tasks, &seen).await {
        handle.await.expect("it found no more in the queue");
    }
    let most = seen.most_queued.load(Ordering::Relaxed);
    assert_eq!(most, QUEUE_SIZE + DUE_MARGIN);
}

#[tokio::test(start_paused = true)]
async fn h1_producers_get_in_early_in_a_burst() {
    let tasks = started(WORKERS, QUEUE_SIZE);
    let seen = Seen::new(&tasks);
    let handles = burst(&tasks, &seen).await;
    // The burst is due, and has filled the queue.
    sleep(SECOND + 2 * MILLI).await;
    assert_eq!(tasks.stats().queued, QUEUE_SIZE + DUE_MARGIN);
    let mut producers = JoinSet::new();
    for _ in 0..8 {
        let (tasks, seen) = (tasks.clone(), Arc::clone(&seen));
        producers.spawn(async move {
            let handle = tasks.queue(quick).wait_at_most(HOUR).await;
            let begun = seen.begun.load(Ordering::Relaxed);
            handle
                .expect("there is room in time")
                .await
                .expect("it ran");
            begun
        });
    }
    for begun in producers.join_all().await {
        assert!(begun < BURST / 10, "it waited for {begun} of the burst");
    }
    for handle in handles {
        handle.await.expect("it ran");
    }
    seen.assert_each_ran_once();
}

#[tokio::test(start_paused = true)]
async fn h1_producers_get_in_while_due_tasks_are_more_than_the_workers_can_do() {
    let tasks = started(WORKERS, QUEUE_SIZE);
    let again = async |_: Context| {
        sleep(MILLI).await;
        Err::<(), _>(TaskError::snooze(MILLI))
    };
    for _ in 0..1000 {
        drop(tasks.delay(MILLI, again).await.expect("it is accepted"));
    }
    sleep(10 * MILLI).await;
    for _ in 0..5 {
        let handle = tasks.queue(quick).wait_at_most(SECOND).await;
        handle
            .expect("there is room in time")
            .await
            .expect("it ran");
    }
    let snoozed = tasks.stats().snoozed;
    sleep(SECOND).await;
    assert!(tasks.stats().snoozed > snoozed, "the due tasks go on too");
}

/// A part of each task, which counts the tasks that exist.
struct Alive(Arc<AtomicUsize>);

impl Alive {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[tokio::test(start_paused = true)]
async fn b1_a_producer_ten_times_faster_than_the_workers_fills_the_queue_and_no_more() {
    const COUNT: u32 = 1_000;
    let tasks = started(WORKERS, QUEUE_SIZE);
    let start = now();
    let alive = Arc::new(AtomicUsize::new(0));
    let mut most = 0;
    for _ in 0..COUNT {
        let guard = Alive::new(&alive);
        let task = async move {
            let _guard = guard;
            sleep(TAKES).await;
            Ok(())
        };
        drop(tasks.queue(task).await.expect("there is room in the end"));
        let stats = tasks.stats();
        assert!(stats.queued <= QUEUE_SIZE + WORKERS - stats.running);
        assert!(alive.load(Ordering::Relaxed) <= QUEUE_SIZE + WORKERS);
        most = most.max(stats.queued);
        sleep(MILLI).await;
    }
    assert_eq!(most, QUEUE_SIZE);
    // The producer was slowed to the pace of the workers, which were never without a task.
    assert!(now() - start >= PACE * (COUNT - 100));
    tasks.idle().await;
    assert!(now() - start <= PACE * COUNT + TAKES);
    assert_eq!(tasks.stats().done, u64::from(COUNT));
    assert_eq!(alive.load(Ordering::Relaxed), 0);
}

/// A task with a number, by which the test recognises it when it comes back.
struct Numbered {
    number: usize,
    ran: Arc<Mutex<Vec<usize>>>,
}

impl Task for Numbered {
    type Output = ();

    async fn run(&self, _: Context) -> Result<(), TaskError> {
        self.ran.lock().expect("not poisoned").push(self.number);
        sleep(TAKES).await;
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn b1_a_producer_that_does_not_wait_gets_back_each_task_for_which_there_is_no_room() {
    const COUNT: usize = 1_000;
    let tasks = started(WORKERS, QUEUE_SIZE);
    let ran = Arc::new(Mutex::new(Vec::new()));
    let mut accepted = Vec::new();
    for number in 0..COUNT {
        let ran = Arc::clone(&ran);
        match tasks.queue(Numbered { number, ran }).try_now() {
            Ok(_) => accepted.push(number),
            Err(refused) => {
                assert!(refused.is_full() && !refused.is_stopped(), "{refused:?}");
                assert_eq!(tasks.stats().queued, QUEUE_SIZE);
                assert_eq!(refused.into_task().number, number);
            }
        }
        sleep(MILLI).await;
    }
    // As many as the workers ran in that time, and as the queue holds.
    let paced = COUNT / 10 + QUEUE_SIZE;
    assert!(
        (paced..=paced + WORKERS).contains(&accepted.len()),
        "{}",
        accepted.len()
    );
    tasks.idle().await;
    assert_eq!(*ran.lock().expect("not poisoned"), accepted);
    assert_eq!(tasks.stats().done, accepted.len() as u64);
}
