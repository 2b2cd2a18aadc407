//! How a stop reaches into the attempts that run.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// The signals of one run by which a stop reaches into its running attempts.
#[derive(Clone, Debug, Default)]
pub(crate) struct StopSignals {
    /// The manager stops and cannot wait: attempts are asked to end.
    pub(crate) interrupt: Interrupt,
    /// The grace is over: attempts are dropped.
    pub(crate) abandon: CancellationToken,
    /// How long an attempt that was asked to end may still run.
    pub(crate) grace: Duration,
}

/// A cancellation token that can be asked without a lock whether it is cancelled.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt {
    is_cancelled: Arc<AtomicBool>,
    token: CancellationToken,
}

impl Interrupt {
    pub(crate) fn cancel(&self) {
        self.is_cancelled.store(true, Ordering::Release);
        self.token.cancel();
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(Ordering::Acquire)
    }

    pub(crate) fn cancelled(&self) -> impl Future<Output = ()> {
        self.token.cancelled()
    }
}
