//! A closure that was wrapped is still code.

use marionette::{Context, MemoryStore, TaskManager, wrap};

async fn service(tasks: TaskManager<MemoryStore>) {
    let wrapped = wrap(async |_: Context| Ok(())).retries(3);
    let _ = tasks.queue(wrapped).await;
}

fn main() {}
