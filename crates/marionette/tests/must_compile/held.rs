//! What is kept across an await, and what combines the futures of the ways in.

use std::sync::Arc;
use std::time::Duration;

use marionette::{Config, Context, TaskManager, wrap};
use tokio::time::timeout;

use crate::app::{Captured, Deliver, Mailer, deliver};
use crate::from::{Service, manager};

/// Awaits the future as a spawned one.
async fn spawned(future: impl Future<Output = u8> + Send + 'static) {
    assert_eq!(tokio::spawn(future).await.expect("it does not panic"), 250);
}

#[tokio::test]
async fn a_way_in_is_kept_before_it_is_awaited() {
    let Service { tasks, mailer } = Service::new();
    spawned(async move {
        let submit = tasks
            .queue(move |cx: Context| deliver(mailer.clone(), cx))
            .retries(3);
        tokio::task::yield_now().await;
        let handle = submit.await.expect("it runs");
        tokio::task::yield_now().await;
        handle.await.expect("it succeeds")
    })
    .await;
}

#[tokio::test]
async fn a_wrapped_task_is_kept_before_it_is_queued() {
    let Service { tasks, mailer } = Service::new();
    spawned(async move {
        let closure = {
            let mailer = mailer.clone();
            wrap(move |cx: Context| deliver(mailer.clone(), cx)).retries(3)
        };
        let future = {
            let mailer = mailer.clone();
            wrap(async move { Ok(mailer.send_later().await) })
        };
        let type_ = wrap(Deliver(mailer));
        tokio::task::yield_now().await;
        let _ = tasks.queue(closure).await.expect("it runs").await;
        let _ = tasks.queue(future).await.expect("it runs").await;
        let handle = tasks.queue(type_).await.expect("it runs");
        handle.await.expect("it succeeds")
    })
    .await;
}

#[tokio::test]
async fn a_task_that_was_refused_is_queued_again() {
    let tasks = TaskManager::new(Config::default()).expect("the defaults are valid");
    let mailer: Arc<dyn Mailer> = Captured::make();
    spawned(async move {
        let first = tasks.queue(move |cx: Context| deliver(mailer.clone(), cx));
        let refused = first.await.expect_err("it does not run yet");
        tokio::task::yield_now().await;
        tasks.start();
        let handle = tasks.queue(refused.into_task()).await.expect("it runs");
        handle.await.expect("it succeeds")
    })
    .await;
}

#[tokio::test]
async fn many_that_were_refused_are_queued_again() {
    let tasks = TaskManager::new(Config::default()).expect("the defaults are valid");
    let mailer: Arc<dyn Mailer> = Captured::make();
    spawned(async move {
        let mails = [Deliver(mailer.clone()), Deliver(mailer)].map(wrap);
        let refused = tasks.queue_many(mails).await.expect_err("it does not run");
        let (_, refused, _) = refused.into_parts();
        tokio::task::yield_now().await;
        tasks.start();
        let handles = tasks.queue_many(refused).await.expect("it runs");
        assert_eq!(handles.len(), 2);
        250
    })
    .await;
}

#[tokio::test]
async fn several_at_once() {
    let Service { tasks, mailer } = Service::new();
    spawned(async move {
        let closure = {
            let mailer = mailer.clone();
            tasks.queue(move |cx: Context| deliver(mailer.clone(), cx))
        };
        let future = {
            let mailer = mailer.clone();
            tasks.queue(async move { Ok(mailer.send()) })
        };
        let executed = {
            let mailer = mailer.clone();
            let wrapped = wrap(move |cx: Context| deliver(mailer.clone(), cx));
            tasks.exec(wrapped)
        };
        let many = {
            let mails = (0..10).map(move |_| Deliver(mailer.clone()));
            tasks.queue_many(mails)
        };
        let (closure, future, executed, many) = tokio::join!(closure, future, executed, many);
        let _ = closure.expect("it runs").await;
        let _ = future.expect("it runs").await;
        assert_eq!(many.expect("it runs").len(), 10);
        executed.await.expect("it succeeds")
    })
    .await;
}

#[tokio::test]
async fn within_a_timeout_and_a_select() {
    let Service { tasks, mailer } = Service::new();
    spawned(async move {
        let limit = Duration::from_secs(60);
        let handle = {
            let mailer = mailer.clone();
            timeout(limit, tasks.queue(async move { Ok(mailer.send()) })).await
        };
        let _ = handle.expect("it is in time").expect("it runs").await;
        let submit = tasks.queue(move |cx: Context| deliver(mailer.clone(), cx));
        tokio::select! {
            handle = submit => handle.expect("it runs").await.expect("it succeeds"),
            () = tokio::time::sleep(limit) => 0,
        }
    })
    .await;
}

/// The result is a `dyn` as well.
#[tokio::test]
async fn a_result_behind_dyn() {
    let tasks = manager();
    spawned(async move {
        let made = tasks
            .queue(async |_: Context| Ok(<Arc<dyn Mailer>>::make()))
            .await;
        let mailer = made.expect("it runs").await.expect("it succeeds");
        tokio::task::yield_now().await;
        mailer.send()
    })
    .await;
}

#[tokio::test]
async fn an_async_closure_that_captures_nothing() {
    let tasks = manager();
    spawned(async move {
        let handle = tasks.queue(async |cx: Context| {
            tokio::task::yield_now().await;
            Ok(249 + u8::try_from(cx.attempt())?)
        });
        handle.await.expect("it runs").await.expect("it succeeds")
    })
    .await;
}

#[tokio::test]
async fn a_scheduler_of_tasks_behind_dyn() {
    type Callback = Box<dyn FnOnce() -> u8 + Send>;
    let (out, mut due) = tokio::sync::mpsc::channel::<Callback>(1);
    let scheduler = marionette::timer::Scheduler::new(out);
    scheduler.start();
    spawned(async move {
        let mailer: Arc<dyn Mailer> = Captured::make();
        scheduler.delay(Duration::ZERO, Box::new(move || mailer.send()));
        let callback = due.recv().await.expect("it is due");
        scheduler.stop().await;
        scheduler.ended().await;
        callback()
    })
    .await;
}
