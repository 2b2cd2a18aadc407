//! Instructions of the hot paths, counted by valgrind: no busy machine can blur them.
//!
//! A count that exceeds its baseline by more than 5 % fails. The baselines belong to rustc 1.95:
//! a change of the compiler, or a change for the better, calls for new ones, in a commit of their
//! own.
// The macros below make items without documentation, and repeat paths.
#![allow(missing_docs, unused_qualifications)]

use std::hint::black_box;
use std::time::Duration;

use gungraun::{
    Callgrind, EventKind, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group, main,
};
use marionette::{Backoff, Context, TaskManager};
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

/// How many tasks each count is of.
const TASKS: usize = 1000;

/// Instructions for `TASKS` tasks.
const BARE: u64 = 1_680_000;
const EVERY_OPTION: u64 = 2_645_000;
const FUTURE: u64 = 6_760_000;

fn limited(baseline: u64) -> LibraryBenchmarkConfig {
    let limit = baseline + baseline / 20;
    let mut config = LibraryBenchmarkConfig::default();
    config.tool(Callgrind::with_args(["--cache-sim=no"]).hard_limits([(EventKind::Ir, limit)]));
    config
}

/// A runtime, and a running manager that has run a task already.
fn set_up() -> (Runtime, TaskManager) {
    let mut builder = Builder::new_current_thread();
    let runtime = builder
        .enable_time()
        .build()
        .expect("a runtime can be built");
    let tasks = TaskManager::new(marionette::Config::default()).expect("the default is valid");
    runtime.block_on(async {
        tasks.start();
        tasks
            .queue(async |_: Context| Ok(()))
            .await
            .expect("it runs")
            .await
            .expect("it succeeds");
    });
    (runtime, tasks)
}

#[library_benchmark(config = limited(BARE), setup = set_up)]
fn queue_to_done((runtime, tasks): (Runtime, TaskManager)) -> (Runtime, TaskManager) {
    runtime.block_on(async {
        for _ in 0..TASKS {
            drop(black_box(
                tasks
                    .queue(async |_: Context| Ok(()))
                    .await
                    .expect("it runs"),
            ));
        }
        tasks.idle().await;
    });
    (runtime, tasks)
}

#[library_benchmark(config = limited(EVERY_OPTION), setup = set_up)]
fn queue_to_done_with_every_option(
    (runtime, tasks): (Runtime, TaskManager),
) -> (Runtime, TaskManager) {
    runtime.block_on(async {
        let parent = CancellationToken::new();
        for _ in 0..TASKS {
            let queued = tasks
                .queue(async |_: Context| Ok(()))
                .retries(3)
                .backoff(Backoff::none())
                .timeout(Duration::from_secs(10))
                .context(parent.clone())
                .error("could not do nothing")
                .name("nothing");
            drop(black_box(queued.await.expect("it runs")));
        }
        tasks.idle().await;
    });
    (runtime, tasks)
}

#[library_benchmark(config = limited(FUTURE), setup = set_up)]
fn insert_and_fire((runtime, tasks): (Runtime, TaskManager)) -> (Runtime, TaskManager) {
    runtime.block_on(async {
        for _ in 0..TASKS {
            // Due at once: it goes in and out of the collection, and wakes the sleeper.
            let handle = tasks.delay(Duration::ZERO, async |_: Context| Ok(())).await;
            handle.expect("it is accepted").await.expect("it succeeds");
        }
    });
    (runtime, tasks)
}

library_benchmark_group!(
    name = paths,
    benchmarks = [
        queue_to_done,
        queue_to_done_with_every_option,
        insert_and_fire
    ]
);

main!(library_benchmark_groups = paths);
