//! Instructions of the hot paths, and of a reference beside each, counted by valgrind: no busy
//! machine can blur them.
//!
//! A count alone depends on the processor, by which the C library picks its functions, and on the
//! allocator. So `cargo xtask bench --instructions` divides each count by that of its reference in
//! the same run; its limits are there.
// The macros below make items without documentation, and repeat paths.
#![allow(missing_docs, unused_qualifications)]

use std::hint::black_box;
use std::pin::Pin;
use std::time::Duration;

use gungraun::{
    Callgrind, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group, main,
};
use marionette::{Backoff, Context, TaskManager};
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

/// How many tasks each count is of.
const TASKS: usize = 1000;

/// A task as the least of managers would have it.
type Boxed = Box<dyn Fn() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

fn boxed() -> Boxed {
    black_box(Box::new(|| Box::pin(async {})))
}

// The reference for tasks that run at once: a boxed closure that makes a boxed future, spawned.
#[library_benchmark(setup = set_up)]
fn spawned((runtime, tasks): (Runtime, TaskManager)) -> (Runtime, TaskManager) {
    runtime.block_on(async {
        let mut last = None;
        for _ in 0..TASKS {
            let task = boxed();
            last = Some(black_box(tokio::spawn(async move { task().await })));
        }
        last.expect("there are tasks").await.expect("it succeeds");
    });
    (runtime, tasks)
}

// The reference for future tasks: the same, each awaited before the next.
#[library_benchmark(setup = set_up)]
fn spawned_and_awaited((runtime, tasks): (Runtime, TaskManager)) -> (Runtime, TaskManager) {
    runtime.block_on(async {
        for _ in 0..TASKS {
            let task = boxed();
            let handle = tokio::spawn(async move { task().await });
            black_box(handle).await.expect("it succeeds");
        }
    });
    (runtime, tasks)
}

/// A runtime whose clock stands still, and a running manager that has run a task already. How long
/// a task takes decides whom its worker wakes, and a slow machine must not change the count.
fn set_up() -> (Runtime, TaskManager) {
    let mut builder = Builder::new_current_thread();
    let runtime = builder
        .enable_time()
        .start_paused(true)
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

#[library_benchmark(setup = set_up)]
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

#[library_benchmark(setup = set_up)]
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

#[library_benchmark(setup = set_up)]
fn queue_to_done_after_two_retries(
    (runtime, tasks): (Runtime, TaskManager),
) -> (Runtime, TaskManager) {
    runtime.block_on(async {
        for _ in 0..TASKS {
            let queued = tasks
                .queue(async |attempt: Context| match attempt.attempt() {
                    1 | 2 => Err("not yet".into()),
                    _ => Ok(()),
                })
                .retries(2)
                .backoff(Backoff::none());
            drop(black_box(queued.await.expect("it runs")));
        }
        tasks.idle().await;
    });
    (runtime, tasks)
}

#[library_benchmark(setup = set_up)]
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
        spawned,
        spawned_and_awaited,
        queue_to_done,
        queue_to_done_with_every_option,
        queue_to_done_after_two_retries,
        insert_and_fire
    ]
);

main!(
    config = LibraryBenchmarkConfig::default().tool(Callgrind::with_args(["--cache-sim=no"])),
    library_benchmark_groups = paths
);
