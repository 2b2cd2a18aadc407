//! Options that are for jobs alone, on a task.

use std::time::Duration;

use marionette::{Context, TaskManager, wrap};

async fn service(tasks: TaskManager) {
    let _ = tasks.queue(async |_: Context| Ok(())).priority(5).await;
    let _ = tasks.queue(async { Ok(()) }).in_queue("mail").await;
    let _ = wrap(async { Ok(()) }).keep_result(Duration::ZERO);
}

fn main() {}
