//! Retries, a schedule and a graceful stop.

use std::error::Error;
use std::time::{Duration, SystemTime};

use marionette::{Backoff, Config, Context, TaskError, TaskManager, with};

async fn call_the_webhook(url: String, cx: Context) -> Result<(), TaskError> {
    println!("attempt {} at {url}, {} left", cx.attempt(), cx.attempts_left());
    Ok(()) // every error type converts with `?`, and means "try again"
}

async fn write_the_report(_: Context) -> Result<(), TaskError> {
    Ok(())
}

async fn serve(midnight: SystemTime) -> Result<(), Box<dyn Error>> {
    let tasks = TaskManager::new(Config::from_env("MARIONETTE")?)?;
    tasks.start();

    let url = String::from("https://example.org/hook");
    tasks
        .queue(with(url, call_the_webhook)) // each attempt gets a clone
        .retries(3)
        .backoff(Backoff::constant(Duration::from_secs(60)))
        .timeout(Duration::from_secs(10)) // for each attempt
        .error("the webhook does not answer") // what you read when all attempts failed
        .await?; // its handle may be dropped: the log tells of a failure

    // At a time, and after a pause. Neither waits for room.
    tasks.schedule(midnight, write_the_report).await?;
    tasks.delay(Duration::from_secs(30), write_the_report).await?;

    // … spawn your server here, with a clone of `tasks` …

    println!("{}", tasks.stop_on_signal().await?); // SIGINT or SIGTERM; a second one hurries
    Ok(())
}

/// Sends the signal as often as it takes: the service may not listen yet.
#[cfg(unix)]
#[tokio::test]
async fn it_runs() {
    use tokio::signal::unix::{SignalKind, signal};

    // From here on the signal does not end the process.
    let _listens = signal(SignalKind::terminate()).expect("signals can be listened to");
    let serves = serve(SystemTime::now());
    tokio::pin!(serves);
    loop {
        tokio::select! {
            served = &mut serves => return served.expect("it serves"),
            () = tokio::time::sleep(Duration::from_millis(50)) => {
                let process = std::process::id().to_string();
                let kill = std::process::Command::new("kill").args(["-TERM", &process]).status();
                assert!(kill.expect("there is a `kill`").success());
            }
        }
    }
}
