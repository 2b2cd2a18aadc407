//! What a check found, for people.

use std::fmt;

use marionette::TaskId;

/// The most faults of one report.
const FAULTS_MAX: usize = 1_000;

/// What [`RedisStore::check`](crate::RedisStore::check) found. Shown, it is a text of one line, and
/// one more for each fault.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckReport {
    /// How many jobs wait.
    pub waiting: u64,
    /// How many jobs run.
    pub running: u64,
    /// How many ended jobs are kept.
    pub ended: u64,
    /// What is wrong; the first 1,000 faults.
    pub faults: Vec<Fault>,
    /// How many more faults there are.
    pub more_faults: u64,
    /// What could not be looked at, and why.
    pub left_out: Vec<String>,
}

/// Something in a store that does not agree with the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fault {
    /// The job that it is about, if it is about one.
    pub job: Option<TaskId>,
    /// What is wrong, and what comes of it.
    pub text: String,
}

impl CheckReport {
    /// Whether nothing is wrong with what was looked at.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.faults.is_empty()
    }

    /// Adds a fault, unless it is known: a job is looked at once for each entry that names it.
    pub(super) fn add(&mut self, job: Option<TaskId>, text: impl Into<String>) {
        let text = text.into();
        let fault = Fault { job, text };
        if self.faults.contains(&fault) {
            return;
        }
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(fault);
        } else {
            self.more_faults += 1;
        }
    }
}

impl fmt::Display for CheckReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let faults = self.faults.len() as u64 + self.more_faults;
        let (waiting, running, ended) = (self.waiting, self.running, self.ended);
        write!(
            f,
            "{waiting} jobs wait, {running} run, {ended} have ended: "
        )?;
        match faults {
            0 => f.write_str("no faults")?,
            1 => f.write_str("1 fault")?,
            more => write!(f, "{more} faults")?,
        }
        for fault in &self.faults {
            write!(f, "\n- {fault}")?;
        }
        if self.more_faults > 0 {
            write!(f, "\n- and {} more", self.more_faults)?;
        }
        for left_out in &self.left_out {
            write!(f, "\nnot looked at: {left_out}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.job {
            Some(job) => write!(f, "job {job}: {}", self.text),
            None => f.write_str(&self.text),
        }
    }
}
