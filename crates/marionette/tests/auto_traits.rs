//! The auto traits of every public type, which are promises: to lose one breaks a service.

use std::cell::Cell;
use std::future::Future;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::time::Duration;

use marionette::backoff::{Constant, Exponential, Jitter, Linear, Polynomial};
use marionette::error::{
    ConfigProblem, ConfigProblemKind, ErrorDict, ManyError, QueueErrorKind, TaskErrorKind,
};
use marionette::event::{Event, EventKind, Events, Received, TaskRef};
use marionette::inspect::{
    Activity, ActivityFilter, ActivityKind, By, Count, Filter, JobDetails, JobSummary, Listed,
    LiveInstance, Page, PausedQueue, TimedAttempt, Unreadable, Which,
};
use marionette::marker::{Anywhere, ByJob, Stored, Untyped};
use marionette::stats::{Histogram, Stats, Trouble};
use marionette::store::{
    Attempted, Claim, Claimed, Due, Duty, EndKind, Ended, Inserted, InstanceId, InstanceInfo,
    JobOptions, JobState, Lease, Name, NameError, NewJob, Next, PastAttempt, PastOutcome, Priority,
    Renewal, Settled, Settlement, Store, StoreError, StoreErrorKind, StoredBackoff, StoredJitter,
    Swept, Timing, Wanted,
};
use marionette::task::{Blocking, With};
use marionette::timer::{FutureTask, Futures, Scheduler, Unschedulable, WaitingTask};
use marionette::{
    Backoff, BoxError, CancellationToken, Config, ConfigError, Context, Error, Failure,
    FailureKind, Handlers, Job, JobHandle, Jobs, JoinHandle, MemoryOptions, MemoryStore, Parent,
    QueueError, StopReport, Submit, TaskError, TaskHandler, TaskId, TaskManager,
    TaskManagerBuilder, TaskState,
};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Mail {
    /// Not `Sync`, and never need be.
    opened: Cell<bool>,
}

impl Job for Mail {
    const KIND: &'static str = "mail";
    type Output = ();
}

#[derive(Serialize, Deserialize)]
struct Letter;

impl Job for Letter {
    const KIND: &'static str = "letter";
    type Output = ();
}

/// A type that can be kept in the state of a service and sent to any thread.
const fn data<T: Send + Sync + Unpin + 'static>() {}

/// A type that may be used after a panic was caught.
const fn unwinds<T: UnwindSafe + RefUnwindSafe>() {}

fn future<T: Future + Send>(_: &T) {}

const _: () = {
    data::<TaskManager>();
    data::<TaskManager<MemoryStore>>();
    data::<TaskManager<dyn Store>>();
    data::<TaskManagerBuilder>();
    data::<TaskManagerBuilder<MemoryStore>>();
    data::<Jobs>();
    data::<Handlers>();
    data::<Config>();
    data::<MemoryStore>();
    data::<MemoryOptions>();
    data::<StopReport>();
    data::<Stats>();
    data::<Histogram>();
    data::<Trouble>();

    unwinds::<TaskManager>();
    unwinds::<TaskManager<dyn Store>>();
    unwinds::<Jobs>();
    unwinds::<MemoryStore>();
};

/// What is given, and what runs.
const _: () = {
    data::<TaskHandler<Letter>>();
    data::<Submit<'static, Letter, ByJob, Stored>>();
    data::<Submit<'static, Letter, ByJob, Anywhere>>();
    data::<Blocking<fn(Context) -> Result<(), TaskError>>>();
    data::<With<String, fn(String, Context)>>();
    data::<Backoff>();
    data::<Constant>();
    data::<Exponential>();
    data::<Linear>();
    data::<Polynomial>();
    data::<Jitter>();
    data::<CancellationToken>();
    data::<Parent>();
    data::<Context>();
    data::<TaskError>();

    unwinds::<Context>();
};

/// What comes back, whatever is in it.
const _: () = {
    data::<TaskId>();
    data::<TaskState>();
    data::<JoinHandle<Cell<u8>>>();
    data::<JobHandle<Mail>>();
    data::<JobHandle<Untyped>>();
    data::<Error>();
    data::<ErrorDict>();
    data::<Failure>();
    data::<FailureKind>();
    data::<QueueError<Cell<u8>>>();
    data::<QueueErrorKind>();
    data::<ManyError<JoinHandle<Cell<u8>>, Cell<u8>>>();
    data::<TaskErrorKind>();
    data::<ConfigError>();
    data::<ConfigProblem>();
    data::<ConfigProblemKind>();
    data::<BoxError>();
    data::<Events>();
    data::<Event>();
    data::<EventKind>();
    data::<Received>();
    data::<TaskRef>();

    unwinds::<JoinHandle<Cell<u8>>>();
    unwinds::<JobHandle<Mail>>();
};

const _: () = {
    data::<FutureTask<u8>>();
    data::<Futures<u8>>();
    data::<Scheduler<u8>>();
    data::<Unschedulable<u8>>();
    data::<WaitingTask>();
};

/// What a person asks for, and is told.
const _: () = {
    data::<Activity>();
    data::<ActivityFilter>();
    data::<ActivityKind>();
    data::<By>();
    data::<Count>();
    data::<Filter>();
    data::<JobDetails>();
    data::<JobSummary>();
    data::<Listed>();
    data::<LiveInstance>();
    data::<Page>();
    data::<PausedQueue>();
    data::<TimedAttempt>();
    data::<Unreadable>();
    data::<Which>();
};

/// What a manager and its store tell each other.
const _: () = {
    data::<Attempted>();
    data::<Claim>();
    data::<Claimed>();
    data::<Due>();
    data::<Duty>();
    data::<EndKind>();
    data::<Ended>();
    data::<Inserted>();
    data::<InstanceId>();
    data::<InstanceInfo>();
    data::<JobOptions>();
    data::<JobState>();
    data::<Lease>();
    data::<Name>();
    data::<NameError>();
    data::<NewJob>();
    data::<Next>();
    data::<PastAttempt>();
    data::<PastOutcome>();
    data::<Priority>();
    data::<Renewal>();
    data::<Settled>();
    data::<Settlement>();
    data::<StoreError>();
    data::<StoreErrorKind>();
    data::<StoredBackoff>();
    data::<StoredJitter>();
    data::<Swept>();
    data::<Timing>();
    data::<Wanted>();
};

#[cfg(feature = "test-util")]
const _: () = {
    data::<marionette::testing::ContextBuilder>();
    data::<marionette::testing::WallClock>();
};

#[tokio::test]
async fn the_futures_of_the_verbs_can_be_spawned() {
    let memory = TaskManager::builder().build().expect("it is sound");
    let stored = TaskManager::builder().store(MemoryStore::new()).build();
    let stored = stored.expect("it is sound");
    let mail = || Mail {
        opened: Cell::new(false),
    };
    let code = async |_: Context| Ok(());
    future(&memory.stop());
    future(&memory.stop_within(Duration::ZERO));
    future(&memory.idle());
    future(&memory.queue(code).into_future());
    future(&memory.queue_many([code]));
    future(&stored.queue(mail()).into_future());
    future(&stored.queue(mail()).try_now());
    future(&stored.queue_many([mail()]));
    let jobs = stored.jobs();
    future(&jobs.queue(mail()).into_future());
    future(&jobs.queue_many([mail()]));
    let handle = stored.queue(mail()).await.expect("it is accepted");
    future(&handle.state());
    future(&handle.cancel("not needed"));
}
