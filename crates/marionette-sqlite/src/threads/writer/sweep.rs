//! Sweeping: jobs of dead instances, jobs that were lost on the way to their instance, jobs that
//! were kept for long enough. Each call does a bounded amount of work, and says whether it left
//! some.

use std::collections::HashSet;
use std::fs::File;

use marionette::store::{Attempted, EndKind, PastOutcome, Swept};
use rusqlite::params;
use rusqlite::types::{ToSql, Value};
use uuid::Uuid;

use super::Writer;
use super::prune::DonePlace;
use super::settle::{JobEnd, JobRow};
use crate::clock;
use crate::codec::{self, Id};
use crate::error::Failure;
use crate::failpoint;
use crate::file::lock::Lock;
use crate::job::state::State;
use crate::lanes::IdleLanes;

/// The most jobs that one sweep takes from instances, and the most that it prunes.
pub(super) const STEP: usize = 500;
/// The most unlisted instances from which one sweep takes jobs.
const STRANGERS: usize = 16;
/// A job is quarantined when this number of instances have died with it.
const CRASHES_MAX: u32 = 3;

/// An instance as it is listed.
#[derive(Debug)]
struct Listed {
    id: Id,
    beat: i64,
    seen: i64,
}

/// A dead instance.
#[derive(Debug)]
struct DeadInstance {
    id: Id,
    seen: i64,
    /// Its lock, held so that no other process takes it meanwhile.
    lock: Option<File>,
}

impl Writer<'_> {
    /// `beyond`: the newest done job beyond the number that is kept, if that was counted just now.
    /// `idle`: lanes that were found without jobs just now.
    pub(crate) fn sweep(
        &mut self,
        beyond: Option<&DonePlace>,
        idle: &mut IdleLanes,
    ) -> Result<Swept, Failure> {
        failpoint::at("sqlite::sweep::begin");
        let mut swept = Swept::default();
        self.rescue(&mut swept)?;
        self.free(&mut swept)?;
        self.prune_in_sweep(beyond, &mut swept)?;
        self.prune_activities()?;
        self.drop_lanes(idle)?;
        Ok(swept)
    }

    /// Takes the jobs of dead instances from them.
    fn rescue(&mut self, swept: &mut Swept) -> rusqlite::Result<()> {
        let mut left = STEP;
        for dead in self.dead()? {
            let jobs = self.jobs_of(&dead.id, left)?;
            let all = jobs.len() < left;
            // Forgetting an instance is work too.
            left = left.saturating_sub(jobs.len() + 1);
            for seq in jobs {
                self.crash(seq, &dead, swept)?;
            }
            if !all {
                swept.more = true;
                return Ok(());
            }
            self.connection
                .prepare_cached(include_str!("../../sql/instance_delete.sql"))?
                .execute([dead.id])?;
            failpoint::at("sqlite::sweep::forgotten");
            self.gone.push((dead.id, dead.lock));
        }
        self.rescue_from_strangers(left, swept)
    }

    /// The instances that are dead: nobody holds their lock, or they give no sign of life.
    fn dead(&mut self) -> rusqlite::Result<Vec<DeadInstance>> {
        let instances = self.listed_instances()?;
        let known: HashSet<Id> = instances.iter().map(|instance| instance.id).collect();
        self.liveness.retain(&known);
        self.liveness.tidy(&known);
        let lease = self.shared.settings.timing.lease;
        let mut dead = Vec::new();
        for Listed { id, beat, seen } in instances {
            let silent = self.liveness.is_silent(id, beat, lease);
            let lock = if self.liveness.is_ours(id) {
                Lock::Held
            } else {
                // If the lock cannot be tried, silence alone decides.
                self.liveness.lock_of(id).unwrap_or(Lock::Missing)
            };
            match lock {
                Lock::Free(lock) => dead.push(DeadInstance {
                    id,
                    seen,
                    lock: Some(lock),
                }),
                Lock::Held | Lock::Missing if silent => dead.push(DeadInstance {
                    id,
                    seen,
                    lock: None,
                }),
                Lock::Held | Lock::Missing => (),
            }
        }
        Ok(dead)
    }

    fn listed_instances(&self) -> rusqlite::Result<Vec<Listed>> {
        let mut statement = self
            .connection
            .prepare_cached(include_str!("../../sql/instances.sql"))?;
        let mut rows = statement.query([])?;
        let mut instances = Vec::new();
        while let Some(row) = rows.next()? {
            // An instance whose id cannot be read has jobs of an unlisted instance.
            let Ok(id) = row.get(0) else { continue };
            instances.push(Listed {
                id,
                beat: codec::lenient(row, 4)?,
                seen: codec::lenient(row, 6)?,
            });
        }
        Ok(instances)
    }

    /// Takes the jobs of instances that are not listed, which nobody would ever find dead.
    fn rescue_from_strangers(
        &mut self,
        mut left: usize,
        swept: &mut Swept,
    ) -> rusqlite::Result<()> {
        let now = self.now;
        let strangers = self.strangers()?;
        swept.more |= strangers.len() == STRANGERS;
        for holder in strangers {
            let jobs = self.jobs_of(&holder, left)?;
            left = left.saturating_sub(jobs.len());
            let dead = DeadInstance {
                id: Id(Uuid::nil()),
                seen: now,
                lock: None,
            };
            for seq in jobs {
                self.crash(seq, &dead, swept)?;
            }
            if left == 0 {
                swept.more = true;
                break;
            }
        }
        Ok(())
    }

    fn strangers(&self) -> rusqlite::Result<Vec<Value>> {
        let mut statement = self
            .connection
            .prepare_cached(include_str!("../../sql/strangers.sql"))?;
        let rows = statement.query_map([], |row| row.get(0))?;
        rows.take(STRANGERS).collect()
    }

    fn jobs_of(&self, instance: &impl ToSql, limit: usize) -> rusqlite::Result<Vec<i64>> {
        let mut statement = self
            .connection
            .prepare_cached(include_str!("../../sql/running_of_instance.sql"))?;
        let rows = statement.query_map(params![instance, number(limit)], |row| row.get(0))?;
        rows.collect()
    }

    /// The instance of a job has died. A job that cannot be read is quarantined, and the others go
    /// on.
    fn crash(&mut self, seq: i64, dead: &DeadInstance, swept: &mut Swept) -> rusqlite::Result<()> {
        match self.crash_one(seq, dead, swept) {
            Err(err) if codec::is_of_one_row(&err) => {
                swept.quarantined += 1;
                self.quarantine(seq, &err)
            }
            crashed => crashed,
        }
    }

    fn crash_one(
        &mut self,
        seq: i64,
        dead: &DeadInstance,
        swept: &mut Swept,
    ) -> rusqlite::Result<()> {
        let Some(mut job) = self.job_row(seq)? else {
            return Ok(());
        };
        let attempt = Attempted::new(
            PastOutcome::Crashed,
            clock::length(dead.seen.saturating_sub(job.started)),
        );
        self.record(&mut job, &attempt)?;
        failpoint::at("sqlite::sweep::attempt");
        job.crashes = job.crashes.saturating_add(1);
        if job.crashes < CRASHES_MAX {
            swept.released += u64::from(self.take_back(&job)?);
            return Ok(());
        }
        let (crashes, last) = (job.crashes, dead.id.0);
        let reason =
            format!("its instance died {crashes} times while it had it; the last was {last}");
        let end = JobEnd {
            state: State::Quarantined,
            kind: Some(EndKind::Quarantined),
            result: None,
            reason: Some(&reason),
        };
        self.end(&job, &end)?;
        swept.quarantined += 1;
        Ok(())
    }

    /// Lets a job wait that its instance did not give back: whatever that instance writes is void.
    fn take_back(&mut self, job: &JobRow) -> rusqlite::Result<bool> {
        let waits = self.give_back(job)?;
        failpoint::at("sqlite::sweep::released");
        Ok(waits)
    }

    /// Gives back the jobs that a living instance has not named for the length of a lease.
    fn free(&mut self, swept: &mut Swept) -> rusqlite::Result<()> {
        let lease = self.shared.settings.timing.lease;
        let lapsed = self.liveness.lapsed(lease, STEP);
        swept.more |= lapsed.len() == STEP;
        for (seq, token) in lapsed {
            let job = match self.job_row(seq) {
                Err(err) if codec::is_of_one_row(&err) => {
                    self.quarantine(seq, &err)?;
                    continue;
                }
                job => job?,
            };
            let holds = |job: &JobRow| job.state == State::Running && job.token == token;
            if let Some(job) = job.filter(holds) {
                swept.released += u64::from(self.take_back(&job)?);
            }
        }
        Ok(())
    }
}

pub(super) fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
