//! A type that is serialisable is not a job yet.

use marionette::{MemoryStore, TaskManager};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct SendMail {
    to: String,
}

async fn service(tasks: TaskManager<MemoryStore>) {
    let _ = tasks.queue(SendMail { to: String::new() }).await;
}

fn main() {}
