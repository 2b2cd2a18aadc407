//! Bad input of every kind, each with the answer to it: settings, environment, times, durations,
//! huge counts.

mod common;

use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use common::{HOUR, SECOND, quick};
use marionette::backoff::{Constant, Exponential, Jitter, Linear, Polynomial};
use marionette::timer::{FutureTask, Futures};
use marionette::{Backoff, Config, Context, TaskError, TaskManager, TaskState};
use tokio::time::{sleep, timeout};

fn config(workers: usize, queue_size: usize, server_name: &str) -> Config {
    Config {
        workers,
        queue_size,
        server_name: server_name.to_owned(),
    }
}

fn started() -> TaskManager {
    let tasks = TaskManager::new(Config::default()).expect("defaults are sound");
    tasks.start();
    tasks
}

const WORKERS: &str = "a whole number from 1 to 65536";
const QUEUE_SIZE: &str = "a whole number from 0 to 1073741824";
const NO_WORKERS: &str =
    "expected a whole number from 1 to 65536: at least one worker must be specified";
const NO_NAME: &str = "expected a text that is not empty: no server name specified";

#[test]
fn bad_settings_are_refused_with_all_that_is_wrong() {
    let most = usize::MAX;
    for (config, message) in [
        (
            config(0, 64, "mailer"),
            format!("workers is 0, {NO_WORKERS}"),
        ),
        (config(4, 64, ""), format!("server_name is \"\", {NO_NAME}")),
        (
            config(4, 64, " \t\n"),
            format!("server_name is \" \\t\\n\", {NO_NAME}"),
        ),
        (
            config(65_537, 64, "mailer"),
            format!("workers is 65537, expected {WORKERS}"),
        ),
        (
            config(most, 64, "mailer"),
            format!("workers is {most}, expected {WORKERS}"),
        ),
        (
            config(4, (1 << 30) + 1, "mailer"),
            format!("queue_size is 1073741825, expected {QUEUE_SIZE}"),
        ),
        (
            config(0, most, ""),
            format!(
                "workers is 0, {NO_WORKERS}; queue_size is {most}, expected {QUEUE_SIZE}; \
                 server_name is \"\", {NO_NAME}"
            ),
        ),
    ] {
        let expected = format!("invalid configuration: {message}");
        let told = config.validate().expect_err(&expected);
        assert_eq!(told.to_string(), expected);
        let told = TaskManager::new(config).expect_err(&expected);
        assert_eq!(told.to_string(), expected);
    }
}

#[test]
fn settings_at_their_bounds_are_accepted() {
    for config in [
        config(1, 0, "x"),
        config(65_536, 0, "x"),
        config(1, 1 << 30, "x"),
    ] {
        assert_eq!(config.validate(), Ok(()));
        let tasks = TaskManager::new(config).expect("no memory is taken ahead");
        assert!(!tasks.is_running());
    }
}

#[tokio::test(start_paused = true)]
async fn a_running_manager_refuses_a_bad_number_of_workers() {
    let tasks = started();
    for (workers, message) in [
        (
            0,
            "invalid configuration: workers is 0, expected a whole number from 1 to 65536: \
             at least one worker must be specified",
        ),
        (
            65_537,
            "invalid configuration: workers is 65537, expected a whole number from 1 to 65536",
        ),
    ] {
        let told = tasks.set_workers(workers).expect_err(message);
        assert_eq!(told.to_string(), message);
    }
    assert_eq!(tasks.stats().workers, 4);
    let handle = tasks.queue(quick).await.expect("it runs");
    handle.await.expect("it succeeds");
}

/// Variables of the environment, and what `Config::from_env("BAD")` makes of them.
const ENVIRONMENT: [(&[(&str, &str)], &str); 15] = [
    (&[], "4, 64, marionette"),
    (&[("BAD_WORKERS", "8")], "8, 64, marionette"),
    (&[("BAD_WORKERS", " 8 ")], "8, 64, marionette"),
    (&[("BAD_QUEUE_SIZE", "0")], "4, 0, marionette"),
    (&[("BAD_SERVER_NAME", "mailer")], "4, 64, mailer"),
    (&[("WORKERS", "8")], "4, 64, marionette"),
    (
        &[("BAD_WORKERS", "four")],
        "invalid configuration: BAD_WORKERS is \"four\", expected a whole number from 1 to 65536",
    ),
    (
        &[("BAD_WORKERS", "-1")],
        "invalid configuration: BAD_WORKERS is \"-1\", expected a whole number from 1 to 65536",
    ),
    (
        &[("BAD_QUEUE_SIZE", "1.5")],
        "invalid configuration: BAD_QUEUE_SIZE is \"1.5\", \
         expected a whole number from 0 to 1073741824",
    ),
    (
        &[("BAD_QUEUE_SIZE", "99999999999999999999999")],
        "invalid configuration: BAD_QUEUE_SIZE is \"99999999999999999999999\", \
         expected a whole number from 0 to 1073741824",
    ),
    (
        &[("BAD_WORKERS", ""), ("BAD_QUEUE_SIZE", "many")],
        "invalid configuration: BAD_WORKERS is \"\", expected a whole number from 1 to 65536; \
         BAD_QUEUE_SIZE is \"many\", expected a whole number from 0 to 1073741824",
    ),
    (
        &[("BAD_WORKERS", "0")],
        "invalid configuration: BAD_WORKERS is \"0\", expected a whole number from 1 to 65536",
    ),
    (
        &[("BAD_WORKERS", "65537"), ("BAD_SERVER_NAME", " \t")],
        "invalid configuration: BAD_WORKERS is \"65537\", \
         expected a whole number from 1 to 65536; \
         BAD_SERVER_NAME is \" \\t\", expected a text that is not empty",
    ),
    (
        &[("BAD_QUEUE_SIZE", "1073741825"), ("BAD_SERVER_NAME", "")],
        "invalid configuration: BAD_QUEUE_SIZE is \"1073741825\", \
         expected a whole number from 0 to 1073741824; \
         BAD_SERVER_NAME is \"\", expected a text that is not empty",
    ),
    (
        &[("BAD_WORKERS", " "), ("BAD_QUEUE_SIZE", "\t")],
        "invalid configuration: BAD_WORKERS is \" \", expected a whole number from 1 to 65536; \
         BAD_QUEUE_SIZE is \"\\t\", expected a whole number from 0 to 1073741824",
    ),
];

/// In a child this says what the environment gives; alone it asserts that nothing is set.
#[test]
fn an_environment_without_variables_gives_the_defaults() {
    // The prefix is read in upper case.
    let told = match Config::from_env("bad") {
        Ok(config) => format!(
            "{}, {}, {}",
            config.workers, config.queue_size, config.server_name
        ),
        Err(error) => error.to_string(),
    };
    match std::env::var("EXPECTED_BY_THE_PARENT") {
        Ok(expected) => assert_eq!(told, expected),
        Err(_) => assert_eq!(told, "4, 64, marionette"),
    }
}

#[cfg(unix)]
#[test]
fn a_value_that_is_not_unicode_is_refused_for_every_variable() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    for (variable, expected) in [
        ("BAD_WORKERS", WORKERS),
        ("BAD_QUEUE_SIZE", QUEUE_SIZE),
        ("BAD_SERVER_NAME", "a text that is not empty"),
    ] {
        let child = Command::new(std::env::current_exe().expect("a test has a path"))
            .args([
                "--exact",
                "an_environment_without_variables_gives_the_defaults",
            ])
            .env(variable, OsStr::from_bytes(b"8\xff"))
            .env(
                "EXPECTED_BY_THE_PARENT",
                format!("invalid configuration: {variable} is \"8\\xFF\", expected {expected}"),
            )
            .output()
            .expect("a test can run itself");
        let told = String::from_utf8_lossy(&child.stdout);
        assert!(child.status.success(), "{variable}: {told}");
    }
}

#[test]
fn a_bad_environment_names_the_variable_the_value_and_what_was_expected() {
    let me = std::env::current_exe().expect("a test has a path");
    for (variables, expected) in ENVIRONMENT {
        let child = Command::new(&me)
            .args([
                "--exact",
                "an_environment_without_variables_gives_the_defaults",
            ])
            .envs(variables.iter().copied())
            .env("EXPECTED_BY_THE_PARENT", expected)
            .output()
            .expect("a test can run itself");
        let told = String::from_utf8_lossy(&child.stdout);
        assert!(told.contains("running 1 test"), "{told}");
        assert!(child.status.success(), "{variables:?}: {told}");
    }
}

#[test]
fn times_that_no_clock_can_express_are_refused() {
    let last = UNIX_EPOCH + Duration::from_nanos(u64::MAX);
    for (time, message) in [
        (
            UNIX_EPOCH,
            "cannot schedule a task with a zero valued timestamp",
        ),
        (
            UNIX_EPOCH - HOUR,
            "cannot schedule a task with a zero valued timestamp",
        ),
        (
            last + Duration::from_nanos(1),
            "cannot schedule a task for a time after the year 2554",
        ),
        (
            last + 1_000_000 * HOUR,
            "cannot schedule a task for a time after the year 2554",
        ),
    ] {
        let refused = FutureTask::at(time, "task").expect_err(message);
        assert_eq!(refused.to_string(), message);
        assert_eq!(refused.into_task(), "task");
    }
    for time in [last, UNIX_EPOCH + Duration::from_nanos(1)] {
        assert!(FutureTask::at(time, "task").is_ok(), "{time:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_longest_delay_waits_and_harms_no_other() {
    let tasks = started();
    let longest = tasks.delay(Duration::MAX, quick).await.expect("accepted");
    let handle = tasks.delay(SECOND, quick).await.expect("accepted");
    timeout(HOUR, handle)
        .await
        .expect("in time")
        .expect("it succeeds");
    sleep(10_000 * HOUR).await;
    assert_eq!(longest.state(), TaskState::Waiting);
    assert!(longest.cancel("never"));

    let mut futures = Futures::new();
    futures.insert(FutureTask::after(Duration::MAX, "never"));
    futures.insert(FutureTask::after(Duration::ZERO, "now"));
    assert_eq!(futures.pop_due().map(FutureTask::into_task), Some("now"));
    assert!(futures.pop_due().is_none());
}

#[tokio::test(start_paused = true)]
async fn the_longest_limits_are_no_limits() {
    let tasks = started();
    let slow = async |_: Context| {
        sleep(HOUR).await;
        Ok(())
    };
    let queued = tasks
        .queue(slow)
        .timeout(Duration::MAX)
        .expires_after(Duration::MAX);
    let queued = queued
        .give_up_after(Duration::MAX)
        .wait_at_most(Duration::MAX);
    queued.await.expect("it runs").await.expect("it succeeds");
    let report = tasks.stop_within(Duration::MAX).await;
    assert!(report.is_complete());
}

#[tokio::test(start_paused = true)]
async fn limits_of_zero_end_at_once_and_never_hang() {
    let tasks = started();
    let handle = tasks.queue(quick).give_up_after(Duration::ZERO).await;
    let ended = timeout(SECOND, handle.expect("it runs")).await;
    let error = ended.expect("at once").expect_err("there was no time");
    assert!(error.is_timed_out());
    assert_eq!(error.dict().errors, ["given up after 0ns in total"]);
    let handle = tasks.delay(Duration::ZERO, quick).await.expect("accepted");
    timeout(SECOND, handle)
        .await
        .expect("at once")
        .expect("it succeeds");
    let report = tasks.stop_within(Duration::ZERO).await;
    assert!(report.is_complete());
}

#[tokio::test(start_paused = true)]
async fn the_most_retries_are_counted_without_overflow() {
    let tasks = started();
    let task = async |cx: Context| {
        if cx.attempt() == 1 {
            assert_eq!(cx.attempts_left(), u32::MAX);
            return Err("again".into());
        }
        Ok(cx.attempts_left())
    };
    let queued = tasks.queue(task).retries(u32::MAX);
    let handle = queued.backoff(Backoff::none()).await.expect("it runs");
    assert_eq!(handle.await.expect("it succeeds"), u32::MAX - 1);
}

#[test]
fn backoffs_neither_overflow_nor_exceed_their_maximum() {
    let day = 24 * HOUR;
    let wild = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, 0.0, 1e300];
    let jitters = wild.map(Jitter::Share);
    for failed in [0, 1, 2, 64, 1_000_000, u32::MAX] {
        for jitter in jitters.into_iter().chain([Jitter::None, Jitter::Full]) {
            for multiplier in wild {
                let policy = Exponential::default().multiplier(multiplier);
                let policy = Backoff::from(policy.max(day).jitter(jitter));
                let pause = policy.pause(failed, 1).expect("there is one");
                assert!(pause <= day, "{policy:?} gives {pause:?}");
            }
            for policy in [
                Backoff::from(Linear::new(Duration::MAX).max(day).jitter(jitter)),
                Backoff::from(Polynomial::default().max(day).jitter(jitter)),
            ] {
                let pause = policy.pause(failed, 1).expect("there is one");
                assert!(pause <= day, "{policy:?} gives {pause:?}");
            }
            let longest = Backoff::from(Constant::new(Duration::MAX).jitter(jitter));
            assert!(longest.pause(failed, 1).is_some());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_longest_pause_before_a_retry_waits_and_can_be_cancelled() {
    let tasks = started();
    let fails = async |_: Context| Err::<(), TaskError>("no".into());
    let queued = tasks.queue(fails).retries(1);
    let queued = queued.backoff(Constant::new(Duration::MAX));
    let handle = queued.await.expect("it runs");
    sleep(HOUR).await;
    assert_eq!(handle.state(), TaskState::Retrying);
    let snoozes = async |_: Context| Err::<(), _>(TaskError::snooze(Duration::MAX));
    let snoozing = tasks.queue(snoozes).await.expect("it runs");
    sleep(HOUR).await;
    assert_eq!(snoozing.state(), TaskState::Retrying);
    assert!(handle.cancel("never") && snoozing.cancel("never"));
    assert_eq!(tasks.stop().await.waiting, 0);
}

#[tokio::test(start_paused = true)]
async fn many_failures_are_counted_and_the_first_and_last_are_kept() {
    let tasks = started();
    let fails = async |cx: Context| Err::<(), _>(format!("no. {}", cx.attempt()).into());
    let queued = tasks.queue(fails).retries(9_999).backoff(Backoff::none());
    let error = queued.await.expect("it runs").await;
    let dict = error.expect_err("it always fails").dict();
    assert_eq!((dict.attempts, dict.omitted), (10_000, 10_000 - 128));
    assert_eq!(dict.errors.len(), 128);
    assert_eq!(
        (&*dict.errors[63], &*dict.errors[64]),
        ("no. 64", "no. 9937")
    );
    assert_eq!(dict.errors[127], "no. 10000");
}
