//! Stopping on the real signals of the operating system.
#![cfg(unix)]

use std::process::{self, Command};
use std::time::Duration;

use marionette::{Config, Context, StopReport, TaskManager};
use tokio::sync::oneshot;

/// Sends this process a signal.
fn kill(signal: &str) {
    let killed = Command::new("kill")
        .args([signal, &process::id().to_string()])
        .status();
    assert!(killed.expect("`kill` can be run").success());
}

/// A running manager that already listens for the signal that stops it, and its report.
async fn listening() -> (TaskManager, tokio::task::JoinHandle<StopReport>) {
    let tasks = TaskManager::new(Config::default()).expect("the default is valid");
    tasks.start();
    let stopping = tokio::spawn({
        let tasks = tasks.clone();
        async move {
            tasks
                .stop_on_signal()
                .await
                .expect("signals can be listened to")
        }
    });
    // On a current-thread runtime the other task runs until it waits for the first signal.
    tokio::task::yield_now().await;
    (tasks, stopping)
}

/// One test, since signals go to the whole process.
#[tokio::test]
async fn the_first_signal_drains_and_the_second_hurries() {
    for signal in ["-INT", "-TERM"] {
        let (tasks, stopping) = listening().await;
        let (finish, finished) = oneshot::channel();
        let accepted = async move {
            finished.await?;
            Ok("it ran to its end")
        };
        let handle = tasks.queue(accepted).await.expect("it runs");
        kill(signal);
        while tasks.is_running() {
            tokio::task::yield_now().await;
        }
        finish.send(()).expect("the task waits for it");
        assert_eq!(handle.await.expect("it succeeds"), "it ran to its end");
        assert_eq!(stopping.await.expect("no panic").done, 1);
    }

    let (tasks, stopping) = listening().await;
    let hangs = async |_: Context| {
        std::future::pending::<()>().await;
        Ok(())
    };
    let handle = tasks.queue(hangs).await.expect("it runs");
    kill("-TERM");
    while tasks.is_running() {
        tokio::task::yield_now().await;
    }
    kill("-TERM");
    let stopped = tokio::time::timeout(Duration::from_secs(60), stopping).await;
    let report = stopped
        .expect("the second signal hurries")
        .expect("no panic");
    assert_eq!(report.interrupted[0].id, handle.id());
    assert_eq!(report.queued, 1);
}
