//! `stop_on_signal`: stops the manager when the operating system asks the process to end.

use std::io;
use std::time::Duration;

use crate::engine::stop::StopReport;
use crate::manager::TaskManager;

impl<S: ?Sized> TaskManager<S> {
    /// Waits for SIGINT or SIGTERM (Ctrl-C where there are no signals), and then stops the manager.
    ///
    /// The first signal drains, as [`stop`](Self::stop) does. A second one interrupts at once, as
    /// [`stop_within`](Self::stop_within) does with a limit of zero.
    ///
    /// # Errors
    ///
    /// The signals cannot be listened to.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, signals are no longer listened to, and a stop that has begun goes
    /// on. The operating system's default reaction to the signals does not come back.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use marionette::TaskManager;
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let tasks = TaskManager::new(Default::default())?;
    /// tasks.start();
    /// // … serve …
    /// println!("{}", tasks.stop_on_signal().await?);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn stop_on_signal(&self) -> io::Result<StopReport> {
        let mut signals = Signals::listen()?;
        signals.next().await;
        tokio::select! {
            report = self.stop() => Ok(report),
            () = signals.next() => Ok(self.stop_within(Duration::ZERO).await),
        }
    }
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        // On an error, Ctrl-C cannot be listened to, so no signal ever comes.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}
