//! Every way in, with a client behind `dyn`, from each place from which a service queues.

macro_rules! places {
    ($($place:ident;)+) => { $(
        mod $place {
            #![allow(unused_imports)] // Each place needs others of them.

            use std::sync::Arc;
            use std::time::{Duration, SystemTime};

            use axum::Router;
            use axum::body::{Body, to_bytes};
            use axum::extract::State;
            use axum::handler::Handler as _;
            use axum::http::Request;
            use axum::routing::post;
            use marionette::{CancellationToken, Context, MemoryStore, Task, TaskError, TaskManager};
            use marionette::{blocking, with, wrap};
            use marionette::backoff::Constant;

            use crate::app::{BoxFuture, Captured, Deliver, Mailer, deliver};
            use crate::from::{$place, Begin, Service, manager};
            use crate::ways::each_way;

            each_way!($place);
        }
    )+ };
}

places! {
    spawned;
    axum_handler;
    task_closure;
    task_future;
    task_type;
    job_handler;
    borrowing_box;
}
