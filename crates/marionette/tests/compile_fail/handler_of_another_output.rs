//! A handler gives the output of its job.

use marionette::{Context, Job, TaskManager};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct SendMail {
    to: String,
}

impl Job for SendMail {
    const KIND: &'static str = "send_mail";
    type Output = u64;
}

fn main() {
    let _ = TaskManager::builder()
        .handle(async |mail: SendMail, _: Context| Ok(mail.to));
}
