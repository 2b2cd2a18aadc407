//! A plain future runs once.

use marionette::TaskManager;

async fn service(tasks: TaskManager) {
    let _ = tasks.queue(async { Ok(()) }).retries(3).await;
}

fn main() {}
