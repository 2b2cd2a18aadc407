//! The whole manager against a model that is too simple to be wrong, on the paused clock: random
//! tasks and random treatment, and every accepted task ends in exactly one way after as many
//! attempts as the model says, or is still there and counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use marionette::backoff::Constant;
use marionette::{Context, Error, JoinHandle, StopReport, TaskError, TaskManager};
use proptest::prelude::{ProptestConfig, Strategy, any, prop_oneof, proptest};
use proptest::strategy::Just;
use proptest::test_runner::TestCaseError;
use proptest::{collection, option, prop_assert, prop_assert_eq};
use tokio::time::sleep;

/// How a task behaves in its attempts.
#[derive(Clone, Copy, Debug)]
enum Way {
    Succeed,
    /// This many attempts fail, and the next one succeeds.
    Fail(u32),
    /// This many attempts panic, and the next one succeeds.
    Panic(u32),
    Fatal,
    /// The first attempt snoozes.
    Snooze(u64),
}

#[derive(Clone, Debug)]
struct Plan {
    way: Way,
    /// How long each attempt sleeps first, in milliseconds.
    sleeps: u64,
    retries: u32,
    backoff: u64,
    /// The delay of a task that is not queued at once.
    delay: Option<u64>,
    /// The time after which its handle cancels it.
    cancel: Option<u64>,
    /// Whether nobody waits for it.
    dropped: bool,
}

#[derive(Clone, Debug)]
enum Act {
    Add(Plan),
    Wait(u64),
    Pause,
    Resume,
    Workers(usize),
    Start,
    Stop,
    StopWithin(u64),
}

fn plan() -> impl Strategy<Value = Plan> {
    let way = prop_oneof![
        3 => Just(Way::Succeed),
        3 => (1..4_u32).prop_map(Way::Fail),
        1 => (1..3_u32).prop_map(Way::Panic),
        1 => Just(Way::Fatal),
        2 => (0..30_u64).prop_map(Way::Snooze),
    ];
    let sleeps = prop_oneof![Just(0), 1..40_u64];
    let delay = option::weighted(0.3, 0..60_u64);
    let cancel = option::weighted(0.3, 0..80_u64);
    (
        way,
        sleeps,
        0..4_u32,
        0..30_u64,
        delay,
        cancel,
        any::<bool>(),
    )
        .prop_map(
            |(way, sleeps, retries, backoff, delay, cancel, dropped)| Plan {
                way,
                sleeps,
                retries,
                backoff,
                delay,
                cancel,
                dropped: dropped && cancel.is_none(),
            },
        )
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        10 => plan().prop_map(Act::Add),
        5 => (0..50_u64).prop_map(Act::Wait),
        1 => Just(Act::Pause),
        1 => Just(Act::Resume),
        1 => (1..5_usize).prop_map(Act::Workers),
        1 => Just(Act::Start),
        1 => Just(Act::Stop),
        1 => (0..60_u64).prop_map(Act::StopWithin),
    ];
    collection::vec(act, 1..60)
}

fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// An accepted task: how many attempts began, how many came to their own end, and what ended it.
struct Accepted {
    plan: Plan,
    begun: Arc<AtomicU32>,
    ended: Arc<AtomicU32>,
    handle: Option<Watched>,
}

type Watched = tokio::task::JoinHandle<(Result<u32, Error>, bool)>;

fn begin(
    plan: &Plan,
    begun: &Arc<AtomicU32>,
    ended: &Arc<AtomicU32>,
) -> impl FnMut(Context) -> Attempt + Send + 'static {
    let (plan, begun, ended) = (plan.clone(), Arc::clone(begun), Arc::clone(ended));
    move |cx| {
        let (plan, begun, ended) = (plan.clone(), Arc::clone(&begun), Arc::clone(&ended));
        Box::pin(async move {
            begun.fetch_add(1, Ordering::Relaxed);
            if plan.sleeps > 0 {
                sleep(millis(plan.sleeps)).await;
            }
            // Interrupted attempts do not get here, and the manager does not count them either.
            let before = ended.fetch_add(1, Ordering::Relaxed);
            match plan.way {
                Way::Fail(times) if cx.attempt() <= times => Err("fails".into()),
                Way::Panic(times) if cx.attempt() <= times => {
                    std::panic::resume_unwind(Box::new("panics"))
                }
                Way::Fatal => Err(TaskError::fatal("fatal")),
                Way::Snooze(pause) if before == 0 => Err(TaskError::snooze(millis(pause))),
                _ => Ok(cx.attempt()),
            }
        })
    }
}

type Attempt = std::pin::Pin<Box<dyn Future<Output = Result<u32, TaskError>> + Send + 'static>>;

/// Awaits the result, and cancels when the plan says so; also returns whether that had an effect.
async fn watch(mut handle: JoinHandle<u32>, cancel: Option<u64>) -> (Result<u32, Error>, bool) {
    let Some(after) = cancel else {
        return (handle.await, false);
    };
    tokio::select! {
        biased;
        result = &mut handle => (result, false),
        () = sleep(millis(after)) => {
            let told = handle.cancel("not needed");
            (handle.await, told)
        }
    }
}

/// The model of a task that nobody cancels: the attempts that count, whether it succeeds, and how
/// many attempts snooze.
fn expected(plan: &Plan) -> (u32, bool, u32) {
    match plan.way {
        Way::Succeed => (1, true, 0),
        Way::Fatal => (1, false, 0),
        Way::Snooze(_) => (1, true, 1),
        Way::Fail(times) | Way::Panic(times) => {
            let made = times.min(plan.retries) + 1;
            (made, times <= plan.retries, 0)
        }
    }
}

async fn run(workers: usize, queue_size: usize, acts: Vec<Act>) -> Result<(), TestCaseError> {
    let tasks = TaskManager::builder()
        .workers(workers)
        .queue_size(queue_size)
        .grace(millis(5))
        .build()
        .expect("the settings are sound");
    let mut all: Vec<Accepted> = Vec::new();
    tasks.start();
    for act in acts {
        match act {
            Act::Add(plan) => all.extend(add(&tasks, plan).await?),
            Act::Wait(time) => sleep(millis(time)).await,
            Act::Pause => tasks.pause(),
            Act::Resume => tasks.resume(),
            Act::Workers(count) => tasks.set_workers(count).expect("there is one"),
            Act::Start => tasks.start(),
            Act::Stop => check(&tasks, &tasks.stop().await, &all)?,
            Act::StopWithin(limit) => {
                check(&tasks, &tasks.stop_within(millis(limit)).await, &all)?;
            }
        }
    }
    tasks.start();
    tasks.resume();
    // Far later than anything that may still wait.
    sleep(Duration::from_secs(60)).await;
    tasks.idle().await;
    let report = tasks.stop().await;
    check(&tasks, &report, &all)?;
    prop_assert_eq!((report.queued, report.waiting), (0, 0));
    prop_assert!(report.is_complete());
    for accepted in all {
        judge(accepted).await?;
    }
    Ok(())
}

async fn add(tasks: &TaskManager, plan: Plan) -> Result<Option<Accepted>, TestCaseError> {
    let (begun, ended) = (Arc::default(), Arc::default());
    let task = begin(&plan, &begun, &ended);
    let submit = match plan.delay {
        None => tasks.queue(task),
        Some(delay) => tasks.delay(millis(delay), task),
    };
    let runs = tasks.is_running();
    let submitted = submit
        .retries(plan.retries)
        .backoff(Constant::new(millis(plan.backoff)))
        .wait_at_most(millis(20))
        .await;
    match submitted {
        Ok(handle) => {
            let cancel = plan.cancel;
            let handle = (!plan.dropped).then(|| tokio::spawn(watch(handle, cancel)));
            Ok(Some(Accepted {
                plan,
                begun,
                ended,
                handle,
            }))
        }
        Err(refused) => {
            prop_assert!(plan.delay.is_none(), "a future task is always accepted");
            prop_assert!(refused.is_full() == runs, "{refused:?}");
            drop(refused);
            prop_assert_eq!(begun.load(Ordering::Relaxed), 0);
            Ok(None)
        }
    }
}

/// Checks after a stop that each accepted task has ended or is counted in the report.
fn check(tasks: &TaskManager, report: &StopReport, all: &[Accepted]) -> Result<(), TestCaseError> {
    let stats = tasks.stats();
    let ended = usize::try_from(stats.ended()).expect("it is small");
    prop_assert!(report.abandoned.is_empty(), "{report}");
    prop_assert_eq!((stats.workers, stats.running), (0, 0));
    let there = report.queued + report.waiting;
    // A task that is cancelled while it waits for its time is counted as ended when it is found,
    // and not at all if it is swept: only those may be missing.
    let cancelled = all.iter().filter(|task| task.plan.cancel.is_some()).count();
    prop_assert!(
        ended + there <= all.len() && all.len() <= ended + there + cancelled,
        "{} accepted, {ended} ended, {report}",
        all.len()
    );
    Ok(())
}

async fn judge(accepted: Accepted) -> Result<(), TestCaseError> {
    let Accepted {
        plan,
        begun,
        ended,
        handle,
    } = accepted;
    let (begun, ended) = (begun.load(Ordering::Relaxed), ended.load(Ordering::Relaxed));
    let (attempts, succeeds, snoozes) = expected(&plan);
    prop_assert!(ended <= begun);
    let Some(handle) = handle else {
        prop_assert_eq!(ended, attempts + snoozes, "{:?}", plan);
        return Ok(());
    };
    let (result, told) = handle.await.expect("it does not panic");
    match result {
        Ok(attempt) => {
            prop_assert!(succeeds, "{plan:?}");
            prop_assert_eq!(
                (attempt, ended),
                (attempts, attempts + snoozes),
                "{:?}",
                plan
            );
        }
        Err(error) if error.is_cancelled() => {
            prop_assert!(told, "{plan:?} was not cancelled: {error:?}");
            prop_assert!(ended <= attempts + snoozes, "{plan:?}");
        }
        Err(error) => {
            prop_assert!(!succeeds, "{plan:?}: {error:?}");
            prop_assert_eq!(error.attempts(), attempts, "{:?}: {:?}", plan, error);
            prop_assert_eq!(ended, attempts, "{:?}: {:?}", plan, error);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 128,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_accepted_task_ends_in_exactly_one_way(
        workers in 1..4_usize,
        queue_size in 0..4_usize,
        acts in acts(),
    ) {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime can be built")
            .block_on(run(workers, queue_size, acts))?;
    }
}
