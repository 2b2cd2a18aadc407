//! D1: how many jobs are accepted in a second, from a producer that awaits each, from 64 at once,
//! and in calls of many.

use std::time::Instant;

use tokio::task::JoinSet;

use crate::clock;
use crate::contender::Contender;
use crate::figures::Figures;
use crate::job::{self, Job};

/// Callers at once.
pub const CALLERS: u32 = 64;

/// Jobs in a call of many.
pub const MANY: usize = 1_000;

/// Producers of calls of many that are at it at once.
pub const PRODUCERS: u32 = 4;

/// The figures of D1, also for a measurement without a [`Contender`].
#[must_use]
pub fn rate(count: u32, start: Instant) -> Figures {
    let seconds = clock::now().duration_since(start).as_secs_f64();
    Figures::from([("per_s", f64::from(count) / seconds)])
}

/// One producer that awaits each.
pub(super) async fn one_by_one<C: Contender>(contender: C, count: u32) -> Figures {
    let producer = tokio::spawn(async move {
        // The first job pays for what is prepared once.
        contender
            .queue(Job {
                index: count,
                at: 0,
            })
            .await;
        let start = clock::now();
        for job in job::counted(count) {
            contender.queue(job).await;
        }
        rate(count, start)
    });
    producer.await.expect("the producer ends")
}

/// Many producers that await each.
pub(super) async fn callers<C: Contender>(contender: C, count: u32) -> Figures {
    contender
        .queue(Job {
            index: count,
            at: 0,
        })
        .await;
    let share = count / CALLERS;
    let start = clock::now();
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let contender = contender.clone();
        callers.spawn(async move {
            for job in job::counted(share) {
                contender.queue(job).await;
            }
        });
    }
    while let Some(ended) = callers.join_next().await {
        ended.expect("a caller ends");
    }
    rate(share * CALLERS, start)
}

/// One producer, many in a call.
pub(super) async fn many<C: Contender>(contender: C, count: u32) -> Figures {
    let jobs = job::counted(count);
    let producer = tokio::spawn(async move {
        let start = clock::now();
        for jobs in jobs.chunks(MANY) {
            contender.queue_many(jobs.to_vec()).await;
        }
        rate(count, start)
    });
    producer.await.expect("the producer ends")
}

/// Four producers, many in a call.
pub(super) async fn bulk<C: Contender>(contender: C, count: u32) -> Figures {
    let share = count / PRODUCERS;
    let start = clock::now();
    let mut producers = JoinSet::new();
    for _ in 0..PRODUCERS {
        producers.spawn(many(contender.clone(), share));
    }
    while let Some(ended) = producers.join_next().await {
        ended.expect("a producer ends");
    }
    rate(share * PRODUCERS, start)
}
