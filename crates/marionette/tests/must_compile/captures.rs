//! Every way in, from a spawned future, with each kind of thing that a task captures.

use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex};

use crate::app::BoxFuture;

macro_rules! captures {
    ($($name:ident: $type:ty;)+) => { $(
        mod $name {
            use std::time::{Duration, SystemTime};

            use marionette::{CancellationToken, Context, TaskError, blocking, with, wrap};
            use marionette::backoff::Constant;

            #[allow(unused_imports)] // Each type needs others of them.
            use super::*;
            use crate::app::{Captured, Deliver, deliver};
            use crate::from::manager;
            use crate::ways::each_way;

            macro_rules! spawned {
                (|$tasks:ident, $it:ident| $code:expr) => {
                    let $tasks = manager();
                    let $it: $type = Captured::make();
                    let answer = tokio::spawn(async move { $code }).await;
                    assert_eq!(answer.expect("it does not panic"), 250);
                };
            }

            each_way!(spawned);
        }
    )+ };
}

captures! {
    a_callback: Arc<dyn Fn() -> u8 + Send + Sync>;
    a_callback_that_gives_a_future:
        Arc<dyn for<'a> Fn(&'a str) -> BoxFuture<'a, usize> + Send + Sync>;
    a_future_in_a_box: Arc<Mutex<Option<BoxFuture<'static, u8>>>>;
    an_error_in_a_box: Arc<Box<dyn Error + Send + Sync>>;
    references: &'static [&'static (dyn fmt::Display + Sync)];
}
