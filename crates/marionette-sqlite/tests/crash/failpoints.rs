//! K6 and K7: the process aborts at every named place of the store, also while it makes the file.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use marionette_conformance::crash::{Parent, times};
use marionette_sqlite::FAIL_POINTS;

use crate::alone;
use crate::child::GROUND;
use crate::clock;

/// The fail point at which a child aborts, and at the how-manieth time.
const FAIL_AT: &str = "MARIONETTE_CRASH_FAIL_AT";

/// In the child: aborts when a point is passed for this number of times.
pub(crate) fn arm() {
    let Ok(at) = std::env::var(FAIL_AT) else {
        return;
    };
    let (point, count) = at.rsplit_once('@').expect("a point and a count");
    let left = AtomicU64::new(count.parse().expect("a count is a number"));
    let abort = move || {
        if left.fetch_sub(1, Ordering::Relaxed) == 1 {
            std::process::abort();
        }
    };
    fail::cfg_callback(point, abort).expect("the point exists");
}

/// How long a child may take to come to its point.
const PATIENCE: Duration = Duration::from_secs(10);

/// What happens once in the life of a file.
fn is_first(point: &str) -> bool {
    let first = ["::open::", "::migrate::", "::lane::"];
    first.iter().any(|part| point.contains(part))
}

/// What happens once in the life of a process or of a file, or not at all without a prune.
fn is_rare(point: &str) -> bool {
    is_first(point) || point.contains("::renew::") || point.contains("::sweep::")
}

#[tokio::test]
async fn a_process_that_dies_at_any_point_of_the_store_loses_nothing() {
    let _alone = alone();
    let begun = clock::now();
    let (mut aborts, mut missed) = (0, Vec::new());
    let mut parent = Parent::new(&GROUND);
    for point in FAIL_POINTS.iter().cycle().take(FAIL_POINTS.len() * times()) {
        let died = if is_rare(point) {
            let mut fresh = Parent::new(&GROUND).that_prunes();
            if !is_first(point) {
                // The first process leaves files behind for the next one.
                dies_at(&mut fresh, "sqlite::settle::end", 3);
            }
            let died = dies_at(&mut fresh, point, 1);
            fresh.end().await;
            died
        } else {
            let count = parent.rng.u64(1..=4);
            dies_at(&mut parent, point, count) || dies_at(&mut parent, point, 1)
        };
        if died {
            aborts += 1;
        } else {
            missed.push(*point);
        }
    }
    let books = parent.end().await;
    println!(
        "{aborts} aborts at {} points in {:?}; {books}",
        FAIL_POINTS.len(),
        begun.elapsed()
    );
    assert!(
        missed.is_empty(),
        "not reached: {missed:?}; {}",
        parent.again()
    );
}

/// A process does everything until it reaches this point. Returns whether it did.
fn dies_at(parent: &mut Parent, point: &str, count: u64) -> bool {
    let at = format!("{point}@{count}");
    let mut process = parent.start_with("everything", &[(FAIL_AT, &at)]);
    let begun = clock::now();
    while begun.elapsed() < PATIENCE {
        if parent.has_ended(&mut process) {
            return true;
        }
        clock::sleep(Duration::from_millis(2));
    }
    parent.kill(process);
    false
}
