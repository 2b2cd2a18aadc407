//! Stopping when the operating system says so.

use std::io;
use std::time::Duration;

use crate::engine::stop::StopReport;
use crate::manager::TaskManager;

impl<S: ?Sized> TaskManager<S> {
    /// Waits for SIGINT or SIGTERM (Ctrl-C where there are no signals) and stops: the first one
    /// drains, a second one hurries and does not wait for what has not run.
    ///
    /// # Errors
    ///
    /// The signals cannot be listened to.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, signals are no longer listened to, and a stop that has begun goes
    /// on. The operating system's own reaction to them does not come back.
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
        // An error says that Ctrl-C cannot be listened to: then nothing ever comes.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}
