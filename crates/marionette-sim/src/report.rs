//! What a run of the simulation was like.

use std::fmt;
use std::time::Duration;

use crate::board::Seen;
use crate::plan::Plan;

/// What a run was like.
#[derive(Clone, Debug)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// What the seed decided.
    pub plan: Plan,
    /// How many jobs were accepted.
    pub jobs: usize,
    /// How many attempts began.
    pub attempts: usize,
    /// How many processes crashed.
    pub crashes: usize,
    /// How many jobs were taken from their instances.
    pub taken: usize,
    /// How often a wall clock jumped or was set right.
    pub jumps: usize,
    /// How often machines were suspended.
    pub suspends: usize,
    /// How many claims the store forgot.
    pub forgotten: usize,
    /// How many jobs still waited for their date once faults had stopped, and were waited for.
    pub dated: usize,
    /// How many of them are done, dead, cancelled and quarantined.
    pub ends: [usize; 4],
    /// How long it took until all had ended, once faults stopped.
    pub healed: Duration,
    /// What the onlooker saw.
    pub seen: Seen,
    /// What must hold and does not.
    pub faults: Vec<String>,
    /// A number that differs between runs that went differently.
    pub print: u64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [done, dead, cancelled, quarantined] = self.ends;
        write!(
            f,
            "seed {}: {} jobs, {} attempts, {} crashes, {} taken, {} jumps, \
             {} suspended, {} forgotten, {} late dates; {done} done, {dead} dead, \
             {cancelled} cancelled, {quarantined} quarantined; healed in {:?}; {} overlaps of at \
             most {:?}",
            self.seed,
            self.jobs,
            self.attempts,
            self.crashes,
            self.taken,
            self.jumps,
            self.suspends,
            self.forgotten,
            self.dated,
            self.healed,
            self.seen.overlaps,
            self.seen.longest
        )
    }
}
