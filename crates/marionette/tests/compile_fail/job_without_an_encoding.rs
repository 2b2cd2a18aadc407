//! The arguments and the result of a job have to be stored.

use marionette::Job;
use serde::{Deserialize, Serialize};

struct SendMail {
    _to: String,
}

impl Job for SendMail {
    const KIND: &'static str = "send_mail";
    type Output = ();
}

#[derive(Serialize, Deserialize)]
struct Resize;

struct Image;

impl Job for Resize {
    const KIND: &'static str = "resize";
    type Output = Image;
}

fn main() {}
