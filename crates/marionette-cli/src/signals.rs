//! The signals that ask this process to end: the first drains, the second hurries, the third
//! leaves.

use std::future::ready;
use std::io;
use std::pin::pin;
use std::time::Duration;

use marionette::inspect::Inspect;
use marionette::{StopReport, TaskManager};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::say::Say;

/// Both signals, from now on.
#[derive(Debug)]
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

/// One of them came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Interrupt,
    Terminate,
}

impl Signals {
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for the next.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if the future is dropped.
    pub(crate) async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.interrupt.recv() => Asked::Interrupt,
            _ = self.terminate.recv() => Asked::Terminate,
        }
    }
}

impl Asked {
    /// The exit status of who was ended by this signal.
    pub(crate) fn status(self) -> u8 {
        match self {
            Self::Interrupt => 130,
            Self::Terminate => 143,
        }
    }
}

/// Stops after a first signal: lets finish what runs; ends it after a second; and after a third
/// leaves this process at once, with its minder to clear up behind it.
pub(crate) async fn stop<S: Inspect>(
    tasks: &TaskManager<S>,
    signals: &mut Signals,
    say: &Say,
) -> StopReport {
    let mut stopping = pin!(tasks.stop());
    // It is said when it is so: from here on nothing is claimed.
    tokio::select! {
        biased;
        report = &mut stopping => return report,
        () = ready(()) => {}
    }
    say.note("stopping: what runs may finish (again: end it)");
    tokio::select! {
        report = stopping => return report,
        _ = signals.next() => {}
    }
    say.note("stopping: what runs is asked to end (again: leave at once)");
    tokio::select! {
        report = tasks.stop_within(Duration::ZERO) => report,
        asked = signals.next() => std::process::exit(asked.status().into()),
    }
}
