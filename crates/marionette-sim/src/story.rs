//! The notes of an onlooker, line by line: two runs of one seed write the same.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use marionette::TaskId;
use marionette::store::InstanceId;
use tokio::time::Instant;

use crate::clock;

/// The notes of an onlooker. Jobs and instances have numbers here, in the order in which they
/// were seen: their ids differ from run to run.
#[derive(Debug)]
pub(crate) struct Story {
    began: Instant,
    jobs: HashMap<TaskId, usize>,
    instances: HashMap<InstanceId, usize>,
    lines: Vec<Line>,
}

/// A line of the story.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Line {
    at: Duration,
    what: What,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum What {
    Accepts(usize),
    Claims(usize, i64, usize),
    Lives(usize),
    Renews(usize, i64),
    Settles(usize, i64),
    Loses(usize, i64),
    Forgets(usize, i64),
    Begins(usize, i64),
    Ends(usize, i64),
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:?}", self.at, self.what)
    }
}

impl Story {
    pub(crate) fn new() -> Self {
        Self {
            began: clock::now(),
            jobs: HashMap::new(),
            instances: HashMap::new(),
            lines: Vec::new(),
        }
    }

    pub(crate) fn job(&mut self, job: TaskId) -> usize {
        let next = self.jobs.len();
        *self.jobs.entry(job).or_insert(next)
    }

    pub(crate) fn instance(&mut self, instance: InstanceId) -> usize {
        let next = self.instances.len();
        *self.instances.entry(instance).or_insert(next)
    }

    pub(crate) fn write(&mut self, what: What) {
        let at = self.began.elapsed();
        self.lines.push(Line { at, what });
    }

    pub(crate) fn lines(&self) -> &[Line] {
        &self.lines
    }
}
