//! G1: a manager is stopped at any moment, in any way, whatever its jobs do: the stop returns in
//! time, loses nothing, and nothing is written after it; an unfinished job costs no attempt, and
//! the next manager runs it.
//!
//! `MARIONETTE_STOPS` multiplies the number of stops; `MARIONETTE_SEED` repeats the choices of a
//! run, as far as the threads let it.

#[path = "../crash/clock.rs"]
mod clock;
mod town;
mod work;

use std::env;
use std::time::Duration;

use marionette::StopReport;
use marionette::store::Store;
use tokio::time::sleep;

use town::{Manager, Town};

/// How many stops there are in every run.
const STOPS: usize = 500;
/// How much longer than its limits a stop may take, on a machine that does not stand still.
const LATE: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 6)]
async fn a_stop_at_any_moment_is_in_time_and_loses_nothing() {
    let times = env::var("MARIONETTE_STOPS").ok();
    let times: usize = times.and_then(|times| times.parse().ok()).unwrap_or(1);
    let begun = clock::now();
    let mut town = Town::new().await;
    let mut sums = Sums::default();
    while sums.stops < STOPS * times {
        if town.rng.u8(..10) == 0 {
            town.reopen().await;
        }
        let manager = town.manager();
        town.give_work().await;
        manager.start();
        stop(&mut town, &manager, &mut sums).await;
        if town.rng.u8(..4) == 0 {
            town.give_work().await;
            manager.start();
            stop(&mut town, &manager, &mut sums).await;
        }
    }
    let stopped = begun.elapsed();
    let books = town.end().await;
    println!("{sums:?} in {stopped:?}; {books}");
    let Sums {
        hurried,
        interrupted,
        abandoned,
        queued,
        ..
    } = sums;
    for seen in [hurried, interrupted, abandoned, queued] {
        assert!(seen > STOPS / 100, "everything was there: {sums:?}");
    }
}

/// Counts of the stops, by what they met.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    stops: usize,
    /// How many were followed by a second stop that could not wait.
    hurried: usize,
    interrupted: usize,
    abandoned: usize,
    queued: usize,
    longest: Duration,
}

/// Stops a manager in one of the ways, at a random moment, and looks at what it leaves behind.
async fn stop(town: &mut Town, manager: &Manager, sums: &mut Sums) {
    let mut micros = |most: u64| Duration::from_micros(town.rng.u64(..most));
    let (before, limit, hurry) = (micros(20_000), micros(15_000), micros(15_000));
    let is_patient = town.rng.bool();
    // Often it begins in the first moments, when the manager itself is not ready yet.
    if town.rng.u8(..5) > 0 {
        sleep(before).await;
    }
    let report: StopReport;
    let late;
    if is_patient {
        let (patient, mut hurried) = (manager.tasks.stop(), None);
        tokio::pin!(patient);
        report = tokio::select! {
            report = &mut patient => report,
            () = sleep(hurry) => {
                hurried = Some(clock::ran());
                sums.hurried += 1;
                manager.tasks.stop_within(Duration::ZERO).await
            }
        };
        late = hurried.map(clock::ran_since).unwrap_or_default();
    } else {
        let begun = clock::ran();
        report = manager.tasks.stop_within(limit).await;
        late = clock::ran_since(begun).saturating_sub(limit);
    }
    let again = town.again();
    let most = manager.grace + LATE;
    assert!(late <= most, "{late:?} and not {most:?}: {report}\n{again}");
    sums.stops += 1;
    sums.interrupted += report.interrupted.len();
    sums.abandoned += report.abandoned.len();
    sums.queued += report.queued;
    sums.longest = sums.longest.max(late);
    leaves_nothing_behind(town, manager, &report).await;
}

/// No job of a stopped manager runs or writes, but for jobs that block their thread: those cannot
/// be ended, and the report names them.
async fn leaves_nothing_behind(town: &mut Town, manager: &Manager, report: &StopReport) {
    let mut version = town.version();
    if !report.abandoned.is_empty() {
        let begun = clock::ran();
        while town.running() > 0 {
            assert!(
                clock::ran_since(begun) < LATE * 5,
                "{report}; {}",
                town.again()
            );
            sleep(Duration::from_millis(1)).await;
        }
        version = town.version();
    }
    manager.returned();
    let again = town.again();
    assert_eq!(town.running(), 0, "all is released: {report}\n{again}");
    let quiet = if town.rng.u8(..20) == 0 { 30 } else { 3 };
    sleep(Duration::from_millis(quiet)).await;
    assert_eq!(
        town.version(),
        version,
        "something was written after the stop: {report}\n{again}"
    );
    // The store itself goes on.
    town.store.sweep().await.expect("the store sweeps");
}
