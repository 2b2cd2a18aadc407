//! Without a store, too, what cannot be queued says so.

use marionette::TaskManager;

struct SendMail;

async fn service(tasks: TaskManager) {
    let _ = tasks.queue(SendMail).await;
}

fn main() {}
