//! A closure that was wrapped is still code.

use marionette::{Context, MemoryStore, TaskManager};

async fn service(tasks: TaskManager<MemoryStore>) {
    let wrapped = TaskManager::wrap(async |_: Context| Ok(())).retries(3);
    let _ = tasks.queue(wrapped).await;
}

fn main() {}
