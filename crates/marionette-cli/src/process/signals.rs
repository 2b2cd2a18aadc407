//! The signals that ask this process to end: the first drains, the second hurries, the third
//! leaves. A hangup drains too; it comes together with others, so it never hurries.

use std::fs;
use std::future::pending;
use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// All these signals, from `listen` on.
#[derive(Debug)]
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// `None` if hangups are ignored, as with `nohup`.
    hangup: Option<Signal>,
}

/// The signal that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Hangup,
    Interrupt,
    Terminate,
}

impl Signals {
    pub(crate) fn listen() -> io::Result<Self> {
        let hears_hangups = !ignores_hangups();
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: hears_hangups
                .then(|| signal(SignalKind::hangup()))
                .transpose()?,
        })
    }

    /// Waits for the next signal.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if the future is dropped.
    pub(crate) async fn next(&mut self) -> Asked {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => pending().await,
            }
        };
        tokio::select! {
            _ = hangup => Asked::Hangup,
            _ = self.interrupt.recv() => Asked::Interrupt,
            _ = self.terminate.recv() => Asked::Terminate,
        }
    }

    /// Waits for another signal after the first.
    pub(crate) async fn again(&mut self) -> Asked {
        loop {
            match self.next().await {
                // A systemd scope sends a hangup right after the SIGTERM.
                Asked::Hangup => {}
                asked => return asked,
            }
        }
    }
}

/// Whether this process was started to ignore hangups. Where the system does not tell, hangups keep
/// their meaning, whatever it is.
fn ignores_hangups() -> bool {
    // The lowest bit is that of signal 1.
    ignored_mask().is_none_or(|mask| mask & 1 == 1)
}

/// The signals that this process ignores, as far as the system tells; without SIGPIPE, which every
/// Rust program ignores, but none of its child processes.
pub(crate) fn ignored() -> impl Iterator<Item = SignalKind> {
    let mask = ignored_mask().unwrap_or_default();
    let signals = (1..=64).filter(move |signal| mask & (1 << (signal - 1)) != 0);
    signals
        .map(SignalKind::from_raw)
        .filter(|kind| *kind != SignalKind::pipe())
}

fn ignored_mask() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let ignored = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))?;
    u64::from_str_radix(ignored.trim(), 16).ok()
}

impl Asked {
    /// The exit status of a process that this signal ended.
    pub(crate) fn status(self) -> u8 {
        match self {
            Self::Hangup => 129,
            Self::Interrupt => 130,
            Self::Terminate => 143,
        }
    }
}
