//! A future is code, and a store keeps data.

use std::time::Duration;

use marionette::{MemoryStore, TaskError, TaskManager};

async fn warm_the_cache() -> Result<(), TaskError> {
    Ok(())
}

async fn service(tasks: TaskManager<MemoryStore>) {
    let _ = tasks.delay(Duration::from_secs(1), warm_the_cache()).await;
}

fn main() {}
