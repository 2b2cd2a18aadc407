//! Trial.
#![allow(missing_docs)]
use gungraun::{
    Callgrind, EventKind, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group, main,
};
use std::hint::black_box;

fn limited(n: u64) -> LibraryBenchmarkConfig {
    let mut config = LibraryBenchmarkConfig::default();
    config.tool(Callgrind::with_args(["--cache-sim=no"]).hard_limits([(EventKind::Ir, n)]));
    config
}
fn setup() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
}

#[library_benchmark(config = limited(100), setup = setup)]
fn queue_to_done(rt: tokio::runtime::Runtime) -> tokio::runtime::Runtime {
    rt.block_on(async {
        for _ in 0..100 {
            black_box(tokio::spawn(async {}).await).unwrap();
        }
    });
    rt
}
#[library_benchmark(config = limited(100_000_000), setup = setup)]
fn other(rt: tokio::runtime::Runtime) -> tokio::runtime::Runtime {
    rt.block_on(async {
        for _ in 0..100 {
            black_box(tokio::spawn(async {}).await).unwrap();
        }
    });
    rt
}
library_benchmark_group!(name = paths, benchmarks = [queue_to_done, other]);
main!(library_benchmark_groups = paths);
