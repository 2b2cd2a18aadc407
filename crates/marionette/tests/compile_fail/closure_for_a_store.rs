//! A closure is code, and a store keeps data.

use marionette::{Context, MemoryStore, TaskManager};

async fn service(tasks: TaskManager<MemoryStore>) {
    let _ = tasks.queue(async |_: Context| Ok(())).await;
}

fn main() {}
