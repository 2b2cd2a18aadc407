//! One test for each row of the table "Coming from Go": everything that the package of that name
//! offers works here.

mod common;

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use common::{HOUR, SECOND, manager, now, wall};
use marionette::backoff::{Constant, Exponential, Jitter, Linear, Polynomial};
use marionette::timer::{FutureTask, Futures, Scheduler};
use marionette::{Backoff, Config, Context, Error, Task, TaskError, TaskManager, TaskState, wrap};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

#[derive(Debug, PartialEq)]
struct MailRefused(u32);

impl fmt::Display for MailRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mail refused with {}", self.0)
    }
}

impl std::error::Error for MailRefused {}

#[derive(Debug)]
struct Outer(MailRefused);

impl fmt::Display for Outer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("outer")
    }
}

impl std::error::Error for Outer {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

#[derive(Debug, PartialEq)]
struct Named(&'static str);

impl Task for Named {
    type Output = &'static str;

    async fn run(&self, _: Context) -> Result<&'static str, TaskError> {
        Ok(self.0)
    }

    fn name(&self) -> Cow<'static, str> {
        Cow::Borrowed(self.0)
    }
}

#[tokio::test(start_paused = true)]
async fn err_task_manager_stopped_gives_the_task_back() {
    let tasks = manager(1, 1);
    let refused = tasks.queue(Named("mail")).await.expect_err("not started");
    assert!(refused.is_stopped() && !refused.is_full() && !refused.is_unschedulable());
    assert_eq!(refused.to_string(), "the task manager is not running");
    assert_eq!(refused.into_task(), Named("mail"));
    tasks.start();
    tasks.stop().await;
    let refused = tasks.queue(Named("mail")).try_now().expect_err("stopped");
    assert!(refused.is_stopped());
    assert_eq!(refused.into_task(), Named("mail"));
}

#[tokio::test(start_paused = true)]
async fn err_unschedulable_for_the_epoch_and_for_times_beyond_the_clock() {
    let tasks = manager(1, 1);
    let beyond = UNIX_EPOCH + Duration::from_secs(u64::MAX / 1_000_000_000 + 1);
    for (time, message) in [
        (
            UNIX_EPOCH,
            "cannot schedule a task with a zero valued timestamp",
        ),
        (
            UNIX_EPOCH - SECOND,
            "cannot schedule a task with a zero valued timestamp",
        ),
        (
            beyond,
            "cannot schedule a task for a time after the year 2554",
        ),
    ] {
        let refused = tasks
            .schedule(time, Named("mail"))
            .await
            .expect_err(message);
        assert!(refused.is_unschedulable() && !refused.is_stopped());
        assert_eq!(refused.to_string(), message);
        assert_eq!(refused.into_task(), Named("mail"));
    }
    assert_eq!(tasks.stats().waiting, 0);
}

#[test]
fn err_no_workers() {
    let config = Config {
        workers: 0,
        ..Config::default()
    };
    let error = TaskManager::new(config).expect_err("no workers");
    assert!(error.is_no_workers() && !error.is_no_server_name());
    assert_eq!(
        error.to_string(),
        "invalid configuration: workers is 0, expected a whole number from 1 to 65536: \
         at least one worker must be specified"
    );
}

#[test]
fn err_no_server_name() {
    let config = Config {
        server_name: String::new(),
        ..Config::default()
    };
    let error = TaskManager::new(config).expect_err("no name");
    assert!(error.is_no_server_name() && !error.is_no_workers());
    assert_eq!(
        error.to_string(),
        "invalid configuration: server_name is \"\", expected a text that is not empty: \
         no server name specified"
    );
}

#[test]
fn config_defaults_and_help() {
    let config = Config::default();
    assert_eq!((config.workers, config.queue_size), (4, 64));
    assert_eq!(config.server_name, "marionette");
    assert_eq!(Config::env_help("mailer"), Config::env_help("MAILER"));
    let help = Config::env_help("MAILER");
    let lines: Vec<_> = help.lines().collect();
    assert_eq!(lines.len(), 3, "{help}");
    for (line, (variable, default)) in lines.iter().zip([
        ("MAILER_WORKERS ", "(default 4)"),
        ("MAILER_QUEUE_SIZE ", "(default 64)"),
        ("MAILER_SERVER_NAME ", "(default marionette)"),
    ]) {
        assert!(line.starts_with(variable), "{line}");
        assert!(line.ends_with(default), "{line}");
        assert!(line.len() > variable.len() + default.len() + 10, "{line}");
    }
    assert!(Config::env_help("").starts_with("WORKERS "));
}

#[test]
fn config_validate_names_all_that_is_wrong() {
    assert_eq!(Config::default().validate(), Ok(()));
    let config = Config {
        workers: 0,
        queue_size: 1,
        server_name: String::new(),
    };
    let error = config.validate().expect_err("two things are wrong");
    assert!(error.is_no_workers() && error.is_no_server_name());
}

#[test]
fn config_is_zero_means_the_defaults() {
    let zero = Config {
        workers: 0,
        queue_size: 0,
        server_name: String::new(),
    };
    assert!(zero.is_zero());
    assert!(!Config::default().is_zero());
    let with_a_queue = Config {
        queue_size: 1,
        ..zero.clone()
    };
    assert!(!with_a_queue.is_zero());
    let tasks = TaskManager::new(zero).expect("a zero config is the default one");
    assert!(format!("{tasks:?}").contains("\"marionette\""));
}

#[test]
fn errorw_and_errorf_carry_the_users_error_or_a_message() {
    let wrapped = Error::new(MailRefused(550));
    assert!(wrapped.is::<MailRefused>());
    assert_eq!(wrapped.attempts(), 0);
    let user = "ada";
    let text = Error::msg(format!("no mail to {user}"));
    assert_eq!(
        text.user().map(ToString::to_string).as_deref(),
        Some("no mail to ada")
    );
}

#[test]
fn error_append_counts_an_attempt_with_or_without_an_error() {
    let mut error = Error::msg("no mail");
    error.append(MailRefused(421));
    error.append_success();
    assert_eq!(error.attempts(), 2);
    let texts: Vec<_> = error.failures().map(ToString::to_string).collect();
    assert_eq!(texts, ["mail refused with 421"]);
}

#[test]
fn error_dict_is_one_structured_entry() {
    let mut error = Error::new(Outer(MailRefused(550)));
    error.append("connection refused");
    error.append(Outer(MailRefused(421)));
    error.set_duration(SECOND);
    let dict = error.dict();
    assert_eq!(dict.error.as_deref(), Some("outer: mail refused with 550"));
    assert_eq!((dict.attempts, dict.omitted), (2, 0));
    assert_eq!(
        dict.errors,
        ["connection refused", "outer: mail refused with 421"]
    );
    assert_eq!(dict.duration, SECOND);
}

#[test]
fn error_text_with_and_without_a_users_error() {
    let mut with = Error::msg("no mail");
    let mut without = {
        let mut only = Error::msg("x");
        only.append_success();
        only
    };
    (0..3).for_each(|_| with.append("refused"));
    without.append("refused");
    assert_eq!(with.to_string(), "after 3 attempts: no mail");
    assert_eq!(without.to_string(), "after 2 attempts: x");
}

#[tokio::test(start_paused = true)]
async fn error_text_and_source_without_a_users_error() {
    let tasks = manager(1, 1);
    tasks.start();
    let handle = tasks
        .queue(async |_: Context| Err::<(), TaskError>(Outer(MailRefused(550)).into()))
        .retries(1)
        .await
        .expect("it runs");
    let error = handle.await.expect_err("it always fails");
    assert_eq!(error.to_string(), "task failed after 2 attempts");
    assert!(error.user().is_none());
    let source = std::error::Error::source(&error).expect("the last attempt's error");
    assert_eq!(source.to_string(), "outer");
    assert_eq!(error.downcast_ref(), Some(&MailRefused(550)));
}

#[tokio::test(start_paused = true)]
async fn error_is_looks_at_the_users_error_first_and_else_at_the_attempts() {
    let mut with = Error::new(Outer(MailRefused(550)));
    with.append(MailRefused(421));
    with.append(fmt::Error);
    assert!(with.is::<Outer>() && with.is::<MailRefused>());
    assert_eq!(
        with.downcast_ref(),
        Some(&MailRefused(550)),
        "the user's error goes first"
    );
    assert!(
        with.is::<fmt::Error>(),
        "and hides none of the attempts' errors"
    );

    let tasks = manager(1, 1);
    tasks.start();
    let handle = tasks
        .queue(async |cx: Context| match cx.attempt() {
            1 => Err::<(), TaskError>(MailRefused(1).into()),
            _ => Err(fmt::Error.into()),
        })
        .retries(1)
        .await
        .expect("it runs");
    let without = handle.await.expect_err("it always fails");
    assert!(without.is::<MailRefused>() && without.is::<fmt::Error>());
    assert!(!without.is::<Outer>());
}

#[tokio::test(start_paused = true)]
async fn error_unwrap_and_since() {
    let start = now();
    let mut error = Error::new(MailRefused(550));
    sleep(3 * SECOND).await;
    error.set_duration(start.elapsed());
    assert_eq!(error.duration(), 3 * SECOND);
    let user = error.user().expect("the user's error");
    assert_eq!(user.downcast_ref(), Some(&MailRefused(550)));
    assert!(
        std::error::Error::source(&error).is_none(),
        "no attempt has failed"
    );
}

/// `&Error{}` in Go, whose `Unwrap` is nil.
#[test]
fn an_error_can_be_made_without_a_users_error() {
    let mut error = Error::empty();
    assert_eq!(error.to_string(), "task failed after 0 attempts");
    assert!(error.user().is_none());
    assert!(std::error::Error::source(&error).is_none());
    error.append(MailRefused(550));
    assert!(error.user().is_none());
    let source = std::error::Error::source(&error).expect("the attempt's");
    assert_eq!(source.downcast_ref(), Some(&MailRefused(550)));
}

#[test]
fn future_has_a_task_and_a_time_that_is_not_zero() {
    let refused = FutureTask::at(UNIX_EPOCH, 7).expect_err("zero");
    assert_eq!(
        refused.to_string(),
        "cannot schedule a task with a zero valued timestamp"
    );
    assert_eq!(refused.into_task(), 7);
    let future = FutureTask::at(wall() + HOUR, 7).expect("an hour from now");
    assert_eq!(future.task(), &7);
    assert!(future.remaining() > Duration::from_secs(3540));
    assert_eq!(future.into_task(), 7);
}

#[tokio::test(start_paused = true)]
async fn futures_insert_keeps_the_order_of_time_and_of_insertion() {
    let mut futures = Futures::new();
    for (at, name) in [
        (3, "c1"),
        (1, "a1"),
        (2, "b"),
        (1, "a2"),
        (3, "c2"),
        (1, "a3"),
    ] {
        futures.insert(FutureTask::after(at * SECOND, name));
    }
    assert_eq!(futures.next_due(), Some(SECOND));
    assert!(futures.pop_due().is_none(), "nothing is due yet");
    sleep(2 * SECOND).await;
    let due: Vec<_> = std::iter::from_fn(|| futures.pop_due())
        .map(FutureTask::into_task)
        .collect();
    assert_eq!(due, ["a1", "a2", "a3", "b"]);
    let rest: Vec<_> = futures
        .into_sorted_vec()
        .into_iter()
        .map(FutureTask::into_task)
        .collect();
    assert_eq!(rest, ["c1", "c2"]);
}

#[tokio::test(start_paused = true)]
async fn futures_resize_gives_memory_back_after_a_burst() {
    let mut futures = Futures::new();
    futures.extend((0..1_000_000).map(|nth| FutureTask::after(SECOND, nth)));
    futures.extend((0..100).map(|nth| FutureTask::after(HOUR, nth)));
    assert!(futures.capacity() >= 1_000_000);
    sleep(SECOND).await;
    assert_eq!(std::iter::from_fn(|| futures.pop_due()).count(), 1_000_000);
    assert_eq!(futures.len(), 100);
    assert!(futures.capacity() <= 2048, "{}", futures.capacity());
    futures.shrink();
    assert!(futures.capacity() <= 200, "{}", futures.capacity());
}

#[tokio::test(start_paused = true)]
async fn new_scheduler_sends_each_task_at_its_time_and_never_before() {
    let (out, mut due) = mpsc::channel(8);
    let scheduler = Scheduler::new(out);
    scheduler.start();
    let start = now();
    for seconds in [3, 1, 2] {
        scheduler.delay(seconds * SECOND, seconds);
    }
    for seconds in 1..=3 {
        assert_eq!(due.recv().await, Some(seconds));
        let late = (now() - start).saturating_sub(seconds * SECOND);
        assert!(now() - start >= seconds * SECOND);
        assert!(late < Duration::from_millis(3), "{late:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn scheduler_delay_and_schedule_before_start_and_in_the_past() {
    let (out, mut due) = mpsc::channel(8);
    let scheduler = Scheduler::new(out);
    scheduler.delay(HOUR, "delayed");
    scheduler
        .schedule(wall() + 2 * HOUR, "scheduled")
        .expect("a sound time");
    scheduler
        .schedule(UNIX_EPOCH + SECOND, "past")
        .expect("a sound time");
    assert!(scheduler.schedule(UNIX_EPOCH, "zero").is_err());
    assert_eq!(scheduler.len(), 3);
    let start = now();
    scheduler.start();
    assert_eq!(due.recv().await, Some("past"));
    assert_eq!(now() - start, Duration::ZERO);
    assert_eq!(due.recv().await, Some("delayed"));
    assert_eq!(due.recv().await, Some("scheduled"));
}

#[tokio::test(start_paused = true)]
async fn scheduler_start_twice_is_a_no_op_and_its_end_can_be_awaited() {
    let (out, mut due) = mpsc::channel(8);
    let scheduler = Scheduler::new(out);
    assert!(!scheduler.is_running());
    scheduler.start();
    scheduler.start();
    assert!(scheduler.is_running());
    scheduler.delay(SECOND, "once");
    assert_eq!(due.recv().await, Some("once"));
    assert!(timeout(HOUR, due.recv()).await.is_err(), "sent once");
    assert!(timeout(HOUR, scheduler.ended()).await.is_err(), "it runs");
    drop(due);
    scheduler.delay(SECOND, "nobody receives");
    timeout(HOUR, scheduler.ended()).await.expect("it ends");
    assert!(!scheduler.is_running());
}

#[tokio::test(start_paused = true)]
async fn scheduler_stop_keeps_what_is_pending_for_the_next_start() {
    let (out, mut due) = mpsc::channel(8);
    let scheduler = Scheduler::new(out);
    scheduler.stop().await;
    scheduler.start();
    scheduler.delay(SECOND, "pending");
    scheduler.stop().await;
    scheduler.stop().await;
    assert!(!scheduler.is_running());
    sleep(HOUR).await;
    assert_eq!(due.try_recv(), Err(mpsc::error::TryRecvError::Empty));
    assert_eq!(scheduler.len(), 1);
    scheduler.start();
    assert_eq!(due.recv().await, Some("pending"));
    assert!(scheduler.is_empty());
}

#[tokio::test(start_paused = true)]
async fn task_is_a_type_with_state_or_a_plain_function() {
    async fn plain(cx: Context) -> Result<u32, TaskError> {
        Ok(cx.attempt())
    }
    let tasks = manager(1, 8);
    tasks.start();
    let of_a_type = tasks.queue(Named("mail")).await.expect("it runs");
    let of_a_function = tasks.queue(plain).await.expect("it runs");
    let of_a_closure = tasks
        .queue(async |_: Context| Ok(3))
        .await
        .expect("it runs");
    let of_a_future = tasks.queue(async { Ok(4) }).await.expect("it runs");
    assert_eq!(of_a_type.await.expect("it succeeds"), "mail");
    assert_eq!(of_a_function.await.expect("it succeeds"), 1);
    assert_eq!(of_a_closure.await.expect("it succeeds"), 3);
    assert_eq!(of_a_future.await.expect("it succeeds"), 4);
}

#[tokio::test(start_paused = true)]
async fn task_handler_has_a_time_ordered_id_and_its_options() {
    let tasks = manager(1, 8);
    tasks.start();
    let first = wrap(async |cx: Context| Ok((cx.id(), cx.attempts_left()))).retries(2);
    let second = wrap(async |_: Context| Ok(()));
    assert!(first.id() < second.id());
    assert_eq!(first.id().uuid().get_version_num(), 7);
    let id = first.id();
    let handle = tasks.queue(first).await.expect("it runs");
    assert_eq!(handle.id(), id);
    assert_eq!(handle.await.expect("it succeeds"), (id, 2));
}

#[tokio::test(start_paused = true)]
async fn task_handler_exec_makes_one_attempt_now_and_schedules_a_retry() {
    let tasks = manager(1, 8);
    let handler = wrap(async |cx: Context| match cx.attempt() {
        1 => Err("not yet".into()),
        nth => Ok(nth),
    });
    let handler = handler.retries(1).backoff(Constant::new(SECOND));
    let handle = tasks.exec(handler).await;
    assert_eq!(handle.state(), TaskState::Retrying);
    assert_eq!(tasks.stats().waiting, 1);
    let start = now();
    tasks.start();
    assert_eq!(handle.await.expect("the retry succeeds"), 2);
    assert!(now() - start >= SECOND);
}

#[test]
fn task_handler_string_is_the_tasks_own_name_or_async_task() {
    assert_eq!(wrap(Named("mail")).to_string(), "mail");
    let unnamed = wrap(async |_: Context| Ok(()));
    assert_eq!(unnamed.to_string(), "async task");
    assert_eq!(unnamed.name("last seen").to_string(), "last seen");
}

#[tokio::test(start_paused = true)]
async fn new_and_start_and_is_running() {
    let tasks = TaskManager::new(Config::default()).expect("defaults are sound");
    assert!(!tasks.is_running());
    tasks.start();
    tasks.start();
    assert!(tasks.is_running());
    assert_eq!(tasks.stats().workers, 4);
    tasks.stop().await;
    assert!(!tasks.is_running());
    tasks.start();
    assert!(tasks.is_running());
    let handle = tasks.queue(Named("again")).await.expect("it runs");
    assert_eq!(handle.await.expect("it succeeds"), "again");
}

#[tokio::test(start_paused = true)]
async fn queue_waits_while_the_queue_is_full() {
    let tasks = manager(1, 1);
    tasks.start();
    let (free, freed) = oneshot::channel::<()>();
    let running = tasks.queue(async { Ok(freed.await?) }).await.expect("runs");
    tokio::task::yield_now().await;
    assert_eq!(running.state(), TaskState::Running);
    let queued = tasks.queue(Named("second")).await.expect("there is room");
    let third = tasks.queue(Named("third")).wait_at_most(HOUR).await;
    let refused = third.expect_err("the queue stays full");
    assert!(refused.is_full());
    assert_eq!(refused.to_string(), "the queue is full");
    assert_eq!(refused.into_task(), Named("third"));
    let waits = tokio::spawn({
        let tasks = tasks.clone();
        async move { tasks.queue(Named("fourth")).await }
    });
    sleep(HOUR).await;
    assert!(!waits.is_finished());
    free.send(()).expect("the task waits for it");
    let fourth = waits.await.expect("no panic").expect("there is room now");
    assert_eq!(fourth.await.expect("it succeeds"), "fourth");
    assert!(queued.is_finished());
}

#[tokio::test(start_paused = true)]
async fn queue_size_zero_hands_over_to_a_free_worker() {
    let tasks = manager(1, 0);
    tasks.start();
    tokio::task::yield_now().await;
    let (free, freed) = oneshot::channel::<()>();
    let running = tasks.queue(async { Ok(freed.await?) }).await.expect("runs");
    sleep(SECOND).await;
    assert_eq!(running.state(), TaskState::Running);
    let refused = tasks.queue(Named("no room")).try_now().expect_err("busy");
    assert!(refused.is_full());
    let waits = tasks.queue(Named("handed over")).wait_at_most(HOUR).await;
    assert!(waits.expect_err("busy").is_full());
    free.send(()).expect("the task waits for it");
    let handed = tasks.queue(Named("handed over")).await.expect("it is free");
    assert_eq!(handed.await.expect("it succeeds"), "handed over");
}

#[tokio::test(start_paused = true)]
async fn delay_and_schedule_run_on_or_after_their_time_also_before_start() {
    let tasks = manager(1, 8);
    let start = now();
    let delayed = tasks.delay(SECOND, async |_: Context| Ok(now()));
    let delayed = delayed.await.expect("accepted before the start");
    let scheduled = tasks.schedule(wall() + HOUR, async |_: Context| Ok(now()));
    let scheduled = scheduled.await.expect("accepted before the start");
    let past = tasks.schedule(UNIX_EPOCH + SECOND, async |_: Context| Ok(now()));
    let past = past.await.expect("a time in the past is sound");
    assert_eq!(tasks.stats().waiting, 3);
    tasks.start();
    assert!(past.await.expect("it succeeds") - start < SECOND);
    assert!(delayed.await.expect("it succeeds") - start >= SECOND);
    let ran = scheduled.await.expect("it succeeds") - start;
    assert!(ran.abs_diff(HOUR) < 2 * SECOND, "{ran:?}");
}

#[tokio::test(start_paused = true)]
async fn stop_twice_is_a_no_op_and_waits_for_all_that_was_accepted() {
    let tasks = manager(2, 8);
    tasks.start();
    for _ in 0..8 {
        let slow = async |_: Context| {
            sleep(SECOND).await;
            Ok(())
        };
        drop(tasks.queue(slow).await.expect("it runs"));
    }
    let report = tasks.stop().await;
    assert_eq!((report.done, report.queued), (8, 0));
    assert!(report.is_complete());
    let again = tasks.stop().await;
    assert_eq!((again.done, again.duration), (0, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn wrap_task_wraps_once() {
    let tasks = manager(1, 8);
    tasks.start();
    let handler = wrap(Named("mail")).name("renamed").retries(5);
    let id = handler.id();
    tasks.stop().await;
    let refused = tasks.queue(handler).await.expect_err("stopped");
    let handler = refused.into_task();
    assert_eq!(
        (handler.id(), handler.to_string().as_str()),
        (id, "renamed")
    );
    tasks.start();
    let handle = tasks.queue(handler).await.expect("it runs");
    assert_eq!((handle.id(), handle.name()), (id, "renamed"));
}

#[tokio::test(start_paused = true)]
async fn with_retries_counts_after_the_first_attempt_and_is_zero_by_default() {
    let tasks = manager(1, 8);
    tasks.start();
    let fails = async |_: Context| Err::<(), TaskError>("no".into());
    let once = tasks.queue(fails).await.expect("it runs");
    let thrice = tasks.queue(fails).retries(2).await.expect("it runs");
    assert_eq!(once.await.expect_err("it fails").attempts(), 1);
    assert_eq!(thrice.await.expect_err("it fails").attempts(), 3);
}

#[tokio::test(start_paused = true)]
async fn with_backoff_default_is_exponential() {
    let tasks = manager(1, 8);
    tasks.start();
    let fails = async |_: Context| Err::<(), TaskError>("no".into());
    let handle = tasks.queue(fails).retries(2).await.expect("it runs");
    let took = handle.await.expect_err("it fails").duration();
    // 500 ms and 750 ms, each ± 50 %.
    assert!(took >= Duration::from_millis(625), "{took:?}");
    assert!(took <= Duration::from_millis(1880), "{took:?}");
    for seed in 0..1000 {
        let first = Backoff::default().pause(1, seed).expect("there is one");
        assert!(first.abs_diff(Duration::from_millis(500)) <= Duration::from_millis(250));
        let last = Backoff::default().pause(1000, seed).expect("there is one");
        assert!(last <= Duration::from_secs(60), "{last:?}");
    }
}

#[test]
fn with_backoff_has_every_policy() {
    let pauses =
        |backoff: Backoff| -> Vec<_> { (1..=3).map(|failed| backoff.pause(failed, 7)).collect() };
    let seconds = |all: [u64; 3]| all.map(|secs| Some(Duration::from_secs(secs))).to_vec();
    let exponential = Exponential::default().initial(SECOND).multiplier(2.0);
    let exponential = exponential.jitter(Jitter::None);
    assert_eq!(pauses(exponential.into()), seconds([1, 2, 4]));
    assert_eq!(pauses(Constant::new(HOUR).into()), seconds([3600; 3]));
    assert_eq!(pauses(Linear::new(SECOND).into()), seconds([1, 2, 3]));
    let polynomial = Polynomial::default().jitter(Jitter::None);
    assert_eq!(pauses(polynomial.into()), seconds([1, 16, 81]));
    assert_eq!(pauses(Backoff::none()), seconds([0; 3]));
    let rule = Backoff::from_fn(|failed| (failed < 2).then_some(SECOND));
    assert_eq!(pauses(rule), [Some(SECOND), None, None]);
}

#[tokio::test(start_paused = true)]
async fn with_backoff_no_further_retry_ends_the_task() {
    let tasks = manager(1, 8);
    tasks.start();
    let handle = tasks
        .queue(async |_: Context| Err::<(), TaskError>("no".into()))
        .retries(10)
        .backoff(Backoff::from_fn(|failed| (failed < 2).then_some(SECOND)))
        .await
        .expect("it runs");
    let error = handle.await.expect_err("it fails");
    assert_eq!((error.attempts(), error.failures().count()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn with_context_is_the_parent_of_every_attempt() {
    let tasks = manager(1, 8);
    tasks.start();
    let parent = CancellationToken::new();
    let attempts = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&attempts);
    let task = move |cx: Context| {
        seen.lock().expect("not poisoned").push(cx.attempt());
        async move {
            if cx.attempt() < 2 {
                return Err("again".into());
            }
            cx.cancelled().await;
            Err::<(), TaskError>("told to end".into())
        }
    };
    let queued = tasks.queue(task).retries(9).context(parent.clone());
    let handle = queued.await.expect("it runs");
    sleep(HOUR).await;
    assert_eq!(handle.state(), TaskState::Running);
    parent.cancel();
    handle.await.expect_err("cancelled");
    assert_eq!(*attempts.lock().expect("not poisoned"), [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn with_timeout_is_for_each_attempt_and_the_task_sees_it() {
    let tasks = manager(1, 8);
    tasks.start();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sees = Arc::clone(&seen);
    let task = move |cx: Context| {
        let left = cx.deadline().expect("there is a timeout") - now();
        sees.lock().expect("not poisoned").push(left);
        async move {
            cx.cancelled().await;
            Err::<(), TaskError>("too slow".into())
        }
    };
    let queued = tasks.queue(task).retries(1).timeout(SECOND);
    let handle = queued.backoff(Backoff::none()).await.expect("it runs");
    let error = handle.await.expect_err("it is too slow");
    assert!(error.is_timed_out());
    assert_eq!(error.attempts(), 2);
    assert_eq!(error.dict().errors, ["timed out after 1s"; 2]);
    let seen = seen.lock().expect("not poisoned");
    assert_eq!(seen.len(), 2);
    assert!(seen.iter().all(|left| *left == SECOND), "{seen:?}");
}

#[tokio::test(start_paused = true)]
async fn with_error_is_reported_with_the_errors_of_the_attempts() {
    let tasks = manager(1, 8);
    tasks.start();
    let handle = tasks
        .queue(async |cx: Context| Err::<(), _>(format!("try {}", cx.attempt()).into()))
        .retries(1)
        .error(MailRefused(550))
        .await
        .expect("it runs");
    let error = handle.await.expect_err("it always fails");
    assert_eq!(error.to_string(), "after 2 attempts: mail refused with 550");
    assert_eq!(error.dict().errors, ["try 1", "try 2"]);
    assert!(error.is::<MailRefused>());
}

#[tokio::test(start_paused = true)]
async fn queue_many_waits_for_room_and_gives_back_what_a_stop_refuses() {
    let tasks = manager(1, 2);
    let refused = tasks.queue_many([Named("a"), Named("b")]).await;
    let refused = refused.expect_err("not started");
    assert_eq!(
        refused.to_string(),
        "the task manager is not running: 0 tasks were accepted, 2 were not"
    );
    let (accepted, refused, _) = refused.into_parts();
    assert!(accepted.is_empty());
    assert_eq!(refused, [Named("a"), Named("b")]);
    tasks.start();
    let numbers = (0..1000).map(|nth| async move { Ok(nth) });
    let handles = tasks.queue_many(numbers).await.expect("it runs");
    for (nth, handle) in handles.into_iter().enumerate() {
        assert_eq!(handle.await.expect("it succeeds"), nth);
    }
    let slow = (0..10).map(|_| {
        wrap(async |_: Context| {
            sleep(SECOND).await;
            Ok(())
        })
    });
    let slow: Vec<_> = slow.collect();
    let expected: Vec<_> = slow.iter().map(|handler| handler.id()).collect();
    let waits = tokio::spawn({
        let tasks = tasks.clone();
        async move { tasks.queue_many(slow).await }
    });
    sleep(SECOND + SECOND / 2).await;
    let report = tasks.stop().await;
    let error = waits.await.expect("no panic").expect_err("it was stopped");
    let (accepted, refused, _) = error.into_parts();
    let refused = refused.iter().map(|handler| handler.id());
    let ids = accepted.iter().map(|handle| handle.id());
    assert_eq!(ids.chain(refused).collect::<Vec<_>>(), expected);
    assert_eq!(accepted.len(), 4, "one ran, one runs, two wait");
    assert!(report.is_complete());
    assert!(accepted.iter().all(|handle| handle.is_finished()));
}
