//! What can be seen of a manager: the log, the figures, the stream of events, the metrics.

mod common;

use std::time::{Duration, UNIX_EPOCH};

use common::log::Log;
use common::{HOUR, SECOND};
use marionette::backoff::Constant;
use marionette::event::{EventKind, Received};
use marionette::{Backoff, Context, TaskError, TaskManager};
use tokio::time::{sleep, timeout};
use tracing::{Level, Span};

fn manager(server_name: &str) -> TaskManager {
    let builder = TaskManager::builder().workers(1).server_name(server_name);
    let tasks = builder.build().expect("the settings are sound");
    tasks.start();
    tasks
}

async fn fails(cx: Context) -> Result<(), TaskError> {
    Err(format!("try {}", cx.attempt()).into())
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_one_final_event_with_all_of_its_record() {
    let (log, _listening) = Log::listen();
    let tasks = manager("mailer");
    let queued = tasks.queue(fails).retries(2).backoff(Constant::new(SECOND));
    let queued = queued.error("no mail to ada").name("welcome mail");
    let handle = queued.await.expect("it runs");
    let id = handle.id().to_string();
    let error = handle.await.expect_err("it always fails");

    let finals = log.events(Level::ERROR);
    assert_eq!(finals.len(), 1, "{finals:?}");
    let fields = &finals[0].fields;
    let dict = error.dict();
    assert_eq!(fields["server"], "mailer");
    assert_eq!(fields["task.id"], id);
    assert_eq!(fields["task.name"], "welcome mail");
    assert_eq!(fields["error"], "no mail to ada");
    assert_eq!(fields["attempts"], "3");
    assert_eq!(fields["errors"], r#"["try 1", "try 2", "try 3"]"#);
    assert_eq!(fields["duration"], format!("{:?}", dict.duration));
    assert_eq!(fields["message"], "after 3 attempts: no mail to ada");

    let retries = log.events(Level::WARN);
    assert_eq!(retries.len(), 2, "{retries:?}");
    for (attempt, retry) in ["1", "2"].into_iter().zip(&retries) {
        assert_eq!(retry.fields["attempt"], attempt);
        assert_eq!(retry.fields["error"], format!("try {attempt}"));
        assert_eq!(retry.fields["pause"], "1s");
        assert_eq!(retry.fields["task.id"], id);
    }
}

#[tokio::test(start_paused = true)]
async fn every_span_and_event_carries_the_server_name() {
    let (log, _listening) = Log::listen();
    let tasks = manager("mailer");
    let fine = tasks.queue(async |_: Context| Ok(())).await;
    fine.expect("it runs").await.expect("it succeeds");
    let failed = tasks.queue(fails).retries(1).backoff(Backoff::none());
    let failed = failed.await.expect("it runs").await;
    failed.expect_err("it always fails");
    let cancelled = tasks.delay(HOUR, fails).await.expect("accepted");
    assert!(cancelled.cancel("not needed"));
    sleep(2 * HOUR).await;
    tasks.stop().await;

    let spans = log.spans();
    assert_eq!(spans.len(), 3, "one for each attempt: {spans:?}");
    let attempts: Vec<_> = spans.iter().map(|span| &*span.fields["attempt"]).collect();
    assert_eq!(attempts, ["1", "1", "2"]);
    let events = log.events.lock().expect("not poisoned").clone();
    assert!(events.len() >= 6, "{events:?}");
    for entry in events.iter().chain(&spans) {
        assert_eq!(entry.fields["server"], "mailer", "{entry:?}");
        let message = entry.fields.get("message").map_or("", String::as_str);
        if !message.starts_with("the task manager has ") {
            assert!(entry.fields.contains_key("task.id"), "{entry:?}");
            assert_eq!(entry.fields["task.name"], "async task", "{entry:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_task_logs_lies_in_the_span_of_its_attempt() {
    let (_log, _listening) = Log::listen();
    let tasks = manager("mailer");
    let task = async |_: Context| {
        let before = Span::current().id();
        sleep(SECOND).await;
        Ok(before.is_some() && before == Span::current().id())
    };
    let handle = tasks.queue(task).await.expect("it runs");
    assert!(handle.await.expect("it succeeds"));
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_task_is_no_error_in_the_log() {
    let (log, _listening) = Log::listen();
    let tasks = manager("mailer");
    let pending = async |_: Context| std::future::pending::<Result<(), TaskError>>().await;
    let handle = tasks.queue(pending).await.expect("it runs");
    sleep(SECOND).await;
    handle.cancel("not needed");
    handle.await.expect_err("cancelled");
    assert!(log.events(Level::ERROR).is_empty());
    let mut infos = log.events(Level::INFO);
    infos.retain(|info| info.fields.contains_key("task.id"));
    assert_eq!(infos.len(), 1, "{infos:?}");
    assert_eq!(infos[0].fields["errors"], r#"["cancelled: not needed"]"#);
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_logged_with_message_and_place() {
    let (log, _listening) = Log::listen();
    let tasks = manager("mailer");
    let handle = tasks.queue(async |cx: Context| {
        assert!(cx.attempt() > 1, "out of order");
        Ok(())
    });
    handle.await.expect("it runs").await.expect_err("it panics");
    let finals = log.events(Level::ERROR);
    assert_eq!(finals.len(), 1);
    let errors = &finals[0].fields["errors"];
    assert!(errors.contains("panicked: out of order at "), "{errors}");
    assert!(errors.contains("observability.rs:"), "{errors}");
}

#[tokio::test(start_paused = true)]
async fn start_and_stop_are_told_once_each_and_a_success_tells_its_attempt() {
    let (log, _listening) = Log::listen();
    let tasks = manager("mailer");
    tasks.start();
    let recovers = async |cx: Context| match cx.attempt() {
        1 => Err("not yet".into()),
        attempt => Ok(attempt),
    };
    let queued = tasks.queue(recovers).retries(1).await;
    queued.expect("it runs").await.expect("it succeeds");
    tokio::join!(tasks.stop(), tasks.stop());
    tasks.stop().await;
    let messages = |log: &Log| -> Vec<_> {
        let infos = log.events(Level::INFO).into_iter();
        infos.map(|info| info.fields["message"].clone()).collect()
    };
    let life = [
        "the task manager has started",
        "the task manager has stopped",
    ];
    assert_eq!(messages(&log), life);
    let infos = log.events(Level::INFO);
    assert_eq!(
        (&*infos[0].fields["workers"], &*infos[1].fields["done"]),
        ("1", "0")
    );
    let successes = log.events(Level::DEBUG);
    assert_eq!(successes[0].fields["attempt"], "2");
    tasks.start();
    tasks.stop().await;
    assert_eq!(messages(&log), life.repeat(2));
}

#[tokio::test(start_paused = true)]
async fn stats_count_every_kind_of_end() {
    let tasks = manager("mailer");
    let pending = async |_: Context| std::future::pending::<Result<(), TaskError>>().await;
    let running = tasks.queue(pending).await.expect("it runs");
    sleep(SECOND).await;
    let late = tasks
        .queue(fails)
        .expires_after(SECOND)
        .await
        .expect("room");
    let done = tasks.queue(async |_: Context| Ok(())).await.expect("room");
    let failed = tasks.queue(fails).retries(1).backoff(Backoff::none());
    let failed = failed.await.expect("room");
    let panics = tasks.queue(async |cx: Context| {
        assert!(cx.attempt() > 1);
        Ok(())
    });
    let panics = panics.await.expect("room");
    let slow = tasks.queue(pending).timeout(SECOND).await.expect("room");
    let delayed = tasks.delay(HOUR, fails).await.expect("accepted");
    let stats = tasks.stats();
    assert_eq!((stats.workers, stats.running, stats.queued), (1, 1, 5));
    assert_eq!((stats.waiting, stats.ended()), (1, 0));

    sleep(2 * SECOND).await;
    assert!(running.abort());
    tasks.idle().await;
    let stats = tasks.stats();
    assert_eq!((stats.running, stats.queued, stats.waiting), (0, 0, 1));
    assert_eq!((stats.done, stats.failed), (1, 3));
    assert_eq!((stats.cancelled, stats.expired), (1, 1));
    assert_eq!((stats.retried, stats.panicked, stats.timed_out), (1, 1, 1));
    assert_eq!(stats.ended(), 6);
    assert_eq!(stats.queue_wait.count(), 6);
    assert!(stats.queue_wait.quantile(1.0) >= 2 * SECOND);
    assert!(stats.run_time.count() >= 6);
    for ended in [late, done, failed, panics, slow] {
        assert!(ended.is_finished());
    }
    drop(delayed);
}

/// The kinds of all events until the stream is silent, each with its name.
async fn read(events: &mut marionette::event::Events) -> Vec<(String, EventKind)> {
    let mut all = Vec::new();
    while let Ok(Some(Received::Event(event))) = timeout(10 * HOUR, events.recv()).await {
        all.push((event.name.to_string(), event.kind));
    }
    all
}

#[tokio::test(start_paused = true)]
async fn events_tell_the_whole_life_of_a_task() {
    let tasks = manager("mailer");
    let mut events = tasks.events();
    let queued = tasks.queue(fails).name("mail").retries(1).error("no mail");
    let queued = queued.backoff(Constant::new(SECOND));
    queued.await.expect("it runs").await.expect_err("it fails");
    let fine = tasks.queue(async |cx: Context| {
        sleep(SECOND).await;
        Ok(cx.attempt())
    });
    fine.name("fine")
        .await
        .expect("it runs")
        .await
        .expect("done");
    let all = read(&mut events).await;
    let kinds: Vec<_> = all.iter().map(|(name, kind)| (&**name, kind)).collect();
    assert!(
        matches!(
            &kinds[..],
            [
                ("mail", EventKind::Started { attempt: 1, .. }),
                ("mail", EventKind::Retrying { attempt: 1, error, pause: SECOND, .. }),
                ("mail", EventKind::Started { attempt: 2, .. }),
                ("mail", EventKind::Failed(dict)),
                ("fine", EventKind::Started { attempt: 1, .. }),
                ("fine", EventKind::Done { attempt: 1, run_time, .. }),
            ] if error == "try 1"
                && dict.error.as_deref() == Some("no mail")
                && dict.attempts == 2
                && *run_time >= SECOND
        ),
        "{kinds:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn events_tell_of_cancellations_snoozes_and_expiries() {
    let tasks = manager("mailer");
    let mut events = tasks.events();
    let cancelled = tasks.delay(HOUR, fails).name("early").await;
    cancelled.expect("accepted").cancel("not needed");
    let snoozes = async |_: Context| Err::<(), _>(TaskError::snooze(2 * HOUR));
    let snoozing = tasks.queue(snoozes).name("snooze").await.expect("runs");
    sleep(HOUR).await;
    snoozing.cancel("enough");
    let itself = async |_: Context| Err::<(), _>(TaskError::cancelled("obsolete"));
    let itself = tasks.queue(itself).name("itself").await.expect("it runs");
    itself.await.expect_err("cancelled");
    let all = read(&mut events).await;
    let count = |name: &str, is: fn(&EventKind) -> bool| {
        all.iter()
            .filter(|(of, kind)| of == name && is(kind))
            .count()
    };
    let is_cancelled = |kind: &EventKind| matches!(kind, EventKind::Cancelled);
    let is_snoozed =
        |kind: &EventKind| matches!(kind, EventKind::Snoozed { pause, .. } if *pause == 2 * HOUR);
    let is_ended = |kind: &EventKind| matches!(kind, EventKind::Ended(_));
    assert_eq!(count("early", is_cancelled), 1, "{all:?}");
    assert_eq!(count("snooze", is_snoozed), 1, "{all:?}");
    assert_eq!(count("snooze", is_cancelled), 1, "{all:?}");
    assert_eq!(count("itself", is_ended), 1, "{all:?}");
}

/// The names of the tasks that were cancelled while they waited, on which log and events agree.
async fn cancelled_early(log: &Log, events: &mut marionette::event::Events) -> Vec<String> {
    let all = read(events).await;
    let cancelled = all
        .into_iter()
        .filter(|(_, kind)| matches!(kind, EventKind::Cancelled));
    let told: Vec<_> = cancelled.map(|(name, _)| name).collect();
    let mut logged = log.events(Level::INFO);
    logged.retain(|entry| entry.fields["message"] == "cancelled before it was started");
    let logged = logged.iter().map(|entry| &entry.fields["task.name"]);
    assert_eq!(logged.collect::<Vec<_>>(), told.iter().collect::<Vec<_>>());
    told
}

#[tokio::test(start_paused = true)]
async fn a_stop_tells_of_what_was_cancelled_while_it_waited() {
    let (log, _listening) = Log::listen();
    let tasks = manager("mailer");
    let mut events = tasks.events();
    let queued = tasks.queue(fails).name("retried").retries(1);
    let queued = queued.backoff(Constant::new(HOUR)).await;
    let retried = queued.expect("it runs");
    let delayed = tasks.delay(HOUR, fails).name("delayed").await;
    let far = UNIX_EPOCH + Duration::from_secs(8_000_000_000);
    let scheduled = tasks.schedule(far, fails).name("scheduled").await;
    sleep(SECOND).await;
    tasks.pause();
    let queued = tasks.queue(fails).name("queued").await.expect("room");
    let all = [
        retried,
        delayed.expect("accepted"),
        scheduled.expect("accepted"),
        queued,
    ];
    assert!(all.iter().all(|handle| handle.cancel("not needed")));
    for _ in 0..2 {
        assert_eq!(tasks.stop().await.waiting, 0);
        assert_eq!(tasks.stats().cancelled, 4);
        tasks.start();
    }
    let mut told = cancelled_early(&log, &mut events).await;
    told.sort();
    assert_eq!(told, ["delayed", "queued", "retried", "scheduled"]);
}

#[tokio::test(start_paused = true)]
async fn each_task_that_was_cancelled_while_it_waited_is_told_once_however_it_is_found() {
    let (log, _listening) = Log::listen();
    let tasks = manager("mailer");
    let mut events = tasks.events();
    for nth in 0..100 {
        let delayed = tasks.delay(HOUR, fails).name(nth.to_string()).await;
        assert!(delayed.expect("accepted").cancel("not needed"));
    }
    let stats = tasks.stats();
    assert!(stats.cancelled > 0, "some went when room was made");
    assert_eq!(stats.cancelled, 100 - stats.waiting as u64);
    // The worker finds the others.
    let told = cancelled_early(&log, &mut events).await;
    let mut numbers: Vec<usize> = told.iter().map(|name| name.parse().expect("one")).collect();
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..100), "{told:?}");
    let stats = tasks.stats();
    assert_eq!((stats.cancelled, stats.waiting), (100, 0));
}

#[tokio::test(start_paused = true)]
async fn taking_out_what_waits_tells_of_what_was_cancelled() {
    let (log, _listening) = Log::listen();
    let tasks = manager("mailer");
    let mut events = tasks.events();
    let cancelled = tasks.delay(HOUR, fails).name("cancelled").await;
    let later = tasks.delay(HOUR, fails).name("later").await;
    let later = later.expect("accepted");
    assert!(cancelled.expect("accepted").cancel("not needed"));
    let taken = tasks.take_waiting();
    assert_eq!(taken.len(), 1);
    assert_eq!(tasks.stats().cancelled, 1);
    // A task that is cancelled outside of the manager is found once it is back.
    assert!(later.cancel("not needed"));
    for future in taken {
        tasks.restore(future);
    }
    assert_eq!(tasks.stats().cancelled, 1);
    let told = cancelled_early(&log, &mut events).await;
    assert_eq!(told, ["cancelled", "later"]);
    assert_eq!(tasks.stats().cancelled, 2);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_manager_tells_of_what_was_cancelled_while_it_waited() {
    let (log, _listening) = Log::listen();
    let tasks = manager("mailer");
    let mut events = tasks.events();
    tasks.pause();
    let queued = tasks.queue(fails).name("queued").await.expect("room");
    let delayed = tasks.delay(HOUR, fails).name("delayed").await;
    let abandoned = tasks.queue(fails).name("abandoned").await.expect("room");
    assert!(queued.cancel("not needed"));
    assert!(delayed.expect("accepted").cancel("not needed"));
    drop(tasks);
    assert!(abandoned.await.expect_err("it did not run").is_abandoned());
    let told = cancelled_early(&log, &mut events).await;
    assert_eq!(told, ["queued", "delayed"]);
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_of_events_is_told_how_many_it_lost() {
    let tasks = manager("mailer");
    let mut events = tasks.events();
    for _ in 0..1000 {
        drop(tasks.queue(async |_: Context| Ok(())).await.expect("runs"));
    }
    tasks.idle().await;
    let Some(Received::Lost(lost)) = events.recv().await else {
        panic!("2000 events do not fit");
    };
    drop(tasks);
    let mut read = 0;
    while let Some(Received::Event(_)) = events.recv().await {
        read += 1;
    }
    assert_eq!(lost + read, 2000);
}

#[tokio::test(start_paused = true)]
async fn the_stream_of_events_ends_with_the_manager() {
    let tasks = manager("mailer");
    let mut events = tasks.events();
    drop(tasks);
    assert!(
        timeout(HOUR, events.recv())
            .await
            .expect("it ends")
            .is_none()
    );
}

#[cfg(feature = "metrics")]
#[test]
fn metrics_go_to_the_recorder_of_the_application() {
    use std::collections::BTreeMap;

    use metrics_util::debugging::{DebugValue, DebuggingRecorder};

    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    metrics::with_local_recorder(&recorder, || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let builder = builder.enable_all().start_paused(true);
        builder.build().expect("a runtime").block_on(async {
            let tasks = manager("mailer");
            let fine = tasks.queue(async |_: Context| Ok(())).await;
            fine.expect("it runs").await.expect("it succeeds");
            let failed = tasks.queue(fails).retries(2).backoff(Backoff::none());
            let failed = failed.await.expect("it runs").await;
            failed.expect_err("it always fails");
        });
    });
    let mut counters = BTreeMap::new();
    let mut samples = BTreeMap::new();
    for (key, _, _, value) in snapshotter.snapshot().into_vec() {
        let key = key.key();
        let labels: Vec<_> = key.labels().map(|label| label.value()).collect();
        let name = format!("{} {}", key.name(), labels.join(" "));
        match value {
            DebugValue::Counter(count) => drop(counters.insert(name, count)),
            DebugValue::Histogram(all) => drop(samples.insert(name, all.len())),
            DebugValue::Gauge(_) => panic!("there are no gauges"),
        }
    }
    let text = |(name, count): (&str, u64)| (name.to_owned(), count);
    let expected = [
        ("marionette_tasks_total mailer done", 1),
        ("marionette_tasks_total mailer failed", 1),
        ("marionette_retries_total mailer", 2),
    ];
    assert_eq!(counters, expected.map(text).into());
    assert_eq!(samples["marionette_run_seconds mailer done"], 1);
    assert_eq!(samples["marionette_run_seconds mailer failed"], 1);
    assert!(samples["marionette_queue_wait_seconds mailer"] >= 2);
}
