//! With the feature `metrics`, each step is reported to the recorder that the application
//! installed.

use std::sync::Arc;
use std::time::Duration;

use metrics::{counter, histogram};

use crate::quiet::quietly;

fn seconds(nanos: u64) -> f64 {
    Duration::from_nanos(nanos).as_secs_f64()
}

pub(crate) fn started(server: &Arc<str>, waited: u64) {
    let _ = quietly(|| {
        histogram!("marionette_queue_wait_seconds", "server" => Arc::clone(server))
            .record(seconds(waited));
    });
}

pub(crate) fn retried(server: &Arc<str>) {
    let _ = quietly(|| {
        counter!("marionette_retries_total", "server" => Arc::clone(server)).increment(1);
    });
}

pub(crate) fn ended(server: &Arc<str>, outcome: &'static str, ran: u64) {
    let _ = quietly(|| {
        counter!("marionette_tasks_total", "server" => Arc::clone(server), "outcome" => outcome)
            .increment(1);
    });
    let _ = quietly(|| {
        histogram!("marionette_run_seconds", "server" => Arc::clone(server), "outcome" => outcome)
            .record(seconds(ran));
    });
}
