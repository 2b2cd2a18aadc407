//! A file that was handed over is only data: whatever is in it, nothing loops, panics or takes
//! memory without a bound.

#[path = "../common/mod.rs"]
mod common;
mod exercise;
mod stores;

use std::sync::Mutex;
use std::time::Duration;

use exercise::{Exercise, exercise};
use stores::{HostileStore, Kind, hostile_stores};

/// Far more than any of them takes, on a machine that has much else to do.
const DEADLINE: Duration = Duration::from_secs(60);
/// What all of this may take in memory.
const MEMORY_MAX_KIB: u64 = 256 * 1024;

/// What panicked, in any thread.
static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Does everything with each store of this kind.
fn check(kind: Kind, judge: impl Fn(&HostileStore, &Exercise)) {
    std::panic::set_hook(Box::new(|info| {
        PANICS
            .lock()
            .expect("it is held for a moment")
            .push(info.to_string());
    }));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime can be made");
    let only = std::env::var("HOSTILE").ok();
    let mut wrong = Vec::new();
    let stores = hostile_stores()
        .into_iter()
        .filter(|store| store.kind == kind);
    for store in stores.filter(|store| only.as_ref().is_none_or(|only| store.name.contains(only))) {
        let folder = tempfile::tempdir().expect("there is room");
        let path = folder.path().join("tasks.db");
        store.make(&path);
        let begun = clock();
        let done =
            runtime.block_on(async { tokio::time::timeout(DEADLINE, exercise(&path)).await });
        let took = begun.elapsed();
        let panics: Vec<_> = std::mem::take(&mut *PANICS.lock().expect("it is held for a moment"));
        if !panics.is_empty() {
            wrong.push(format!("{store:?}: {panics:?}"));
        }
        match done {
            // What hangs cannot be ended, so nothing after it would be told.
            Err(_) => {
                let step = exercise::STEP
                    .lock()
                    .expect("it is held for a moment")
                    .clone();
                eprintln!("{store:?} has not ended after {DEADLINE:?}: {step}\n{wrong:#?}");
                std::process::exit(1);
            }
            Ok(exercise) => {
                if std::env::var_os("HOSTILE_SHOW").is_some() {
                    eprintln!("{took:>10.2?} {store:?}\n{exercise}");
                }
                let judged = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                    judge(&store, &exercise);
                }));
                if judged.is_err() {
                    let panics =
                        std::mem::take(&mut *PANICS.lock().expect("it is held for a moment"));
                    wrong.push(format!("{store:?}: {panics:?}"));
                }
            }
        }
        if let Some(peak) = peak_kib().filter(|peak| *peak > MEMORY_MAX_KIB) {
            wrong.push(format!("{store:?}: {peak} KiB"));
            break;
        }
    }
    let _ = std::panic::take_hook();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[allow(clippy::disallowed_methods)] // How long it takes is told, and nothing depends on it.
fn clock() -> std::time::Instant {
    std::time::Instant::now()
}

/// The most memory that this process has had, where the system tells it.
fn peak_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

#[test]
fn tables_that_are_not_ours_are_refused() {
    check(Kind::Schema, |_, exercise| {
        assert!(exercise.opened().is_err(), "it was opened");
    });
}

#[test]
fn what_is_unusual_and_ours_works() {
    check(Kind::Fine, |_, exercise| exercise.assert_ok());
}

#[test]
fn values_at_their_ends_stop_nobody() {
    check(Kind::Values, |_, exercise| exercise.assert_ok());
}

#[test]
fn damaged_pages_are_told_or_shown() {
    check(Kind::Damage, |_, _| {});
}

#[test]
fn a_log_of_something_else_is_told_or_left_alone() {
    check(Kind::Log, |_, _| {});
}
