//! D5: kills the worker's process in the middle, starts another, and reads from the log of the
//! jobs what became of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use marionette_yardstick::clock;
use marionette_yardstick::figures::Outcome;
use marionette_yardstick::log::{self, Entry, What};
use marionette_yardstick::order::Order;

use crate::child;
use crate::durable::program::Program;

/// Between two looks into the log.
const LOOK: Duration = Duration::from_millis(20);

/// How long the jobs before the kill may take.
const BEFORE: Duration = Duration::from_secs(60);

/// How long the second worker has; what is not done by then counts as lost.
const AFTER: Duration = Duration::from_secs(75);

/// For a job that is done to be run again, when all are done: so long for each.
const GRACE: Duration = Duration::from_micros(400);

/// Fills, works, kills, works again.
pub(super) fn measure(program: Program, fill: &Order, work: &Order) -> Outcome {
    if let failed @ (Outcome::Failed(_) | Outcome::Cannot(_)) =
        child::ask(&mut program.command(fill))
    {
        return failed;
    }
    match kill_in_the_middle(&mut program.command(work), &mut program.command(work), work) {
        Ok((killed, entries)) => Outcome::Measured(figures(work.count, killed, &entries)),
        Err(what) => Outcome::Failed(what),
    }
}

/// When the first was killed, and what the log says in the end.
fn kill_in_the_middle(
    first: &mut Command,
    second: &mut Command,
    order: &Order,
) -> Result<(i64, Vec<Entry>), String> {
    let log = log::beside(&order.file);
    let half = order.count as usize / 2;
    let mut worker = start(first)?;
    let middle = until(BEFORE, || done(&read(&log)) >= half);
    let killed = clock::wall_nanos();
    end(&mut worker);
    if !middle {
        return Err(format!("{} of {} jobs ran", done(&read(&log)), order.count));
    }
    let mut worker = start(second)?;
    let all = order.count as usize;
    if until(AFTER, || done(&read(&log)) >= all) {
        clock::sleep(GRACE * order.count);
    }
    end(&mut worker);
    Ok((killed, read(&log)))
}

fn start(command: &mut Command) -> Result<Child, String> {
    let started = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    started.map_err(|err| format!("the worker did not start: {err}"))
}

/// `kill -9`, and waits for the end.
fn end(worker: &mut Child) {
    // It may have ended by itself: then the log says so.
    let _ = worker.kill();
    let _ = worker.wait();
}

fn until(limit: Duration, reached: impl Fn() -> bool) -> bool {
    let start = clock::now();
    while !reached() {
        if start.elapsed() > limit {
            return false;
        }
        clock::sleep(LOOK);
    }
    true
}

fn read(log: &Path) -> Vec<Entry> {
    let text = fs::read_to_string(log).unwrap_or_default();
    text.lines().filter_map(Entry::read).collect()
}

/// How many different jobs are done.
fn done(entries: &[Entry]) -> usize {
    let done = entries.iter().filter(|entry| entry.what == What::Done);
    done.map(|entry| entry.index).collect::<BTreeSet<_>>().len()
}

/// When one job started, and when it ended.
#[derive(Default)]
struct Times {
    starts: Vec<i64>,
    ends: Vec<i64>,
}

impl Times {
    fn was_interrupted(&self, killed: i64) -> bool {
        let by_then = |times: &[i64]| times.iter().any(|&nanos| nanos <= killed);
        by_then(&self.starts) && !by_then(&self.ends)
    }

    fn again(&self, killed: i64) -> Option<i64> {
        self.starts.iter().copied().find(|&nanos| nanos > killed)
    }
}

fn figures(count: u32, killed: i64, entries: &[Entry]) -> BTreeMap<String, f64> {
    let mut jobs: BTreeMap<u32, Times> = BTreeMap::new();
    for entry in entries {
        let times = jobs.entry(entry.index).or_default();
        match entry.what {
            What::Start => times.starts.push(entry.nanos),
            What::Done => times.ends.push(entry.nanos),
        }
    }
    let interrupted = jobs.values().filter(|job| job.was_interrupted(killed));
    let again: Vec<_> = interrupted.map(|job| job.again(killed)).collect();
    let last = again.iter().flatten().max();
    let done = jobs.values().filter(|job| !job.ends.is_empty()).count();
    let twice = jobs.values().filter(|job| job.ends.len() > 1).count();
    let waiting = again.iter().filter(|again| again.is_none()).count();
    BTreeMap::from([
        ("lost".to_owned(), f64::from(count) - done as f64),
        ("twice".to_owned(), twice as f64),
        (
            "again_ms".to_owned(),
            last.map_or(f64::NAN, |&last| (last - killed) as f64 / 1e6),
        ),
        ("interrupted".to_owned(), again.len() as f64),
        ("waiting".to_owned(), waiting as f64),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_job_is_told_by_its_lines() {
        let log = "s 0 1\nd 0 2\ns 1 3\ns 2 4\ns 3 4\nd 3 9\n\
                   s 1 1000010\nd 1 1000020\ns 0 1000030\nd 0 1000040";
        let entries: Vec<_> = log.lines().filter_map(Entry::read).collect();
        let figures = figures(5, 10, &entries);
        // The third was interrupted and never ran again, the fifth never ran at all.
        assert_eq!((figures["lost"], figures["waiting"]), (2.0, 1.0));
        assert_eq!((figures["twice"], figures["interrupted"]), (1.0, 2.0));
        assert_eq!(figures["again_ms"].to_bits(), 1.0_f64.to_bits());
    }
}
