//! How many jobs there are, by queue, kind and state.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use marionette::inspect::{Count, UNCLAIMED_MAX};
use marionette::store::{InstanceId, JobState, StoreError, Wanted};
use redis::Value;

use super::places::QueueNumber;
use crate::codec::{BytePair, HeldRow, byte_pairs, bytes, int, length, list, state_of};
use crate::error::strange;
use crate::jobs::JobReader;
use crate::layout::Key;
use crate::scripts::Script;
use crate::server::Server;

/// How many lanes are counted at a time.
const LANES: usize = 200;
/// How many numbers of ended jobs are read at a time.
const CHUNK: usize = 500;

/// Where jobs of one kind, priority and queue are: the numbers of the server.
type PlaceNumbers = (u16, QueueNumber);

/// Numbers of jobs, by place and state.
#[derive(Debug, Default)]
struct Tally(BTreeMap<(PlaceNumbers, JobState), u64>);

impl Tally {
    fn add(&mut self, place: Option<PlaceNumbers>, state: JobState, jobs: i64) {
        if let (Some(place), Ok(jobs @ 1..)) = (place, u64::try_from(jobs)) {
            *self.0.entry((place, state)).or_default() += jobs;
        }
    }
}

/// One answer of the script that counts.
#[derive(Debug)]
struct Counted {
    /// The lane after which the next call begins.
    next: Option<Vec<u8>>,
    lanes: Vec<Lane>,
    /// Numbers of ended jobs by state and place, if they were asked for and are not too many.
    ended: Option<Vec<BytePair>>,
    /// The same for jobs that run, by place.
    running: Option<Vec<BytePair>>,
}

#[derive(Debug)]
struct Lane {
    place: Option<PlaceNumbers>,
    ready: i64,
    scheduled: i64,
    retrying: i64,
}

impl Server {
    pub(crate) async fn counts(&self) -> Result<Vec<Count>, StoreError> {
        let mut reader = JobReader::default();
        reader.look_around(self).await?;
        let (mut tally, mut after) = (Tally::default(), Vec::new());
        let (mut ended, mut running) = (None, None);
        loop {
            let instances = reader.instances();
            let Some(counted) = self
                .count(&after, Duration::ZERO, Some(instances), &[])
                .await?
            else {
                reader.look_around(self).await?;
                continue;
            };
            for lane in counted.lanes {
                tally.add(lane.place, JobState::Ready, lane.ready);
                tally.add(lane.place, JobState::Scheduled, lane.scheduled);
                tally.add(lane.place, JobState::Retrying, lane.retrying);
            }
            if let Some(next) = counted.next {
                after = next;
                continue;
            }
            (ended, running) = (counted.ended.or(ended), counted.running.or(running));
            break;
        }
        match running {
            Some(running) => {
                for (place, jobs) in running {
                    tally.add(place_of(&place), JobState::Running, number(jobs)?);
                }
            }
            None => self.count_running(reader.instances(), &mut tally).await?,
        }
        let ended = match ended {
            Some(ended) => ended,
            None => self.count_ended().await?,
        };
        for (field, jobs) in ended {
            let state = field.first().and_then(|letter| state_of(*letter));
            if let Some(state) = state {
                tally.add(place_of(&field[1..]), state, number(jobs)?);
            }
        }
        self.named(tally).await
    }

    /// Counts the jobs in wanted queues whose kinds are not wanted, and that are overdue.
    pub(crate) async fn unclaimed(
        &self,
        wanted: Wanted,
        overdue: Duration,
    ) -> Result<Vec<Count>, StoreError> {
        let groups = self.groups().await?;
        let mut passed_over = Vec::new();
        for (number, kind) in &groups {
            if wanted.kinds.contains(kind) {
                passed_over.push(*number);
            }
        }
        if passed_over.len() == groups.len() {
            return Ok(Vec::new());
        }
        let paused = self.paused().await?;
        let paused: BTreeSet<_> = paused.into_iter().map(|(queue, _)| queue).collect();
        let (mut tally, mut after) = (Tally::default(), Vec::new());
        loop {
            let counted = self.count(&after, overdue, None, &passed_over).await?;
            let counted = counted.ok_or_else(|| strange("lanes"))?;
            for lane in counted.lanes {
                let place = lane.place.filter(|(_, queue)| !paused.contains(queue));
                tally.add(place, JobState::Ready, lane.ready);
            }
            match counted.next {
                Some(next) => after = next,
                None => break,
            }
        }
        let mut counts = self.named(tally).await?;
        counts.retain(|count| wanted.queues.is_empty() || wanted.queues.contains(&count.queue));
        for count in &mut counts {
            count.jobs = count.jobs.min(UNCLAIMED_MAX.into());
        }
        Ok(counts)
    }

    /// Counts the jobs of some lanes. With instances, it counts the whole store if that has few
    /// lanes; `None` if these are not all instances.
    async fn count(
        &self,
        after: &[u8],
        overdue: Duration,
        whole: Option<&[InstanceId]>,
        passed_over: &[u16],
    ) -> Result<Option<Counted>, StoreError> {
        let mut call = self.call(Script::Counts, whole.unwrap_or_default());
        call.arg(after).arg(LANES).arg(length(overdue));
        call.arg(if whole.is_some() { "w" } else { "" });
        for group in passed_over {
            call.arg(&group.to_be_bytes()[..]);
        }
        let answer = list(self.bulk(&call).await?)?;
        let Ok([next, lanes, ended, running]) = <[Value; 4]>::try_from(answer) else {
            return Ok(None);
        };
        let mut values = list(lanes)?.into_iter();
        let mut lanes = Vec::with_capacity(values.len() / 4);
        while let Some(lane) = values.next() {
            let mut next = || Ok(int(values.next().unwrap_or(Value::Nil))?.unwrap_or(0));
            let place = place_of(&bytes(lane)?);
            let (ready, later, retrying) = (next()?, next()?, next()?);
            lanes.push(Lane {
                place,
                ready,
                scheduled: later - retrying,
                retrying,
            });
        }
        let told = |value| match value {
            Value::Nil => Ok::<_, StoreError>(None),
            value => byte_pairs(value).map(Some),
        };
        Ok(Some(Counted {
            next: Some(bytes(next)?).filter(|next| !next.is_empty()),
            lanes,
            ended: told(ended)?,
            running: told(running)?,
        }))
    }

    async fn count_running(
        &self,
        instances: &[InstanceId],
        tally: &mut Tally,
    ) -> Result<(), StoreError> {
        for instance in instances {
            let mut command = redis::cmd("HGETALL");
            command.arg(self.scripts.layout().held(*instance));
            for (_, held) in byte_pairs(self.bulk.ask(&command).await?)? {
                let member = HeldRow::decode(&held).map(|held| held.member);
                let place = member.map(|member| (member.group, member.queue));
                tally.add(place, JobState::Running, 1);
            }
        }
        Ok(())
    }

    /// The numbers of ended jobs, by state and place. Some may come twice, with the same number or
    /// a later one.
    async fn count_ended(&self) -> Result<Vec<BytePair>, StoreError> {
        let (mut all, mut cursor) = (BTreeMap::new(), "0".to_owned());
        loop {
            let mut command = redis::cmd("HSCAN");
            command
                .arg(self.scripts.layout().key(Key::Counts))
                .arg(&cursor);
            command.arg("COUNT").arg(CHUNK);
            let answer = list(self.bulk.ask(&command).await?)?;
            let Ok([next, fields]) = <[Value; 2]>::try_from(answer) else {
                return Err(strange("a cursor"));
            };
            all.extend(byte_pairs(fields)?);
            cursor = crate::codec::text(next)?;
            if cursor == "0" {
                return Ok(all.into_iter().collect());
            }
        }
    }

    /// The same numbers under the names of queues and kinds.
    async fn named(&self, tally: Tally) -> Result<Vec<Count>, StoreError> {
        let groups = self.groups().await?;
        let numbers = tally.0.keys().map(|((_, queue), _)| *queue);
        let queues = self.queues(numbers.collect::<BTreeSet<_>>()).await?;
        let mut counts = BTreeMap::new();
        for (((group, queue), state), jobs) in tally.0 {
            // Jobs in a place whose name is gone belong to no queue.
            if let (Some(queue), Some(kind)) = (queues.get(&queue), groups.get(&group)) {
                *counts
                    .entry((queue.clone(), kind.clone(), state))
                    .or_default() += jobs;
            }
        }
        let counts = counts.into_iter();
        Ok(counts
            .map(|((queue, kind, state), jobs)| Count::new(queue, kind, state, jobs))
            .collect())
    }
}

/// The place with which these bytes begin.
fn place_of(bytes: &[u8]) -> Option<PlaceNumbers> {
    let (group, rest) = bytes.split_first_chunk()?;
    Some((u16::from_be_bytes(*group), *rest.first_chunk()?))
}

fn number(bytes: Vec<u8>) -> Result<i64, StoreError> {
    Ok(int(Value::BulkString(bytes))?.unwrap_or(0))
}
