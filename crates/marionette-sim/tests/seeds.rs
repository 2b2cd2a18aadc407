//! Many worlds, each from its seed: what must hold holds in all of them.
//!
//! There are 2,000 of them, of more than an hour each. `MARIONETTE_SIM_SEEDS` says how many,
//! `MARIONETTE_SEED` lives through one again.

use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};
use std::{env, panic, thread};

use marionette_sim::{Report, run, story};

fn variable(name: &str) -> Option<u64> {
    env::var(name).ok()?.parse().ok()
}

/// Panics that no attempt asked for: one in a task of the engine would reach nobody else.
static PANICS: AtomicU64 = AtomicU64::new(0);

/// Some attempts panic, as they should, and nobody wants to read of each; all others are counted.
fn listen_to_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let told = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let text = info.payload().downcast_ref::<&str>();
            if text != Some(&"this attempt panics") {
                PANICS.fetch_add(1, Ordering::Relaxed);
                told(info);
            }
        }));
    });
}

#[test]
fn whatever_goes_wrong_nothing_is_lost_and_nothing_is_completed_twice() {
    listen_to_panics();
    if let Some(seed) = variable("MARIONETTE_SEED") {
        let report = run(seed);
        println!("{report}\n{:?}", report.plan);
        assert!(report.faults.is_empty(), "{:#?}", report.faults);
        return;
    }
    let seeds = variable("MARIONETTE_SIM_SEEDS").unwrap_or(2_000);
    let next = AtomicU64::new(0);
    let work = || {
        let seed = || Some(next.fetch_add(1, Ordering::Relaxed)).filter(|seed| *seed < seeds);
        std::iter::from_fn(seed).map(run).collect::<Vec<Report>>()
    };
    let reports: Vec<Report> = thread::scope(|scope| {
        let threads = [scope.spawn(work), scope.spawn(work)];
        let reports = threads.into_iter().map(|thread| thread.join());
        reports
            .flat_map(|reports| reports.expect("no world panics"))
            .collect()
    });
    tell(&reports);
    let mut bad = reports.iter().filter(|report| !report.faults.is_empty());
    if let Some(first) = bad.next() {
        let seed = first.seed;
        panic!(
            "{first}\n{:?}\n{:#?}\nand {} others; repeat it with MARIONETTE_SEED={seed} cargo test \
             -p marionette-sim",
            first.plan,
            first.faults,
            bad.count()
        );
    }
    assert_eq!(PANICS.load(Ordering::Relaxed), 0, "only attempts panic");
}

fn tell(reports: &[Report]) {
    let sum = |of: fn(&Report) -> usize| reports.iter().map(of).sum::<usize>();
    println!(
        "{} worlds: {} jobs, {} attempts, {} crashes, {} taken from their instances, \
         {} quarantined",
        reports.len(),
        sum(|report| report.jobs),
        sum(|report| report.attempts),
        sum(|report| report.crashes),
        sum(|report| report.taken),
        sum(|report| report.ends[3]),
    );
    let seen = |of: fn(&Report) -> u64| reports.iter().map(of).sum::<u64>();
    println!(
        "{} jumps of a wall clock, machines suspended {} times; {} claims of jobs with a date, \
         none early; {} dates came after the last fault",
        sum(|report| report.jumps),
        sum(|report| report.suspends),
        seen(|report| report.seen.dates),
        sum(|report| report.dated),
    );
    println!(
        "{} claims forgotten by the store",
        sum(|report| report.forgotten)
    );
    println!(
        "{} attempts began after their lease had lapsed; {} went on after it, for at most {:?}",
        seen(|report| report.seen.late),
        seen(|report| report.seen.overlaps),
        reports.iter().map(|report| report.seen.longest).max()
    );
    let healed = reports.iter().map(|report| report.healed).max();
    println!(
        "all had ended at most {:?} after the last fault",
        healed.unwrap_or_default()
    );
}

/// On two threads: what differs between them must not matter either.
#[test]
fn a_seed_repeats_its_world_to_the_last_line() {
    listen_to_panics();
    let seeds = 0..variable("MARIONETTE_SIM_REPEATS").unwrap_or(20);
    for seed in seeds {
        let (one, other) = thread::scope(|scope| {
            let threads = [scope.spawn(|| story(seed)), scope.spawn(|| story(seed))];
            threads
                .map(|thread| thread.join().expect("no world panics"))
                .into()
        });
        let same = one
            .iter()
            .zip(&other)
            .take_while(|(one, other)| one == other);
        let same = same.count();
        assert!(
            one.len() == other.len() && same == one.len(),
            "seed {seed}: after {same} lines, {:?} and {:?}",
            one.get(same),
            other.get(same)
        );
    }
}
