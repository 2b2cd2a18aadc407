//! Finds the ids of jobs that may match, newest first. Only the jobs that ended without success
//! have an index by id. Those that wait or are done stand in the order in which they are due or
//! ended. So all of these are walked through, without their bodies and a thousand at a time, and
//! the newest are kept.
//!
//! Most ids tell when they were made, and most jobs are not due before that. While it is so for all
//! jobs of the store, which its scripts note, the walk through a lane begins with the job that is
//! due last, and ends once the others can only be older than those that were found.

use marionette::TaskId;
use marionette::inspect::Filter;
use marionette::store::{JobState, StoreError};
use uuid::Uuid;

use super::newest::Newest;
use super::places::Places;
use crate::codec::{HeldRow, Member, byte_pairs, bytes, list, state_letter};
use crate::jobs::JobReader;
use crate::layout::Key;
use crate::server::Server;

/// How many members are read at a time.
pub(super) const CHUNK: usize = 1_000;
/// The most ranges of waiting jobs that are walked through one by one, rather than all at once.
const RANGES_MAX: usize = 500;
/// The most lanes that are walked through from their ends.
const LANES_MAX: usize = 100;
/// The length of the name of a lane.
const LANE: usize = 6;
/// How many members are read again, in case some before them have gone meanwhile.
const OVERLAP: usize = 50;

/// A walk in search of jobs.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    server: &'a Server,
    filter: &'a Filter,
    places: Places,
    /// The time of the server when the walk began, in microseconds since 1970.
    now: u64,
    /// Whether no job was ever due long before the time that its id tells.
    is_in_order: bool,
}

impl<'a> Walk<'a> {
    pub(super) async fn new(server: &'a Server, filter: &'a Filter) -> Result<Self, StoreError> {
        let marks = server.names(&[b"#w".to_vec()]).await?;
        Ok(Self {
            server,
            filter,
            places: server.places(filter).await?,
            now: server.now().await?,
            is_in_order: marks.iter().all(Option::is_none),
        })
    }

    /// Whether only jobs are meant that ended without success: they have an index by id.
    pub(super) fn is_indexed(&self) -> bool {
        let states = &self.filter.states;
        let is_failed = |state: &JobState| state.is_end() && *state != JobState::Done;
        !states.is_empty() && states.iter().all(is_failed)
    }

    /// Whether a walk for few jobs is short.
    pub(super) fn is_in_order(&self) -> bool {
        self.is_in_order
    }

    /// The newest jobs with ids before this one that may match, at most this many.
    pub(super) async fn find(
        &self,
        reader: &JobReader,
        before: Option<TaskId>,
        most: usize,
    ) -> Result<Newest, StoreError> {
        let mut newest = Newest::new(before, most);
        // A job that is claimed during the walk is met among those that wait, or among those that
        // run; one that ends is met there or among those that have ended.
        let (ready, scheduled) = (JobState::Ready, JobState::Scheduled);
        if self.wants(ready) || self.wants(scheduled) {
            if !self.is_in_order || !self.last_due(&mut newest).await? {
                self.waiting(Key::Waiting, &mut newest).await?;
            }
        } else if self.wants(JobState::Retrying) {
            self.waiting(Key::Retrying, &mut newest).await?;
        }
        if self.wants(JobState::Running) {
            self.running(reader, &mut newest).await?;
        }
        if self.wants(JobState::Done) {
            self.done(&mut newest).await?;
            self.kept(&mut newest).await?;
        }
        for state in JobState::ALL {
            if let Some(letter) = state_letter(state).filter(|_| state != JobState::Done)
                && self.wants(state)
            {
                self.failed(letter, before, &mut newest).await?;
            }
        }
        newest.finish();
        Ok(newest)
    }

    fn wants(&self, state: JobState) -> bool {
        self.filter.states.is_empty() || self.filter.states.contains(&state)
    }

    /// Whether a job that waits may match, as far as its member says.
    fn admits(&self, member: &Member) -> bool {
        let is_in_time = match (member.due <= self.now, member.has_state) {
            (true, _) => self.wants(JobState::Ready),
            (false, false) => self.wants(JobState::Scheduled),
            (false, true) => self.wants(JobState::Scheduled) || self.wants(JobState::Retrying),
        };
        is_in_time && self.places.has(member.group, member.queue)
    }

    async fn waiting(&self, key: Key, newest: &mut Newest) -> Result<(), StoreError> {
        for (from, upto) in self.ranges() {
            let mut from = from;
            loop {
                let members = self.server.range(key, &from, &upto, CHUNK).await?;
                for member in &members {
                    let read = Member::decode(member);
                    newest.extend(read.filter(|it| self.admits(it)).map(|it| it.id));
                }
                match members.last() {
                    Some(last) if members.len() == CHUNK => from = bound(b'(', last),
                    _ => break,
                }
            }
        }
        Ok(())
    }

    /// Looks for waiting jobs from those that are due last; not if they are in many lanes.
    async fn last_due(&self, newest: &mut Newest) -> Result<bool, StoreError> {
        let mut lanes = Vec::new();
        for (mut from, upto) in self.ranges() {
            loop {
                let first = self.server.range(Key::Waiting, &from, &upto, 1).await?;
                let Some(first) = first.first() else { break };
                let Some(lane) = first.first_chunk::<LANE>().copied() else {
                    return Ok(false);
                };
                if lanes.len() == LANES_MAX {
                    return Ok(false);
                }
                lanes.push(lane);
                from = bound(b'(', &[&lane[..], &[u8::MAX]].concat());
            }
        }
        for lane in lanes {
            let from = bound(b'[', &lane);
            let mut upto = bound(b'(', &[&lane[..], &[u8::MAX]].concat());
            loop {
                let mut command = redis::cmd("ZREVRANGEBYLEX");
                command.arg(self.server.scripts.layout().key(Key::Waiting));
                command.arg(&upto[..]).arg(&from[..]);
                command.arg("LIMIT").arg(0).arg(CHUNK);
                let members = list(self.server.bulk.ask(&command).await?)?;
                let (count, mut last) = (members.len(), None);
                for member in members {
                    let member = bytes(member)?;
                    last = Member::decode(&member);
                    newest.extend(last.filter(|it| self.admits(it)).map(|it| it.id));
                    upto = bound(b'(', &member);
                }
                let is_found = last.is_some_and(|last| newest.are_newer_than_due(last.due));
                if count < CHUNK || is_found {
                    break;
                }
            }
        }
        Ok(true)
    }

    /// The ranges in which members of the places that are meant stand.
    fn ranges(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let all = vec![(b"-".to_vec(), b"+".to_vec())];
        let Some(groups) = &self.places.groups else {
            return all;
        };
        let queues = self.places.queues.as_ref();
        let count = groups.len() * queues.map_or(1, std::collections::HashSet::len);
        if count > RANGES_MAX {
            return all;
        }
        let mut prefixes = Vec::with_capacity(count);
        for group in groups {
            match queues {
                None => prefixes.push(group.to_be_bytes().to_vec()),
                Some(queues) => prefixes.extend(queues.iter().map(|queue| {
                    let [high, low] = group.to_be_bytes();
                    [&[high, low][..], &queue[..]].concat()
                })),
            }
        }
        let range = |prefix: Vec<u8>| {
            // Behind a place stand a mark or a queue and a time: none begins with this byte twice.
            let upto = [&prefix[..], &[u8::MAX; 4]].concat();
            (bound(b'[', &prefix), bound(b'(', &upto))
        };
        prefixes.into_iter().map(range).collect()
    }

    async fn running(&self, reader: &JobReader, newest: &mut Newest) -> Result<(), StoreError> {
        for instance in reader.instances() {
            let mut command = redis::cmd("HGETALL");
            command.arg(self.server.scripts.layout().held(*instance));
            for (id, held) in byte_pairs(self.server.bulk.ask(&command).await?)? {
                let held = HeldRow::decode(&held).map(|held| held.member);
                // What cannot be read may match.
                if held.is_none_or(|held| self.places.has(held.group, held.queue)) {
                    newest.extend(id_of(&id));
                }
            }
        }
        Ok(())
    }

    /// Done jobs, from those that ended last: what ends meanwhile shifts the others towards what
    /// has not been read, so that none is passed over.
    async fn done(&self, newest: &mut Newest) -> Result<(), StoreError> {
        let mut read = 0;
        loop {
            let mut command = redis::cmd("LRANGE");
            command
                .arg(self.server.scripts.layout().key(Key::Done))
                .arg(format!("-{}", read + CHUNK))
                .arg(format!("-{}", read + 1));
            let entries = list(self.server.bulk.ask(&command).await?)?;
            let count = entries.len();
            for entry in entries {
                // When it ended (7), its place (5), its id.
                let entry = bytes(entry)?;
                let (place, id) = (entry.get(7..12), entry.get(12..));
                if place.is_some_and(|place| self.is_meant(place)) {
                    newest.extend(id.and_then(id_of));
                }
            }
            if count < CHUNK {
                return Ok(());
            }
            read += CHUNK;
        }
    }

    /// Done jobs that say themselves for how long they are kept, from those that are kept longest.
    async fn kept(&self, newest: &mut Newest) -> Result<(), StoreError> {
        let mut first = 0;
        loop {
            let mut command = redis::cmd("ZRANGE");
            command
                .arg(self.server.scripts.layout().key(Key::Until))
                .arg(first)
                .arg(first + CHUNK - 1)
                .arg("REV");
            let members = list(self.server.bulk.ask(&command).await?)?;
            let count = members.len();
            for member in members {
                let member = bytes(member)?;
                let (id, place) = (member.get(..16), member.get(16..21));
                if place.is_some_and(|place| self.is_meant(place)) {
                    newest.extend(id.and_then(id_of));
                }
            }
            if count < CHUNK {
                return Ok(());
            }
            first += CHUNK - OVERLAP;
        }
    }

    /// Jobs that ended without success, in this state.
    async fn failed(
        &self,
        letter: u8,
        before: Option<TaskId>,
        newest: &mut Newest,
    ) -> Result<(), StoreError> {
        let from = [b'[', letter];
        let mut upto = match before {
            None => vec![b'(', letter + 1],
            Some(id) => bound(b'(', &[&[letter][..], id.uuid().as_bytes()].concat()),
        };
        let mut left = newest.most() + 1;
        while left > 0 {
            let mut command = redis::cmd("ZREVRANGEBYLEX");
            command
                .arg(self.server.scripts.layout().key(Key::Failed))
                .arg(&upto[..])
                .arg(&from[..]);
            let limit = left.min(CHUNK);
            command.arg("LIMIT").arg(0).arg(limit);
            let members = list(self.server.bulk.ask(&command).await?)?;
            let count = members.len();
            for member in members {
                let member = bytes(member)?;
                newest.extend(member.get(1..).and_then(id_of));
                upto = bound(b'(', &member);
            }
            if count < limit {
                break;
            }
            left -= count;
        }
        Ok(())
    }

    fn is_meant(&self, place: &[u8]) -> bool {
        let parts = place.split_first_chunk();
        parts.is_some_and(|(group, queue)| {
            let queue = queue.try_into().unwrap_or_default();
            self.places.has(u16::from_be_bytes(*group), queue)
        })
    }
}

impl Server {
    /// The first members of a set whose scores are all the same, between these bounds.
    pub(super) async fn range(
        &self,
        key: Key,
        from: &[u8],
        upto: &[u8],
        most: usize,
    ) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut command = redis::cmd("ZRANGEBYLEX");
        command
            .arg(self.scripts.layout().key(key))
            .arg(from)
            .arg(upto);
        command.arg("LIMIT").arg(0).arg(most);
        let members = list(self.bulk.ask(&command).await?)?;
        members.into_iter().map(bytes).collect()
    }
}

/// A bound of a range: `[` to include it, `(` to exclude it.
pub(super) fn bound(mark: u8, value: &[u8]) -> Vec<u8> {
    [&[mark], value].concat()
}

fn id_of(bytes: &[u8]) -> Option<TaskId> {
    let bytes = bytes.try_into().ok()?;
    Some(TaskId::from(Uuid::from_bytes(bytes)))
}
