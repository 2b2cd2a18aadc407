//! An async closure that captures a number: the compiler's own error comes before ours can.

use marionette::{Context, TaskManager};

async fn service(tasks: TaskManager) {
    let n = 4;
    let _ = tasks.queue(async move |_: Context| Ok(n + 1)).await;
}

fn main() {}
