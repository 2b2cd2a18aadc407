//! Future tasks against a model that is a sorted list, on the paused clock: after random
//! insertions, waits, stops, starts and takings, each entry must come at its time and in its order.

mod common;

use std::future::Future;
use std::time::{Duration, SystemTime};

use common::now;
use marionette::timer::{FutureTask, Futures, Scheduler};
use proptest::prelude::{ProptestConfig, Strategy, prop_oneof, proptest};
use proptest::strategy::Just;
use proptest::test_runner::TestCaseError;
use proptest::{collection, prop_assert, prop_assert_eq};
use tokio::sync::mpsc;
use tokio::time::{Instant, advance, sleep};

const MILLI: Duration = Duration::from_millis(1);
/// How far two readings may differ: this thread may lose its core between reading the wall clock
/// and the real one. Everything else is in whole seconds.
const JITTER: Duration = Duration::from_millis(900);

/// The wall clock, moved along with the paused one.
#[allow(clippy::disallowed_methods)]
fn wall() -> SystemTime {
    let (virtually, really) = (now().into_std(), std::time::Instant::now());
    match virtually.checked_duration_since(really) {
        Some(ahead) => SystemTime::now() + ahead,
        None => SystemTime::now() - really.duration_since(virtually),
    }
}

fn secs(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// Runs the future on a runtime of its own, whose clock advances only while everything waits.
fn on_the_paused_clock<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime can be built")
        .block_on(future)
}

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 256,
        // A case that fails is printed; a person makes a test of it.
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

// ---- Futures ----

#[derive(Clone, Debug)]
enum Step {
    Insert(u64),
    Advance(u64),
    PopOne,
    PopAll,
    KeepEven,
    Shrink,
    Take,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..20_u64).prop_map(Step::Insert),
        2 => (0..15_u64).prop_map(Step::Advance),
        2 => Just(Step::PopOne),
        2 => Just(Step::PopAll),
        1 => Just(Step::KeepEven),
        1 => Just(Step::Shrink),
        1 => Just(Step::Take),
    ];
    collection::vec(step, 0..80)
}

/// The list: due times and tasks, in the order of insertion until it is sorted.
#[derive(Default)]
struct List(Vec<(Instant, usize)>);

impl List {
    fn insert(&mut self, due: Instant, task: usize) {
        self.0.push((due, task));
        self.0.sort();
    }

    fn pop_due(&mut self) -> Option<usize> {
        let &(due, task) = self.0.first()?;
        (due <= now()).then(|| {
            self.0.remove(0);
            task
        })
    }
}

async fn compare(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let (mut futures, mut list) = (Futures::new(), List::default());
    let mut inserted = 0;
    for step in steps {
        match step {
            Step::Insert(delay) => {
                futures.insert(FutureTask::after(millis(delay), inserted));
                list.insert(now() + millis(delay), inserted);
                inserted += 1;
            }
            Step::Advance(by) => advance(millis(by)).await,
            Step::PopOne => {
                let popped = futures.pop_due().map(FutureTask::into_task);
                prop_assert_eq!(popped, list.pop_due());
            }
            Step::PopAll => {
                while let Some(popped) = futures.pop_due() {
                    prop_assert_eq!(Some(popped.into_task()), list.pop_due());
                }
                prop_assert_eq!(list.pop_due(), None);
            }
            Step::KeepEven => {
                futures.retain(|task| task % 2 == 0);
                list.0.retain(|(_, task)| task % 2 == 0);
            }
            Step::Shrink => {
                futures.shrink();
                prop_assert!(futures.capacity() >= futures.len());
            }
            Step::Take => {
                let taken = std::mem::take(&mut futures).into_sorted_vec();
                let tasks: Vec<_> = taken.iter().map(|future| *future.task()).collect();
                let listed: Vec<_> = list.0.iter().map(|(_, task)| *task).collect();
                prop_assert_eq!(tasks, listed);
                futures.extend(taken);
            }
        }
        prop_assert_eq!(futures.len(), list.0.len());
        let next = list.0.first().map(|(due, _)| due.duration_since(now()));
        prop_assert_eq!(futures.next_due(), next);
    }
    Ok(())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn futures_are_a_sorted_list(steps in steps()) {
        on_the_paused_clock(compare(steps))?;
    }
}

// ---- Scheduler ----

#[derive(Clone, Debug)]
enum Act {
    Delay(u64),
    /// By the wall clock, this far ahead; a negative number is in the past.
    Schedule(i64),
    Wait(u64),
    Start,
    Stop,
    TakeAll,
    PutBack,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        6 => (0..40_u64).prop_map(Act::Delay),
        3 => (-10..40_i64).prop_map(Act::Schedule),
        6 => (0..30_u64).prop_map(Act::Wait),
        2 => Just(Act::Start),
        1 => Just(Act::Stop),
        1 => Just(Act::TakeAll),
        1 => Just(Act::PutBack),
    ];
    collection::vec(act, 0..60)
}

#[derive(Clone, Debug)]
struct Entry {
    due: Instant,
    /// The due time by the wall clock, for entries that go by it.
    time: Option<SystemTime>,
    inserted: Instant,
    /// How many insertions came before it.
    order: usize,
    place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Pending,
    Taken,
}

#[derive(Clone, Copy, Debug)]
struct Received {
    task: usize,
    at: Instant,
    wall: SystemTime,
}

/// What was done and when, as far as the expected order depends on it.
#[derive(Default)]
struct Log {
    entries: Vec<Entry>,
    insertions: usize,
    /// When it was started, and stopped.
    runs: Vec<(Instant, Option<Instant>)>,
}

impl Log {
    fn insert(&mut self, due: Instant, time: Option<SystemTime>) -> usize {
        let order = self.next();
        self.entries.push(Entry {
            due,
            time,
            inserted: now(),
            order,
            place: Place::Pending,
        });
        self.entries.len() - 1
    }

    fn next(&mut self) -> usize {
        self.insertions += 1;
        self.insertions
    }

    fn runs(&self) -> bool {
        self.runs
            .last()
            .is_some_and(|(_, stopped)| stopped.is_none())
    }

    /// Whether this entry must have come out before: the scheduler ran while it was due, for longer
    /// than the timer rounds.
    fn is_overdue(&self, entry: &Entry, by: Instant) -> bool {
        let ready = entry.due.max(entry.inserted);
        let slack = entry.time.map_or(2 * MILLI, |_| JITTER);
        self.runs.iter().any(|&(started, stopped)| {
            ready.max(started) + slack < stopped.map_or(by, |stopped| stopped.min(by))
        })
    }

    fn ran(&self, at: Instant) -> bool {
        self.runs
            .iter()
            .any(|&(started, stopped)| started <= at && stopped.is_none_or(|stopped| at <= stopped))
    }
}

async fn schedule(capacity: usize, acts: Vec<Act>) -> Result<(), TestCaseError> {
    let (out, due) = mpsc::channel(capacity);
    let scheduler = Scheduler::new(out);
    let receiver = tokio::spawn(receive(due));
    let mut log = Log::default();
    let mut bag = Vec::new();
    for act in acts {
        match act {
            Act::Delay(delay) => {
                let task = log.insert(now() + secs(delay), None);
                scheduler.delay(secs(delay), task);
            }
            Act::Schedule(ahead) => {
                let (before, by) = (ahead < 0, secs(ahead.unsigned_abs()));
                let time = if before { wall() - by } else { wall() + by };
                let due = if before { now() - by } else { now() + by };
                let task = log.insert(due, Some(time));
                scheduler
                    .schedule(time, task)
                    .expect("it is long after 1970");
            }
            Act::Wait(delay) => sleep(secs(delay)).await,
            Act::Start => {
                if !log.runs() {
                    log.runs.push((now(), None));
                }
                scheduler.start();
                prop_assert!(scheduler.is_running());
            }
            Act::Stop => {
                scheduler.stop().await;
                prop_assert!(!scheduler.is_running());
                if log.runs() {
                    log.runs.last_mut().expect("it runs").1 = Some(now());
                }
            }
            Act::TakeAll => {
                for future in scheduler.take_all().into_sorted_vec() {
                    let entry = &log.entries[*future.task()];
                    let overdue = log.is_overdue(entry, now());
                    prop_assert!(!overdue, "{entry:?} is still there at {:?}", now());
                    log.entries[*future.task()].place = Place::Taken;
                    bag.push(future);
                }
                prop_assert!(scheduler.is_empty());
            }
            Act::PutBack => {
                for future in bag.drain(..) {
                    let order = log.next();
                    let entry = &mut log.entries[*future.task()];
                    (entry.order, entry.inserted) = (order, now());
                    entry.place = Place::Pending;
                    scheduler.insert(future);
                }
            }
        }
    }
    sleep(Duration::from_secs(3600)).await;
    let left = scheduler.len();
    drop(scheduler);
    let received = receiver.await.expect("it does not panic");
    judge(&log, &received, left)
}

/// Everything that comes, and when, until nothing more can come.
async fn receive(mut due: mpsc::Receiver<usize>) -> Vec<Received> {
    let mut received = Vec::new();
    while let Some(task) = due.recv().await {
        received.push(Received {
            task,
            at: now(),
            wall: wall(),
        });
    }
    received
}

fn judge(log: &Log, received: &[Received], left: usize) -> Result<(), TestCaseError> {
    let mut seen = vec![false; log.entries.len()];
    for &Received { task, at, wall } in received {
        let entry = &log.entries[task];
        prop_assert!(!seen[task], "{task} came twice");
        seen[task] = true;
        prop_assert_eq!(entry.place, Place::Pending);
        match entry.time {
            Some(time) => prop_assert!(wall + JITTER >= time, "{entry:?} came early, at {wall:?}"),
            None => prop_assert!(at >= entry.due, "{entry:?} came early, at {at:?}"),
        }
        let in_time = log.ran(at) && !log.is_overdue(entry, at);
        prop_assert!(in_time, "{entry:?} came at {at:?}");
    }
    let mut pending = 0;
    for (entry, seen) in log.entries.iter().zip(seen) {
        if !seen && entry.place == Place::Pending {
            pending += 1;
            prop_assert!(!log.is_overdue(entry, now()), "{entry:?} never came");
        }
    }
    prop_assert_eq!(pending, left);
    // Whoever was there when another one came was later than that.
    for (nth, first) in received.iter().enumerate() {
        let before = &log.entries[first.task];
        for second in &received[nth + 1..] {
            let after = &log.entries[second.task];
            if after.inserted >= first.at {
                continue;
            }
            let in_order = if before.time.is_some() == after.time.is_some() {
                let key = |entry: &Entry| match entry.time {
                    Some(time) => (Some(time), None, entry.order),
                    None => (None, Some(entry.due), entry.order),
                };
                key(before) < key(after)
            } else {
                before.due <= after.due + JITTER
            };
            prop_assert!(in_order, "{before:?} came before {after:?}");
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_scheduler_sends_each_at_its_time(capacity in 1..4_usize, acts in acts()) {
        on_the_paused_clock(schedule(capacity, acts))?;
    }
}

#[tokio::test(start_paused = true)]
async fn the_sleeper_wakes_for_what_is_earlier_or_past_and_not_for_what_is_later() {
    let (out, mut due) = mpsc::channel(8);
    let scheduler = Scheduler::new(out);
    let begin = now();
    scheduler.start();
    sleep(MILLI).await;
    scheduler.delay(millis(99), "later");
    sleep(MILLI).await;
    scheduler.delay(millis(48), "earlier");
    scheduler.delay(millis(998), "latest");
    sleep(MILLI).await;
    scheduler
        .schedule(wall() - millis(5), "past")
        .expect("it is long after 1970");
    for (task, at) in [
        ("past", 3),
        ("earlier", 50),
        ("later", 100),
        ("latest", 1000),
    ] {
        assert_eq!(due.recv().await, Some(task));
        assert_eq!((now() - begin).as_millis(), at, "{task}");
    }
}

#[tokio::test(start_paused = true)]
async fn equal_times_keep_the_order_of_insertion_over_a_stop() {
    let (out, mut due) = mpsc::channel(1);
    let scheduler = Scheduler::new(out);
    (0..100).for_each(|task| scheduler.delay(millis(10), task));
    scheduler.start();
    for task in 0..50 {
        assert_eq!(due.recv().await, Some(task));
    }
    scheduler.stop().await;
    scheduler.start();
    for task in 50..100 {
        assert_eq!(due.recv().await, Some(task));
    }
}

// ---- A million ----

const MILLION: u64 = 1_000_000;
/// Below this many nothing is given back.
const KEPT: usize = 4096;

#[tokio::test(start_paused = true)]
async fn the_memory_of_a_million_is_given_back() {
    let mut futures = Futures::new();
    for task in 0..MILLION {
        // Neither in ascending nor in descending order.
        let delay = millis(task * 7_919 % MILLION);
        futures.insert(FutureTask::after(delay, task));
    }
    (0..10).for_each(|task| futures.insert(FutureTask::after(millis(2 * MILLION), task)));
    assert!(futures.capacity() >= 1_000_000);
    advance(millis(MILLION)).await;
    let mut expected = 0;
    while let Some(future) = futures.pop_due() {
        assert_eq!(future.into_task() * 7_919 % MILLION, expected);
        expected += 1;
    }
    assert_eq!((expected, futures.len()), (MILLION, 10));
    assert!(futures.capacity() <= KEPT, "{}", futures.capacity());
}

#[tokio::test(start_paused = true)]
async fn a_scheduler_gives_the_memory_of_a_million_back() {
    let (out, mut due) = mpsc::channel(1024);
    let scheduler = Scheduler::new(out);
    (0..MILLION).for_each(|task| scheduler.delay(millis(task % 1000), task));
    (0..10).for_each(|task| scheduler.delay(Duration::from_secs(3600), task));
    assert_eq!(scheduler.len(), 1_000_010);
    scheduler.start();
    for _ in 0..MILLION {
        assert!(due.recv().await.is_some());
    }
    assert_eq!(scheduler.len(), 10);
    let left = scheduler.take_all();
    assert!(left.capacity() <= KEPT, "{}", left.capacity());
}
