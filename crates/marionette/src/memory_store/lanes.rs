//! Lanes: the jobs that wait, in the order in which they are claimed, and the moments at which they
//! are due. A pause ends by the monotonic clock, a date is reached by the wall clock.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use crate::clock::Tick;
use crate::store::inspect::{Count, PausedQueue, UNCLAIMED_MAX};
use crate::store::{Due, JobState, Name, Priority, Wanted};

/// Both clocks, read once for all that one call does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clocks {
    pub(super) tick: Tick,
    pub(super) wall: SystemTime,
}

/// The moment at which a job is due.
#[derive(Clone, Copy, Debug)]
pub(super) enum Moment {
    /// At this tick.
    Tick(Tick),
    /// At this time of the wall clock.
    Date(SystemTime),
}

impl Moment {
    pub(super) fn new(due: Due, now: Clocks) -> Self {
        match due {
            Due::Now => Self::after(Duration::ZERO, now),
            Due::After(pause) => Self::after(pause, now),
            Due::At(date) => Self::Date(date),
        }
    }

    pub(super) fn after(pause: Duration, now: Clocks) -> Self {
        Self::Tick(now.tick.saturating_add(pause))
    }

    /// How long a job has been due at this moment; `None` if it is not due yet.
    pub(super) fn late(self, now: Clocks) -> Option<Duration> {
        match self {
            Self::Tick(tick) => (tick <= now.tick).then(|| now.tick.since(tick)),
            Self::Date(date) => now.wall.duration_since(date).ok(),
        }
    }

    /// How long until a job is due at this moment; zero if it is.
    fn ahead(self, now: Clocks) -> Duration {
        match self {
            Self::Tick(tick) => tick.since(now.tick),
            Self::Date(date) => date.duration_since(now.wall).unwrap_or_default(),
        }
    }
}

/// The name of a lane: all that decides which instances may claim its jobs, and when.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LaneName {
    pub(super) queue: Name,
    pub(super) kind: Name,
    pub(super) priority: Priority,
    pub(super) suspect: bool,
}

/// The jobs of one lane, by when they are due and then in the order in which they came.
#[derive(Debug, Default)]
struct Lane {
    by_tick: BTreeSet<(Tick, i64)>,
    by_date: BTreeSet<(SystemTime, i64)>,
}

impl Lane {
    fn len(&self) -> usize {
        self.by_tick.len() + self.by_date.len()
    }

    /// The first `limit` due jobs of each order, with how long they have been due.
    fn due(&self, now: Clocks, limit: usize) -> impl Iterator<Item = (Duration, i64)> {
        let ticks = self.by_tick.range(..=(now.tick, i64::MAX));
        let dates = self.by_date.range(..=(now.wall, i64::MAX));
        let ticks = ticks.map(move |&(tick, key)| (now.tick.since(tick), key));
        let dates = dates.map(move |&(date, key)| {
            let late = now.wall.duration_since(date).unwrap_or_default();
            (late, key)
        });
        ticks.take(limit).chain(dates.take(limit))
    }

    fn soonest(&self, now: Clocks) -> Option<Duration> {
        let tick = self.by_tick.first().map(|&(tick, _)| tick.since(now.tick));
        let date = self
            .by_date
            .first()
            .map(|&(date, _)| Moment::Date(date).ahead(now));
        tick.into_iter().chain(date).min()
    }
}

/// A job that could be claimed now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub(super) key: i64,
    pub(super) priority: Priority,
    pub(super) suspect: bool,
    pub(super) late: Duration,
}

/// All jobs that wait. A lane without jobs is forgotten.
#[derive(Debug, Default)]
pub(super) struct Lanes(BTreeMap<LaneName, Lane>);

impl Lanes {
    pub(super) fn add(&mut self, name: LaneName, due: Moment, key: i64) {
        let lane = self.0.entry(name).or_default();
        let new = match due {
            Moment::Tick(tick) => lane.by_tick.insert((tick, key)),
            Moment::Date(date) => lane.by_date.insert((date, key)),
        };
        debug_assert!(new, "a job waits in one place");
    }

    pub(super) fn remove(&mut self, name: &LaneName, due: Moment, key: i64) {
        let Some(lane) = self.0.get_mut(name) else {
            debug_assert!(false, "a job that waits has a lane");
            return;
        };
        let was = match due {
            Moment::Tick(tick) => lane.by_tick.remove(&(tick, key)),
            Moment::Date(date) => lane.by_date.remove(&(date, key)),
        };
        debug_assert!(was, "a job that waits is in its lane");
        if lane.len() == 0 {
            self.0.remove(name);
        }
    }

    /// How many jobs wait in a queue.
    pub(super) fn waiting(&self, queue: &str) -> usize {
        let lanes = self.0.iter().filter(|(name, _)| &*name.queue == queue);
        lanes.map(|(_, lane)| lane.len()).sum()
    }

    /// The due jobs of the wanted lanes, in the order in which they are to be claimed. Each lane
    /// gives at least `limit`, if it has them, so the first `limit` of all are the right ones.
    pub(super) fn candidates(
        &self,
        wish: &WantedLanes<'_>,
        now: Clocks,
        limit: usize,
    ) -> Vec<Candidate> {
        let lanes = self.0.iter().filter(|(name, _)| wish.allows(name));
        let mut candidates: Vec<_> = lanes
            .flat_map(|(name, lane)| {
                lane.due(now, limit).map(|(late, key)| Candidate {
                    key,
                    priority: name.priority,
                    suspect: name.suspect,
                    late,
                })
            })
            .collect();
        candidates.sort_by(|one, other| {
            let priority = other.priority.cmp(&one.priority);
            let late = other.late.cmp(&one.late);
            priority.then(late).then(one.key.cmp(&other.key))
        });
        candidates
    }

    /// How many jobs of each queue and each kind that is not wanted have been due for longer than
    /// `overdue`.
    pub(super) fn unclaimed(
        &self,
        wish: &WantedLanes<'_>,
        now: Clocks,
        overdue: Duration,
    ) -> Vec<Count> {
        let mut counts = BTreeMap::<(&Name, &Name), u64>::new();
        for (name, lane) in self.0.iter().filter(|(name, _)| wish.leaves(name)) {
            let due = lane.due(now, UNCLAIMED_MAX as usize);
            let jobs = due.filter(|(late, _)| *late > overdue).count() as u64;
            *counts.entry((&name.queue, &name.kind)).or_default() += jobs;
        }
        let counts = counts.into_iter().filter(|(_, jobs)| *jobs > 0);
        let count = |((queue, kind), jobs): ((&Name, &Name), u64)| {
            Count::new(queue.clone(), kind.clone(), JobState::Ready, jobs)
        };
        counts.map(count).collect()
    }

    /// How long until a job of the wanted lanes is due; zero if one is.
    ///
    /// A suspect that is due already does not count: an instance that waits may be unable to take
    /// another one now, and would come back again and again without a pause. A change that lets it
    /// take one is news.
    pub(super) fn soonest(&self, wish: &WantedLanes<'_>, now: Clocks) -> Option<Duration> {
        let lanes = self.0.iter().filter(|(name, _)| wish.allows(name));
        let soonest = lanes.filter_map(|(name, lane)| {
            let soonest = lane.soonest(now)?;
            (!name.suspect || !soonest.is_zero()).then_some(soonest)
        });
        soonest.min()
    }
}

/// The jobs that an instance wants, prepared for a comparison with many lanes.
#[derive(Debug)]
pub(super) struct WantedLanes<'a> {
    kinds: Names<'a>,
    /// `None` for any queue.
    queues: Option<Names<'a>>,
    paused: &'a BTreeMap<Name, PausedQueue>,
}

impl<'a> WantedLanes<'a> {
    /// Prepares `wanted` for a comparison with all of `lanes`.
    pub(super) fn new(
        wanted: &'a Wanted,
        paused: &'a BTreeMap<Name, PausedQueue>,
        lanes: &Lanes,
    ) -> Self {
        let names = |names: &'a [Name]| Names::new(names, lanes.0.len());
        Self {
            kinds: names(&wanted.kinds),
            queues: (!wanted.queues.is_empty()).then(|| names(&wanted.queues)),
            paused,
        }
    }

    pub(super) fn allows(&self, lane: &LaneName) -> bool {
        self.kinds.contain(&lane.kind) && self.is_of_queue(&lane.queue)
    }

    /// Whether only its kind keeps the lane from being wanted.
    fn leaves(&self, lane: &LaneName) -> bool {
        !self.kinds.contain(&lane.kind) && self.is_of_queue(&lane.queue)
    }

    fn is_of_queue(&self, queue: &str) -> bool {
        let queues = self.queues.as_ref();
        queues.is_none_or(|names| names.contain(queue)) && !self.paused.contains_key(queue)
    }
}

/// Some names. A long list is sorted if it is to be compared with many others.
#[derive(Debug)]
enum Names<'a> {
    Few(&'a [Name]),
    Many(BTreeSet<&'a str>),
}

impl<'a> Names<'a> {
    fn new(names: &'a [Name], questions: usize) -> Self {
        const FEW: usize = 8;
        if names.len() <= FEW || questions <= FEW {
            Self::Few(names)
        } else {
            Self::Many(names.iter().map(Name::as_str).collect())
        }
    }

    fn contain(&self, name: &str) -> bool {
        match self {
            Self::Few(names) => names.iter().any(|other| other == name),
            Self::Many(names) => names.contains(name),
        }
    }
}
