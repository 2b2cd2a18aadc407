//! Does one workload of ours over and over, for a profiler.

fn main() {}
