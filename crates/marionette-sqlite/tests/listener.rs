//! A part of the subscriber that panics changes nothing for jobs in a store: neither on the
//! runtime, nor on the threads of the store and of those who keep the leases.

mod common;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::Place;
use marionette::inspect::Inspect;
use marionette::{Backoff, Context, Job, TaskError, TaskManager};
use marionette_sqlite::SqliteStore;
use serde::{Deserialize, Serialize};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context as Layers, SubscriberExt};

const BROKEN: &str = "the log cannot be written";

/// What a layer is asked for, and at which it panics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
enum At {
    Nothing,
    Enabled,
    EventEnabled,
    NewSpan,
    Event,
    Enter,
    Exit,
    Close,
    Everything,
}

const PLACES: [At; 8] = [
    At::Enabled,
    At::EventEnabled,
    At::NewSpan,
    At::Event,
    At::Enter,
    At::Exit,
    At::Close,
    At::Everything,
];

static AT: AtomicUsize = AtomicUsize::new(At::Nothing as usize);
static EVERY: AtomicUsize = AtomicUsize::new(1);
static ASKED: AtomicUsize = AtomicUsize::new(0);
static PANICKED: AtomicUsize = AtomicUsize::new(0);

struct Fragile;

fn meet(at: At) {
    let now = AT.load(Ordering::SeqCst);
    let is_meant = now == at as usize || now == At::Everything as usize;
    if is_meant
        && ASKED
            .fetch_add(1, Ordering::SeqCst)
            .is_multiple_of(EVERY.load(Ordering::SeqCst))
    {
        PANICKED.fetch_add(1, Ordering::SeqCst);
        panic!("{BROKEN}");
    }
}

impl<S: Subscriber> Layer<S> for Fragile {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    fn enabled(&self, _: &Metadata<'_>, _: Layers<'_, S>) -> bool {
        meet(At::Enabled);
        true
    }

    fn event_enabled(&self, _: &Event<'_>, _: Layers<'_, S>) -> bool {
        meet(At::EventEnabled);
        true
    }

    fn on_new_span(&self, _: &Attributes<'_>, _: &Id, _: Layers<'_, S>) {
        meet(At::NewSpan);
    }

    fn on_record(&self, _: &Id, _: &Record<'_>, _: Layers<'_, S>) {
        meet(At::Everything);
    }

    fn on_event(&self, _: &Event<'_>, _: Layers<'_, S>) {
        meet(At::Event);
    }

    fn on_enter(&self, _: &Id, _: Layers<'_, S>) {
        meet(At::Enter);
    }

    fn on_exit(&self, _: &Id, _: Layers<'_, S>) {
        meet(At::Exit);
    }

    fn on_close(&self, _: Id, _: Layers<'_, S>) {
        meet(At::Close);
    }
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum Act {
    Succeed,
    Recover,
    Fail,
    Panic,
    Hang,
    Obey,
}

impl Job for Act {
    const KIND: &'static str = "act";
    type Output = u32;
}

async fn act(act: Act, cx: Context) -> Result<u32, TaskError> {
    match act {
        Act::Succeed => Ok(7),
        Act::Recover if cx.attempt() == 3 => Ok(3),
        Act::Recover | Act::Fail => Err(format!("try {}", cx.attempt()).into()),
        Act::Panic => panic!("out of order"),
        Act::Hang => std::future::pending().await,
        Act::Obey => {
            cx.cancelled().await;
            Err("told to end".into())
        }
    }
}

type Ends = BTreeMap<&'static str, String>;

/// One job of each kind, and what became of it.
async fn jobs_of_every_kind() -> Ends {
    let (sound, mut ends) = ("it is stored", Ends::new());
    let place = Place::new();
    let store = opened(&place).await;
    let tasks = manager(&store);
    tasks.start();
    for (name, act) in [
        ("succeeds", Act::Succeed),
        ("recovers", Act::Recover),
        ("fails", Act::Fail),
        ("panics", Act::Panic),
        ("times out", Act::Hang),
    ] {
        let job = tasks.queue(act).retries(2).backoff(Backoff::none());
        let job = job.timeout(Duration::from_millis(20)).error("no act");
        ends.insert(name, told(job.await.expect(sound).await));
    }
    let obeys = tasks.queue(Act::Obey).await.expect(sound);
    pause(50).await;
    obeys.cancel("not needed").await.expect("it is there");
    ends.insert("cancelled", told(obeys.await));
    let later = tasks.delay(Duration::from_secs(3600), Act::Succeed).await;
    let later = later.expect(sound);
    later.cancel("not needed").await.expect("it is there");
    ends.insert("cancelled early", told(later.await));
    let stuck = tasks.queue(Act::Hang).await.expect(sound);
    pause(50).await;
    let report = tasks.stop_within(Duration::from_millis(50)).await;
    let numbers = (report.done, report.failed, report.cancelled);
    ends.insert("stop", format!("{numbers:?} {}", report.interrupted.len()));
    let left = store.job(stuck.id()).await.expect("it answers");
    let left = left.expect("it is there");
    let left = (left.summary.state, left.attempts.len());
    ends.insert("left", format!("{left:?}"));

    // Trouble is told of as well.
    tasks.start();
    std::fs::remove_file(place.path()).expect("it is there");
    let refused = tasks.queue(Act::Succeed).await.err();
    ends.insert("without its file", format!("{}", refused.is_some()));
    pause(200).await;
    let stopped = tokio::time::timeout(Duration::from_secs(30), tasks.stop()).await;
    ends.insert("stop in trouble", format!("{}", stopped.is_ok()));
    ends
}

async fn opened(place: &Place) -> SqliteStore {
    let options = SqliteStore::options().lease(Duration::from_millis(1500));
    let options = options.sweep(Duration::from_millis(20));
    options.open(place.path()).await.expect("it can be opened")
}

fn manager(store: &SqliteStore) -> TaskManager<SqliteStore> {
    let builder = TaskManager::builder().store(store.clone()).handle(act);
    let builder = builder.grace(Duration::from_millis(50));
    builder.build().expect("it is sound")
}

#[allow(clippy::disallowed_methods)] // The threads of the store live in real time.
async fn pause(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

fn told(result: Result<u32, marionette::Error>) -> String {
    result.map_or_else(
        |error| format!("{error}: {:?}", error.dict().errors),
        |value| value.to_string(),
    )
}

/// Panics that are meant are not printed.
fn be_quiet() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let payload = info.payload();
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
        if !text.is_some_and(|text| [BROKEN, "out of order"].contains(&text)) {
            before(info);
        }
    }));
}

/// The listener is that of the whole process: the store and the keeper have threads of their own.
#[test]
fn a_layer_that_panics_changes_nothing_for_jobs_in_a_file() {
    be_quiet();
    let subscriber = tracing_subscriber::registry().with(Fragile);
    tracing::subscriber::set_global_default(subscriber).expect("it is the first");
    let one = tokio::runtime::Builder::new_current_thread();
    let mut two = tokio::runtime::Builder::new_multi_thread();
    two.worker_threads(2);
    for (mut runtime, often) in [(one, [1, 3]), (two, [3, 1])] {
        let runtime = runtime.enable_all().build().expect("it can be made");
        let expected = runtime.block_on(jobs_of_every_kind());
        assert_eq!(expected["without its file"], "true");
        for (at, every) in PLACES.into_iter().zip(often.into_iter().cycle()) {
            let (ends, panicked) = runtime.block_on(heard(at, every));
            assert_eq!(ends, expected, "{at:?} every {every}");
            assert!(panicked > 0, "{at:?} was never met");
        }
    }
}

/// What becomes of jobs while the layer panics every so many times there, and how often it did.
async fn heard(at: At, every: usize) -> (Ends, usize) {
    EVERY.store(every, Ordering::SeqCst);
    ASKED.store(0, Ordering::SeqCst);
    PANICKED.store(0, Ordering::SeqCst);
    AT.store(at as usize, Ordering::SeqCst);
    let ends = tokio::time::timeout(Duration::from_secs(60), jobs_of_every_kind()).await;
    AT.store(At::Nothing as usize, Ordering::SeqCst);
    let ends = ends.unwrap_or_else(|_| panic!("{at:?} every {every}: it hangs"));
    (ends, PANICKED.load(Ordering::SeqCst))
}
