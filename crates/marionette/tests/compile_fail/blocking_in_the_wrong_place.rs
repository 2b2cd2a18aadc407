//! The arguments of blocking code decide whether it is a task or a handler.

use marionette::{Context, Job, TaskManager, blocking};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Thumbnail;

impl Job for Thumbnail {
    const KIND: &'static str = "thumbnail";
    type Output = u32;
}

async fn service(tasks: TaskManager) {
    let _ = tasks.queue(blocking(|_: Thumbnail, _: Context| Ok(1))).await;
    let _ = TaskManager::builder().handle(blocking(|_: Context| Ok(1)));
    let _ = blocking(|_: Thumbnail| Ok(1));
}

fn main() {}
