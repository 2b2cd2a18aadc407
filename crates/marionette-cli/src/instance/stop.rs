//! Stops an instance after a signal.

use std::future::{pending, ready};
use std::pin::pin;
use std::time::Duration;

use marionette::StopReport;

use crate::console::Console;
use crate::instance::manager::Instance;
use crate::process::signals::Signals;

/// Stops after a first signal. Running attempts may finish; after a second signal, or once `limit`
/// is over, they are asked to end; after a third, this process leaves at once, and its minder
/// clears up.
pub(crate) async fn stop(
    instance: &Instance,
    signals: &mut Signals,
    limit: Option<Duration>,
    console: &Console,
) -> StopReport {
    let tasks = &instance.tasks;
    let mut stopping = pin!(tasks.stop());
    // Once this has been polled nothing more is claimed, and only then is the stop announced.
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
