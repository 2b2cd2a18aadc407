//! A request with an API key is answered at once; that the key was seen is written down behind it.
//!
//! Writing takes at most a minute. A database that hangs costs a worker one minute, and costs no
//! request anything. The clock is virtual here, so that minute takes no time.

use std::collections::BTreeMap;
use std::error::Error;
use std::future::pending;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use marionette::{Config, Context, TaskError, TaskManager};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn Error>> {
    let tasks = TaskManager::new(Config::default())?;
    tasks.start();
    let database = Database::default();

    for (path, key) in [
        ("/topics", "key-1"),
        ("/topics/news", "key-2"),
        ("/users", "key-that-hangs"),
        ("/topics/news/messages", "key-1"),
    ] {
        println!("{}", answer(&tasks, &database, path, key).await?);
    }

    tasks.stop().await;
    for (key, path) in database.seen() {
        println!("{key} was last seen at {path}");
    }
    let stats = tasks.stats();
    println!("{} written, {} timed out", stats.done, stats.timed_out);
    Ok(())
}

/// The part of the request handler that queues the task.
async fn answer(
    tasks: &TaskManager,
    database: &Database,
    path: &'static str,
    key: &'static str,
) -> Result<String, Box<dyn Error>> {
    let database = database.clone();
    let stamped = tasks
        .queue(move |_: Context| database.clone().stamp(key, path))
        .name("last seen")
        .timeout(MINUTE)
        .error(format!("could not stamp {key}"))
        .await?;
    // The task runs without its handle; if it fails, the log says so.
    drop(stamped);
    Ok(format!("200 GET {path}"))
}

#[derive(Clone, Default)]
struct Database(Arc<Mutex<BTreeMap<&'static str, &'static str>>>);

impl Database {
    async fn stamp(self, key: &'static str, path: &'static str) -> Result<(), TaskError> {
        if key == "key-that-hangs" {
            pending::<()>().await;
        }
        let mut rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rows.insert(key, path);
        Ok(())
    }

    fn seen(&self) -> BTreeMap<&'static str, &'static str> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
