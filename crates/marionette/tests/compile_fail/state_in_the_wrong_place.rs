//! The state comes first, then the job, then the context.

use marionette::{Context, Job, TaskError, TaskManager, with};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct SendMail;

impl Job for SendMail {
    const KIND: &'static str = "send_mail";
    type Output = ();
}

async fn send(_: SendMail, _: String, _: Context) -> Result<(), TaskError> {
    Ok(())
}

async fn greet(_: Context, _: String) -> Result<(), TaskError> {
    Ok(())
}

fn main() {
    let _ = TaskManager::builder().handle::<SendMail>(with(String::new(), send));
}

async fn service(tasks: TaskManager) {
    let _ = tasks.queue(with(String::new(), greet)).await;
}
