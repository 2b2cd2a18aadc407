//! One measurement in a process of its own: memory, CPU time and threads are its alone.

use std::process::{self, Command};
use std::thread;
use std::time::Duration;

use tokio::runtime::Builder;

use crate::arguments;
use crate::clock;
use crate::contender::name::Name;
use crate::figures::{self, Outcome};
use crate::workload::{Size, Workload};

/// The runtime's threads.
const THREADS: usize = 2;

/// A child that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(180);

/// The child's side: measures, and answers on standard output.
///
/// It ends without taking anything down: dropping a million waiting tasks is not measured.
pub(crate) fn measure(workload: Workload, name: Name, size: Size) -> ! {
    thread::spawn(|| {
        clock::sleep(LIMIT);
        eprintln!("gave up after {} s", LIMIT.as_secs());
        process::exit(1);
    });
    let runtime = Builder::new_multi_thread()
        .worker_threads(THREADS)
        .enable_time()
        .build();
    let runtime = runtime.expect("the runtime starts");
    let figures = runtime.block_on(workload.measure(name, size));
    println!("{}", figures::write(&figures));
    process::exit(0);
}

/// The parent's side: starts a child, waits, and reads its answer.
pub(crate) fn ask(workload: Workload, name: Name, size: Size) -> Outcome {
    if let Some(why) = name.cannot(workload) {
        return Outcome::Cannot(why.to_owned());
    }
    let program = std::env::current_exe().expect("the program has a path");
    let output = Command::new(program)
        .args(arguments::child_words(workload, name, size))
        .output();
    let output = match output {
        Ok(output) => output,
        Err(err) => return Outcome::Failed(format!("the child did not start: {err}")),
    };
    match figures::read(&String::from_utf8_lossy(&output.stdout)) {
        Some(figures) if output.status.success() => Outcome::Measured(figures),
        _ => Outcome::Failed(complaint(&String::from_utf8_lossy(&output.stderr))),
    }
}

/// The line of a failed child that says what happened: the one after "panicked at".
fn complaint(stderr: &str) -> String {
    let mut lines = stderr.lines().filter(|line| !line.is_empty());
    let last = stderr.lines().rfind(|line| !line.is_empty());
    let panic = lines
        .find(|line| line.contains("panicked at"))
        .and_then(|_| lines.next());
    panic.or(last).unwrap_or("no answer").to_owned()
}
