//! Giving jobs to instances.

use std::collections::HashSet;
use std::sync::Arc;

use marionette::store::{Claim, Claimed, InstanceId, Lease, Name, StoreError, next_token};
use rusqlite::params;

use super::Writer;
use crate::clock;
use crate::codec::{self, Id};
use crate::error::Failure;
use crate::failpoint;
use crate::job::history;
use crate::lanes::{Lane, WantedLanes};

/// A job that may be claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    due: i64,
    seq: i64,
    /// The index of its lane.
    lane: usize,
}

impl Writer<'_> {
    /// Merges the lanes: the highest priority first, within a priority the job that has been due
    /// for longest.
    pub(crate) fn claim(&mut self, claim: &Claim) -> Result<Vec<Claimed>, Failure> {
        failpoint::at("sqlite::claim::begin");
        self.check_known(claim.instance)?;
        let lanes = self.lanes_for(claim)?;
        let mut claimed = Vec::new();
        let (mut left, mut suspects) = (claim.limit, claim.suspects);
        for lanes in lanes.chunk_by(|one, other| one.priority == other.priority) {
            for candidate in self.candidates(lanes, left, suspects)? {
                let lane = &lanes[candidate.lane];
                if left == 0 {
                    break;
                }
                if lane.suspect {
                    if suspects == 0 {
                        continue;
                    }
                    suspects -= 1;
                }
                // A job that cannot be read does not keep the others from being claimed.
                match self.take(candidate, lane, claim.instance) {
                    Err(err) if codec::is_of_one_row(&err) => {
                        self.quarantine(candidate.seq, &err)?;
                    }
                    taken => {
                        left -= 1;
                        claimed.push(taken?);
                    }
                }
            }
            if left == 0 {
                break;
            }
        }
        failpoint::at("sqlite::claim::end");
        Ok(claimed)
    }

    /// Refuses an instance that is not listed: it would never be found dead, and its jobs never
    /// freed.
    fn check_known(&self, instance: InstanceId) -> Result<(), Failure> {
        let known = self
            .connection
            .prepare_cached(include_str!("../../sql/instance_known.sql"))?
            .exists([Id(instance.uuid())])?;
        if known {
            return Ok(());
        }
        let path = self.shared.path.display();
        let what =
            format!("{path}: instance {instance} is not known; it may claim once it has renewed");
        Err(Failure::Refused(StoreError::unavailable(what)))
    }

    /// The lanes in which a claim may find a job, the highest priority first.
    fn lanes_for(&mut self, claim: &Claim) -> rusqlite::Result<Vec<Arc<Lane>>> {
        self.lanes.refresh(self.connection)?;
        let paused = self.paused()?;
        let wanted_lanes = WantedLanes::new(&claim.wanted);
        let mut lanes = self.lanes.wanted(self.connection, &wanted_lanes)?;
        lanes.retain(|lane| !paused.contains(&lane.queue));
        lanes.sort_unstable_by_key(|lane| std::cmp::Reverse((lane.priority, lane.id)));
        // A queue that is named twice is still one queue.
        lanes.dedup_by_key(|lane| lane.id);
        Ok(lanes)
    }

    fn paused(&self) -> rusqlite::Result<HashSet<Name>> {
        let mut statement = self
            .connection
            .prepare_cached(include_str!("../../sql/paused.sql"))?;
        codec::names(statement.query([])?)
    }

    /// Due jobs of one priority, the one that has been due for longest first.
    fn candidates(
        &mut self,
        lanes: &[Arc<Lane>],
        limit: usize,
        suspects: usize,
    ) -> rusqlite::Result<Vec<Candidate>> {
        let mut candidates = Vec::new();
        for (index, lane) in lanes.iter().enumerate() {
            let limit = if lane.suspect {
                suspects.min(limit)
            } else {
                limit
            };
            if limit == 0 {
                continue;
            }
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let mut rows = self.sql.due.query([lane.id, self.now, limit])?;
            while let Some(row) = rows.next()? {
                candidates.push(Candidate {
                    seq: row.get(0)?,
                    due: codec::lenient(row, 1)?,
                    lane: index,
                });
            }
        }
        if lanes.len() > 1 {
            candidates.sort_unstable();
        }
        Ok(candidates)
    }

    /// Gives a job to an instance.
    fn take(
        &mut self,
        candidate: Candidate,
        lane: &Lane,
        instance: InstanceId,
    ) -> rusqlite::Result<Claimed> {
        let (seq, now) = (candidate.seq, self.now);
        let mut history = 0;
        let read = self.sql.claim_read.query_row([seq], |row| {
            history = codec::lenient(row, 4)?;
            let id: Id = row.get(0)?;
            let token: i64 = row.get(1)?;
            let next = next_token(token, now);
            let next = next.ok_or(rusqlite::Error::IntegralValueOutOfRange(1, token))?;
            let lease = Lease::new(id.task(), instance, seq, next);
            let payload = codec::payload(row.get_ref(8)?)?.to_vec();
            let (kind, queue) = (lane.kind.clone(), lane.queue.clone());
            let mut claimed = Claimed::new(lease, kind, queue, payload);
            // A job that was never claimed has a token too, and no time at which it started.
            let was_claimed = codec::lenient(row, 9)? > 0;
            claimed.previous = was_claimed.then_some(token);
            claimed.priority = lane.priority;
            claimed.options = codec::options_from_sql(row.get_ref(7)?)?;
            claimed.failed = codec::tally(row, 2)?;
            claimed.crashes = codec::tally(row, 3)?;
            claimed.late = clock::length(now.saturating_sub(codec::lenient(row, 5)?));
            claimed.age = clock::length(now.saturating_sub(codec::lenient(row, 6)?));
            Ok(claimed)
        });
        let mut claimed = match read {
            // The index says that the job waits, and its row says otherwise.
            Err(rusqlite::Error::QueryReturnedNoRows) => return Err(codec::damaged_index()),
            read => read?,
        };
        if history > 0 {
            claimed.attempts = history::failures(self.connection, seq)?;
        }
        self.sql
            .claim_take
            .execute(params![seq, Id(instance.uuid()), now, claimed.lease.token])?;
        failpoint::at("sqlite::claim::taken");
        Ok(claimed)
    }
}
