//! The invariants, checked from a history and from what the store says at the end.
//!
//! - I1: what was accepted ends.
//! - I2: what was refused never runs.
//! - I3: nothing is completed twice.
//! - I4: attempts of a job overlap only if the earlier one's lease had lapsed, or its process was
//!   dead.
//! - I5: no more attempts run at once than the limit says.
//! - I6 is about periodic jobs, which do not exist yet.
//! - I7: after `stop` has returned nothing happens in that process.
//! - I8: no attempt starts before its job is due.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use marionette::TaskId;

use crate::history::events::{Event, Events, Line, Run};
use crate::history::finals::Finals;

/// An invariant that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which one: I1 to I8.
    pub invariant: &'static str,
    /// The job that it is about, if it is about one.
    pub job: Option<TaskId>,
    /// What happened, with the job and the lines of the history that say so.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.what)
    }
}

impl Events {
    /// Every invariant that does not hold, in order.
    #[must_use]
    pub fn faults(&self, finals: &Finals) -> Vec<Violation> {
        let mut check = Check::default();
        check.lost(self, finals);
        check.refused(self);
        check.completed_twice(self, finals);
        check.overlapping(self);
        check.over_the_limit(self);
        check.after_the_stop(self);
        check.too_early(self);
        check.faults
    }
}

#[derive(Default)]
struct Check {
    faults: Vec<Violation>,
}

impl Check {
    fn fault(&mut self, invariant: &'static str, job: TaskId, what: String) {
        let job = Some(job);
        self.faults.push(Violation {
            invariant,
            job,
            what,
        });
    }

    fn lost(&mut self, events: &Events, finals: &Finals) {
        for line in &events.lines {
            let Event::Accepted(job) = line.event else {
                continue;
            };
            let number = line.number;
            match finals.jobs.get(&job) {
                None => self.fault(
                    "I1",
                    job,
                    format!("job {job}, accepted in line {number}, is not in the store"),
                ),
                Some(last) if !last.state.is_end() => self.fault(
                    "I1",
                    job,
                    format!(
                        "job {job}, accepted in line {number}, has not ended: it is {}",
                        last.state
                    ),
                ),
                Some(_) => {}
            }
        }
    }

    fn refused(&mut self, events: &Events) {
        let accepted: HashSet<TaskId> = events.accepted().into_iter().collect();
        let mut refused = HashMap::new();
        for line in &events.lines {
            match line.event {
                // A job that was refused, tried again and accepted may run.
                Event::Refused(job) if !accepted.contains(&job) => {
                    refused.insert(job, line.number);
                }
                Event::Start(job, run) => {
                    if let Some(number) = refused.get(&job) {
                        self.fault(
                            "I2",
                            job,
                            format!(
                                "job {job}, refused in line {number}, runs in line {} ({run})",
                                line.number
                            ),
                        );
                    }
                }
                _ => {}
            }
        }
    }

    fn completed_twice(&mut self, events: &Events, finals: &Finals) {
        let mut won: HashMap<TaskId, (i64, usize)> = HashMap::new();
        for line in &events.lines {
            let Event::Won(job, token) = line.event else {
                continue;
            };
            let (first, number) = *won.entry(job).or_insert((token, line.number));
            if first != token {
                self.fault(
                    "I3",
                    job,
                    format!(
                        "job {job} is completed twice: with token {first} in line {number}, with \
                         token {token} in line {}",
                        line.number
                    ),
                );
            }
        }
        for (&job, last) in &finals.jobs {
            if last.done > 1 {
                let done = last.done;
                self.fault(
                    "I3",
                    job,
                    format!("job {job} has {done} attempts that succeeded"),
                );
            }
            if let Some(what) = &last.tangled {
                self.fault("I4", job, format!("job {job}, as the store has it: {what}"));
            }
        }
    }

    fn overlapping(&mut self, events: &Events) {
        let last = last_lines(events);
        let mut running: HashMap<TaskId, BTreeMap<Run, usize>> = HashMap::new();
        for line in &events.lines {
            match line.event {
                Event::Start(job, run) => {
                    let runs = running.entry(job).or_default();
                    // A dead process writes no more, so its attempts are over with its last line.
                    runs.retain(|run, _| last.get(&run.process).is_none_or(|at| *at > line.number));
                    for (other, number) in &*runs {
                        self.fault(
                            "I4",
                            job,
                            format!(
                                "job {job} runs twice at once: since line {number} ({other}) and \
                                 since line {} ({run})",
                                line.number
                            ),
                        );
                    }
                    runs.insert(run, line.number);
                }
                Event::End(job, run) => {
                    if let Some(runs) = running.get_mut(&job) {
                        runs.remove(&run);
                    }
                }
                Event::Taken(job) => drop(running.remove(&job)),
                Event::Gone(process) => {
                    for runs in running.values_mut() {
                        runs.retain(|run, _| run.process != process);
                    }
                }
                _ => {}
            }
        }
    }

    fn over_the_limit(&mut self, events: &Events) {
        let mut limits: HashMap<u64, usize> = HashMap::new();
        let mut running: HashMap<u64, BTreeMap<Run, usize>> = HashMap::new();
        for line in &events.lines {
            match line.event {
                Event::Limit(limit) => drop(limits.insert(line.process, limit)),
                Event::Start(job, run) => {
                    let runs = running.entry(run.process).or_default();
                    runs.insert(run, line.number);
                    let limit = limits.get(&run.process).copied().unwrap_or(usize::MAX);
                    if runs.len() > limit {
                        let lines: Vec<usize> = runs.values().copied().collect();
                        self.fault(
                            "I5",
                            job,
                            format!(
                                "job {job} is one of {} that run at once in process {}, where the \
                                 limit is {limit}: lines {lines:?}",
                                runs.len(),
                                run.process
                            ),
                        );
                    }
                }
                Event::End(_, run) => {
                    if let Some(runs) = running.get_mut(&run.process) {
                        runs.remove(&run);
                    }
                }
                _ => {}
            }
        }
    }

    fn too_early(&mut self, events: &Events) {
        for line in &events.lines {
            if let Event::Early(job, run) = line.event {
                let what = format!("job {job} starts before it is due ({run})");
                self.fault("I8", job, what);
            }
        }
    }

    fn after_the_stop(&mut self, events: &Events) {
        let mut returned: HashMap<u64, usize> = HashMap::new();
        for Line {
            number,
            process,
            event,
        } in &events.lines
        {
            match event {
                Event::Returned => drop(returned.insert(*process, *number)),
                Event::Limit(_) => drop(returned.remove(process)),
                Event::Start(..) | Event::Effect(..) | Event::End(..) | Event::Won(..) => {
                    if let Some(stop) = returned.get(process) {
                        self.faults.push(Violation {
                            invariant: "I7",
                            job: event.job(),
                            what: format!(
                                "stop returned in process {process} in line {stop}, and then in \
                                 line {number}: {event}"
                            ),
                        });
                    }
                }
                _ => {}
            }
        }
    }
}

/// The last line of each process that is gone.
fn last_lines(events: &Events) -> HashMap<u64, usize> {
    let gone = events.lines.iter().filter_map(|line| match line.event {
        Event::Gone(process) => Some(process),
        _ => None,
    });
    let gone: HashSet<u64> = gone.collect();
    let mut last = HashMap::new();
    for line in &events.lines {
        if gone.contains(&line.process) {
            last.insert(line.process, line.number);
        }
    }
    last
}
