//! A topic is deleted at once for its user; its messages are destroyed behind that.
//!
//! One attempt may take half an hour. After a failure the storage gets ten minutes to recover, and
//! there are three retries. The clock is virtual here, so the hours take no time.

use std::borrow::Cow;
use std::error::Error;
use std::future::pending;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use marionette::backoff::Constant;
use marionette::event::{EventKind, Received};
use marionette::{Config, Context, Task, TaskError, TaskManager};

const MINUTE: Duration = Duration::from_secs(60);

/// A task that is a type: it keeps what it has done from one attempt to the next.
struct DestroyTopic {
    topic: &'static str,
    destroyed: AtomicU32,
}

impl Task for DestroyTopic {
    type Output = u32;

    async fn run(&self, cx: Context) -> Result<u32, TaskError> {
        if self.topic == "audit" {
            return Err("the storage is read-only".into());
        }
        match cx.attempt() {
            1 => {
                self.destroyed.fetch_add(1000, Ordering::Relaxed);
                Err("a storage node is restarting".into())
            }
            2 => pending().await, // it hangs, until the timeout ends it
            _ => Ok(self.destroyed.fetch_add(200, Ordering::Relaxed) + 200),
        }
    }

    fn name(&self) -> Cow<'static, str> {
        format!("destroy topic {}", self.topic).into()
    }
}

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn Error>> {
    let tasks = TaskManager::new(Config::default())?;
    tasks.start();

    for topic in ["news", "audit"] {
        let mut events = tasks.events();
        let destroyed = tasks
            .queue(DestroyTopic {
                topic,
                destroyed: AtomicU32::new(0),
            })
            .retries(3)
            .backoff(Constant::new(10 * MINUTE))
            .timeout(30 * MINUTE)
            .error(format!("the messages of topic {topic} are still there"))
            .await?;

        // What an operator sees meanwhile.
        while let Some(Received::Event(event)) = events.recv().await {
            match event.kind {
                EventKind::Started { attempt, .. } => println!("{}: attempt {attempt}", event.name),
                EventKind::Retrying { error, pause, .. } => {
                    println!("  {error}; again in {} minutes", minutes(pause));
                }
                _ => break,
            }
        }

        match destroyed.await {
            Ok(messages) => println!("  {messages} messages are destroyed"),
            Err(error) => println!("  {error}, in {} minutes", minutes(error.duration())),
        }
    }

    tasks.stop().await;
    Ok(())
}

fn minutes(duration: Duration) -> u64 {
    duration.as_secs() / 60
}
