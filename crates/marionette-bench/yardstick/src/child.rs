//! One measurement in a process of its own: memory, CPU time and threads are its own.

use std::future::Future;
use std::process;
use std::thread;
use std::time::Duration;

use tokio::runtime::Builder;

use crate::clock;
use crate::figures::{self, Figures};

/// The runtime's threads.
pub const THREADS: usize = 2;

/// A child that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(180);

/// Measures on a runtime of two threads, and answers on standard output.
///
/// It exits without dropping anything: dropping a million waiting tasks is not measured.
///
/// # Panics
///
/// When the runtime does not start.
pub fn answer(measurement: impl Future<Output = Figures>) -> ! {
    answer_on(Builder::new_multi_thread().enable_time(), measurement)
}

/// As [`answer`], on a runtime that also has sockets.
///
/// # Panics
///
/// When the runtime does not start.
pub fn answer_with_sockets(measurement: impl Future<Output = Figures>) -> ! {
    answer_on(Builder::new_multi_thread().enable_all(), measurement)
}

fn answer_on(builder: &mut Builder, measurement: impl Future<Output = Figures>) -> ! {
    thread::spawn(|| {
        clock::sleep(LIMIT);
        eprintln!("gave up after {} s", LIMIT.as_secs());
        process::exit(1);
    });
    let runtime = builder.worker_threads(THREADS).build();
    let runtime = runtime.expect("the runtime starts");
    let figures = runtime.block_on(measurement);
    print!("{}", figures::write(&figures));
    process::exit(0);
}
