//! A task that is a type, with a result, and with a retry policy that goes by the type of the
//! error. The clock is virtual here, so the pauses take no time.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::time::Duration;

use marionette::{Config, Context, Task, TaskError, TaskManager};

/// Reads a feed; its result is the number of entries.
struct FetchFeed {
    host: &'static str,
}

impl Task for FetchFeed {
    type Output = usize;

    async fn run(&self, cx: Context) -> Result<usize, TaskError> {
        println!("{}: attempt {}", self.host, cx.attempt());
        fetch(self.host, cx.attempt()).map_err(FetchError::verdict)
    }

    fn name(&self) -> Cow<'static, str> {
        format!("fetch the feed of {}", self.host).into()
    }
}

#[derive(Debug)]
enum FetchError {
    /// There is no such feed, and there will be none.
    Gone,
    /// The host says when to come back.
    Busy(Duration),
    /// Anything else may pass by itself.
    NoAnswer,
}

impl FetchError {
    /// What follows from the error: the whole retry policy.
    fn verdict(self) -> TaskError {
        match self {
            Self::Gone => TaskError::fatal(self),
            Self::Busy(pause) => TaskError::retry_after(pause, self),
            Self::NoAnswer => self.into(),
        }
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => f.write_str("the feed is gone"),
            Self::Busy(pause) => write!(f, "the host is busy for {pause:?}"),
            Self::NoAnswer => f.write_str("no answer"),
        }
    }
}

impl Error for FetchError {}

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn Error>> {
    let tasks = TaskManager::new(Config::default())?;
    tasks.start();

    for host in ["good.example", "gone.example"] {
        let fetched = tasks
            .queue(FetchFeed { host })
            .retries(3)
            .error(format!("{host} has no news today"))
            .await?;
        match fetched.await {
            Ok(entries) => println!("{host}: {entries} entries"),
            // The text is for the user; code asks for the error of the attempt.
            Err(error) => match error.downcast_ref::<FetchError>() {
                Some(FetchError::Gone) => println!("{error}: unsubscribe"),
                _ => println!("{error}"),
            },
        }
    }
    tasks.stop().await;
    Ok(())
}

/// A stand-in for an HTTP client.
fn fetch(host: &str, attempt: u32) -> Result<usize, FetchError> {
    match (host, attempt) {
        ("gone.example", _) => Err(FetchError::Gone),
        (_, 1) => Err(FetchError::NoAnswer),
        (_, 2) => Err(FetchError::Busy(Duration::from_secs(600))),
        _ => Ok(12),
    }
}
