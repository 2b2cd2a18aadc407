//! Listeners that panic change nothing for the tasks that they hear of: the log, the metrics, the
//! stream of events.

mod common;

use std::collections::BTreeMap;
use std::future::pending;
use std::io::{BufRead, BufReader};
use std::pin::pin;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context as Poller, Poll, Wake, Waker};
use std::time::Duration;

use common::jobs::{Act, SendMail, act, mail, send};
use common::{HOUR, SECOND};
use marionette::backoff::Constant;
use marionette::inspect::Inspect;
use marionette::{
    Backoff, Context, Error, JoinHandle, MemoryStore, Parent, StopReport, TaskError, TaskManager,
    blocking, wrap,
};
use tokio::time::sleep;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_core::span::Current;
use tracing_subscriber::Registry;
use tracing_subscriber::filter::LevelFilter;

/// The call at which a listener panics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Enabled,
    NewSpan,
    Record,
    Event,
    Enter,
    Exit,
    Clone,
    Close,
    Current,
    Everything,
}

const PLACES: [At; 10] = [
    At::Enabled,
    At::NewSpan,
    At::Record,
    At::Event,
    At::Enter,
    At::Exit,
    At::Clone,
    At::Close,
    At::Current,
    At::Everything,
];

const LEVELS: [Level; 5] = [
    Level::ERROR,
    Level::WARN,
    Level::INFO,
    Level::DEBUG,
    Level::TRACE,
];

const BROKEN: &str = "the log cannot be written";

/// A layer that panics at every n-th call of this kind.
struct Fragile {
    inner: Registry,
    level: Level,
    at: At,
    every: usize,
    asked: AtomicUsize,
    is_armed: Arc<AtomicBool>,
    panicked: Arc<AtomicUsize>,
}

impl Fragile {
    fn meet(&self, at: At) {
        let is_meant = self.at == at || self.at == At::Everything;
        if is_meant && self.is_armed.load(Ordering::Relaxed) {
            let nth = self.asked.fetch_add(1, Ordering::Relaxed);
            if nth.is_multiple_of(self.every) {
                self.panicked.fetch_add(1, Ordering::Relaxed);
                panic!("{BROKEN}");
            }
        }
    }
}

impl Subscriber for Fragile {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.meet(At::Enabled);
        *metadata.level() <= self.level
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::from_level(self.level))
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.meet(At::NewSpan);
        self.inner.new_span(span)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        self.meet(At::Record);
        self.inner.record(span, values);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        self.meet(At::Event);
        self.inner.event(event);
    }

    fn enter(&self, span: &Id) {
        self.inner.enter(span);
        self.meet(At::Enter);
    }

    fn exit(&self, span: &Id) {
        self.inner.exit(span);
        self.meet(At::Exit);
    }

    fn clone_span(&self, id: &Id) -> Id {
        self.meet(At::Clone);
        self.inner.clone_span(id)
    }

    fn try_close(&self, id: Id) -> bool {
        let closed = self.inner.try_close(id);
        self.meet(At::Close);
        closed
    }

    fn current_span(&self) -> Current {
        self.meet(At::Current);
        self.inner.current_span()
    }
}

/// Tests run one at a time, and do not print the panics that they cause.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    static QUIET: std::sync::Once = std::sync::Once::new();
    QUIET.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let payload = info.payload();
            let text = payload.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
            let meant = [BROKEN, "out of order", "on a thread", "oh no"];
            if !text.is_some_and(|text| meant.contains(&text)) {
                before(info);
            }
        }));
    });
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let builder = builder.enable_all().start_paused(true);
    builder.build().expect("a runtime can be made")
}

/// How a task ended: all that its caller can learn, apart from its duration.
fn told<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    match result {
        Ok(value) => format!("{value:?}"),
        Err(error) => {
            let dict = error.dict();
            format!("{error}: {:?}, {:?}", dict.error, dict.errors)
        }
    }
}

fn numbers(report: &StopReport, tasks: &TaskManager<impl ?Sized>) -> String {
    let mut stats = tasks.stats();
    (stats.queue_wait, stats.run_time) = Default::default();
    let StopReport {
        done,
        failed,
        cancelled,
        queued,
        waiting,
        ..
    } = report;
    format!(
        "{done} {failed} {cancelled} {queued} {waiting} {} {} {stats:?}",
        report.interrupted.len(),
        report.abandoned.len()
    )
}

type Ends = BTreeMap<&'static str, String>;

/// The handle of a task, after its name in the table.
async fn keep<T: std::fmt::Debug>(ends: &mut Ends, name: &'static str, handle: JoinHandle<T>) {
    ends.insert(name, told(handle.await));
}

fn flaky(cx: &Context) -> Result<u32, TaskError> {
    match cx.attempt() {
        3 => Ok(3),
        attempt => Err(format!("try {attempt}").into()),
    }
}

async fn hangs(_: Context) -> Result<u32, TaskError> {
    pending().await
}

/// One task of each kind in memory, and what became of it.
async fn tasks_of_every_kind(parent: Parent) -> Ends {
    let mut ends = Ends::new();
    let builder = TaskManager::builder().workers(2).grace(SECOND);
    let tasks = builder.handle(send).handle(act).build().expect("sound");
    tasks.start();
    those_that_fail(&tasks, &mut ends).await;
    those_that_wait(&tasks, &mut ends).await;
    those_with_others(&tasks, &mut ends, parent).await;

    let sound = "it runs";
    let later = tasks.delay(HOUR, hangs).name("later").await.expect(sound);
    let stuck = tasks.queue(hangs).name("stuck").await.expect(sound);
    let report = tasks.stop_within(SECOND).await;
    ends.insert("stop", numbers(&report, &tasks));
    drop(tasks);
    keep(&mut ends, "left waiting", later).await;
    keep(&mut ends, "left in the queue", stuck).await;
    ends
}

async fn those_that_fail(tasks: &TaskManager, ends: &mut Ends) {
    let sound = "it runs";
    let fails = tasks.queue(async |cx: Context| Err::<(), _>(cx.name().into()));
    let fails = fails.retries(1).backoff(Constant::new(SECOND)).name("mail");
    let fails = fails.error("no mail").await.expect(sound);
    keep(ends, "fails", fails).await;
    for (name, backoff) in [
        ("recovers at once", Backoff::none()),
        ("recovers", Constant::new(SECOND).into()),
    ] {
        let recovers = tasks.queue(async |cx: Context| flaky(&cx)).retries(5);
        let recovers = recovers.backoff(backoff).await.expect(sound);
        keep(ends, name, recovers).await;
    }
    let panics = tasks.queue(async |cx: Context| {
        sleep(SECOND).await;
        assert!(cx.attempt() > 2, "out of order");
        Ok(())
    });
    let panics = panics.retries(1).backoff(Backoff::none());
    keep(ends, "panics", panics.await.expect(sound)).await;
    let slow = tasks.queue(hangs).timeout(SECOND).retries(1);
    keep(ends, "times out", slow.await.expect(sound)).await;
}

async fn those_that_wait(tasks: &TaskManager, ends: &mut Ends) {
    let sound = "it runs";
    let listens = async |cx: Context| {
        cx.cancelled().await;
        Err::<(), _>(TaskError::from("told to end"))
    };
    let cancelled = tasks.queue(listens).await.expect(sound);
    sleep(SECOND).await;
    assert!(cancelled.cancel("not needed"));
    keep(ends, "cancelled", cancelled).await;
    let early = tasks.delay(HOUR, hangs).await.expect(sound);
    assert!(early.cancel("not needed"));
    keep(ends, "cancelled early", early).await;
    let mut snoozed = 0;
    let snoozes = move |_: Context| {
        snoozed += 1;
        let again = snoozed < 3;
        async move {
            if again {
                return Err(TaskError::snooze(SECOND));
            }
            Ok("awake")
        }
    };
    keep(ends, "snoozes", tasks.queue(snoozes).await.expect(sound)).await;
}

async fn those_with_others(tasks: &TaskManager, ends: &mut Ends, parent: Parent) {
    let sound = "it runs";
    let succeeds = tasks.queue(async |cx: Context| Ok(cx.attempt()));
    let succeeds = succeeds.context(parent).await.expect(sound);
    keep(ends, "succeeds", succeeds).await;
    let blocks = tasks.queue(blocking(|cx: Context| flaky(&cx)));
    let blocks = blocks.retries(2).backoff(Backoff::none());
    keep(ends, "blocking", blocks.await.expect(sound)).await;
    let panics = tasks.queue(blocking(|_: Context| -> Result<(), TaskError> {
        panic!("on a thread")
    }));
    keep(ends, "blocking panics", panics.await.expect(sound)).await;
    let inner = tasks.clone();
    let parent = tasks.queue(move |cx: Context| {
        let inner = inner.clone();
        async move {
            let child = inner.queue(async |cx: Context| flaky(&cx)).context(&cx);
            let child = child.retries(2).backoff(Constant::new(SECOND));
            Ok(child.try_now()?.await?)
        }
    });
    keep(ends, "a child", parent.await.expect(sound)).await;
    let once = wrap(async |cx: Context| flaky(&cx)).retries(2);
    keep(ends, "exec", tasks.exec(once).await).await;
    let letter = tasks.queue(mail("ada")).await.expect(sound);
    keep(ends, "a job", letter).await;
    let dead = tasks.queue(Act::Fail).retries(1);
    keep(ends, "a job fails", dead.await.expect(sound)).await;
}

/// One job of each kind in a store, and what became of it.
async fn jobs_of_every_kind(parent: Parent) -> Ends {
    // A job has no parent, and dropping the span here would be the test's own call of the listener.
    std::mem::forget(parent);
    let mut ends = Ends::new();
    let store = MemoryStore::default();
    let builder = TaskManager::builder().store(store.clone()).grace(SECOND);
    let tasks = builder.handle(send).handle(act).build().expect("sound");
    tasks.start();
    let sound = "it is stored";

    let letter: SendMail = mail("ada");
    let letter = tasks.queue(letter).await.expect(sound);
    ends.insert("succeeds", told(letter.await));
    for (name, act) in [
        ("fails", Act::Fail),
        ("panics", Act::Panic),
        ("times out", Act::Hang),
    ] {
        let job = tasks.queue(act).retries(1).timeout(SECOND).error("no act");
        let job = job.backoff(Constant::new(SECOND)).await.expect(sound);
        ends.insert(name, told(job.await));
    }
    let obeys = tasks.queue(Act::Obey).await.expect(sound);
    // Four leases: the renewer and the sweeper have to live. An hour would cost 3,600 renewals.
    sleep(60 * SECOND).await;
    obeys.cancel("not needed").await.expect("it is there");
    ends.insert("cancelled", told(obeys.await));
    let stuck = tasks.queue(Act::Hang).await.expect(sound);
    sleep(SECOND).await;
    let report = tasks.stop_within(SECOND).await;
    ends.insert("stop", numbers(&report, &tasks));
    let stuck = store.job(stuck.id()).await.expect("it answers");
    let stuck = stuck.expect("it is there");
    ends.insert(
        "left",
        format!("{:?} {}", stuck.summary.state, stuck.attempts.len()),
    );
    ends
}

/// What becomes of tasks while such a listener is told of them, and how often it panicked.
fn heard<F: Future<Output = Ends>>(
    run: impl Fn(Parent) -> F,
    level: Level,
    at: At,
    every: usize,
) -> (Ends, usize) {
    let (is_armed, panicked) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
    let fragile = Fragile {
        inner: tracing_subscriber::registry(),
        level,
        at,
        every,
        asked: AtomicUsize::new(0),
        is_armed: Arc::clone(&is_armed),
        panicked: Arc::clone(&panicked),
    };
    let _listening = tracing::subscriber::set_default(fragile);
    // The span of a request, say: the caller's own, made before the pipe breaks.
    let span = tracing::info_span!("request", answer = tracing::field::Empty);
    let parent = span.in_scope(Parent::current_span);
    is_armed.store(true, Ordering::Relaxed);
    let runtime = runtime();
    let ends = runtime.block_on(run(parent));
    drop(runtime);
    is_armed.store(false, Ordering::Relaxed);
    (ends, panicked.load(Ordering::Relaxed))
}

fn table<F: Future<Output = Ends>>(run: impl Fn(Parent) -> F + Copy) {
    let _alone = alone();
    let expected = runtime().block_on(run(Parent::default()));
    assert!(expected.len() > 5, "{expected:?}");
    for level in LEVELS {
        for at in PLACES {
            let is_of_spans = !matches!(at, At::Enabled | At::Event | At::Everything);
            if is_of_spans && level < Level::INFO {
                continue; // There are no spans then.
            }
            let mut met = 0;
            for every in [1, 3] {
                let (ends, panicked) = heard(run, level, at, every);
                assert_eq!(ends, expected, "{level} {at:?} every {every}");
                met += panicked;
            }
            // The library records nothing later, and a job has no span that could be cloned.
            let may_be_silent = matches!(at, At::Record | At::Clone | At::Current);
            assert!(may_be_silent || met > 0, "{level} {at:?} was never met");
        }
    }
}

#[test]
fn a_subscriber_that_panics_changes_nothing_for_tasks() {
    table(tasks_of_every_kind);
}

#[test]
fn a_subscriber_that_panics_changes_nothing_for_jobs() {
    table(jobs_of_every_kind);
}

/// Runs in a process of its own, whose log goes to a pipe that nobody reads.
#[test]
fn a_closed_pipe_as_the_log_changes_nothing() {
    const CHILD: &str = "MARIONETTE_TEST_LOG_LEVEL";
    let name = "a_closed_pipe_as_the_log_changes_nothing";
    if let Ok(level) = std::env::var(CHILD) {
        let subscriber = tracing_subscriber::fmt().with_writer(std::io::stderr);
        let subscriber = subscriber.with_max_level(level.parse::<Level>().expect("a level"));
        let _listening = tracing::subscriber::set_default(subscriber.finish());
        let mut ends = runtime().block_on(tasks_of_every_kind(Parent::default()));
        ends.extend(runtime().block_on(jobs_of_every_kind(Parent::default())));
        println!("\nends: {ends:?}");
        return;
    }
    let _alone = alone();
    let mut expected = runtime().block_on(tasks_of_every_kind(Parent::default()));
    expected.extend(runtime().block_on(jobs_of_every_kind(Parent::default())));
    for level in LEVELS {
        let mut child = Command::new(std::env::current_exe().expect("it has a path"))
            .args(["--exact", name, "--nocapture"])
            .env(CHILD, level.as_str())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        drop(child.stderr.take());
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let ends = lines.map_while(Result::ok);
        let ends: Vec<_> = ends.filter(|line| line.starts_with("ends: ")).collect();
        assert!(child.wait().expect("it was started").success(), "{level}");
        assert_eq!(ends, [format!("ends: {expected:?}")], "{level}");
    }
}

#[cfg(feature = "metrics")]
mod recorder {
    use metrics::{
        Counter, CounterFn, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
        SharedString, Unit,
    };

    use super::*;

    /// A recorder that panics when it is asked for a meter, or when it is told a value.
    struct Broken {
        at_once: bool,
    }

    struct Meter;

    impl CounterFn for Meter {
        fn increment(&self, _: u64) {
            panic!("{BROKEN}");
        }

        fn absolute(&self, _: u64) {}
    }

    impl HistogramFn for Meter {
        fn record(&self, _: f64) {
            panic!("{BROKEN}");
        }
    }

    impl Recorder for Broken {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
            assert!(!self.at_once, "{BROKEN}");
            Counter::from_arc(Arc::new(Meter))
        }

        fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
            panic!("{BROKEN}");
        }

        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            assert!(!self.at_once, "{BROKEN}");
            Histogram::from_arc(Arc::new(Meter))
        }
    }

    #[test]
    fn a_recorder_of_metrics_that_panics_changes_nothing() {
        let _alone = alone();
        let tasks = || runtime().block_on(tasks_of_every_kind(Parent::default()));
        let jobs = || runtime().block_on(jobs_of_every_kind(Parent::default()));
        let expected = (tasks(), jobs());
        for at_once in [true, false] {
            let broken = Broken { at_once };
            let ends = metrics::with_local_recorder(&broken, || (tasks(), jobs()));
            assert_eq!(ends, expected);
        }
    }
}

/// A waker that panics.
struct Sleeper;

impl Wake for Sleeper {
    fn wake(self: Arc<Self>) {
        panic!("{BROKEN}");
    }
}

#[test]
fn a_reader_of_events_that_panics_when_it_is_woken_changes_nothing() {
    let _alone = alone();
    let run = |is_watched: bool| {
        runtime().block_on(async {
            let builder = TaskManager::builder().workers(1);
            let tasks = builder.build().expect("sound");
            tasks.start();
            let mut all = Vec::new();
            for retries in 0..4 {
                let mut events = tasks.events();
                let mut next = pin!(events.recv());
                let waker = Waker::from(Arc::new(Sleeper));
                if is_watched {
                    let polled = next.as_mut().poll(&mut Poller::from_waker(&waker));
                    assert!(matches!(polled, Poll::Pending));
                }
                let task = tasks.queue(async |cx: Context| flaky(&cx)).retries(retries);
                let task = task.backoff(Constant::new(Duration::from_millis(1)));
                all.push(told(task.await.expect("it runs").await));
            }
            all.push(numbers(&tasks.stop().await, &tasks));
            all
        })
    };
    assert_eq!(run(true), run(false));
}
