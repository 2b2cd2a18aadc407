//! An async closure that lends what it has captured is no handler.

use marionette::{Context, Job, TaskManager};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct SendMail {
    to: String,
}

impl Job for SendMail {
    const KIND: &'static str = "send_mail";
    type Output = bool;
}

fn main() {
    let sender = String::from("noreply@example.org");
    let _ = TaskManager::builder()
        .handle(async move |mail: SendMail, _: Context| Ok(mail.to == sender));
}
