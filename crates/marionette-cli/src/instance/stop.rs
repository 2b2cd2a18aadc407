//! How an instance stops after a signal.

use std::future::{pending, ready};
use std::pin::pin;
use std::time::Duration;

use marionette::StopReport;

use crate::console::Console;
use crate::instance::worker::Instance;
use crate::process::signals::Signals;

/// Stops after a first signal: lets finish what runs; ends it after a second, or once `limit` is
/// over; and after a third leaves this process at once, with its minder to clear up behind it.
pub(crate) async fn stop(
    instance: &Instance,
    signals: &mut Signals,
    limit: Option<Duration>,
    console: &Console,
) -> StopReport {
    let tasks = &instance.tasks;
    let mut stopping = pin!(tasks.stop());
    // It is said when it is so: from here on nothing is claimed.
    tokio::select! {
        biased;
        report = &mut stopping => return report,
        () = ready(()) => {}
    }
    instance.is_stopping();
    console.note("stopping: what runs may finish (again: end it)");
    let limit = async {
        match limit {
            Some(limit) => tokio::time::sleep(limit).await,
            None => pending().await,
        }
    };
    tokio::select! {
        report = stopping => return report,
        _ = signals.again() => {}
        () = limit => {}
    }
    console.note("stopping: what runs is asked to end (again: leave at once)");
    tokio::select! {
        report = tasks.stop_within(Duration::ZERO) => report,
        asked = signals.again() => std::process::exit(asked.status().into()),
    }
}
