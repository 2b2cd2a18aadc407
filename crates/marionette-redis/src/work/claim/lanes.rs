//! Which lanes a claim looks at: all that are wanted, or the oldest of them if they are too many.

use std::cmp::Reverse;
use std::collections::HashSet;

use marionette::store::{Name, StoreError};
use redis::Value;

use crate::codec::{int, list, optional};
use crate::groups::Group;
use crate::layout::Key;
use crate::scripts::Call;
use crate::server::Server;

/// The most lanes that one script looks for by their names, and the most fields of one question.
pub(super) const MOST: usize = 1000;
/// Hints of when lanes are due: the number of the group, then the time in units of 8 ms.
const SPAN: u64 = 1 << 40;
const UNIT: u64 = 8000;

/// The lanes of one script.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Lanes {
    /// Each of these groups in each of these queues, or in any if there is none.
    Of(Vec<Group>, Vec<Name>),
    /// Each of these groups in the queue at the same place.
    Pairs(Vec<(Group, Name)>),
}

impl Lanes {
    /// Whether one script can look at each of these groups in each of these queues.
    pub(super) fn are_few(groups: &[Group], queues: &[Name]) -> bool {
        groups.len() * queues.len().max(1) <= MOST
    }

    /// Whether there are as many as one script takes, so that there may be more.
    pub(super) fn is_whole(&self) -> bool {
        matches!(self, Self::Pairs(pairs) if pairs.len() == MOST)
    }

    /// Writes them as arguments of the script.
    pub(super) fn write(&self, call: &mut Call) {
        let (groups, queues): (Vec<_>, Vec<_>) = match self {
            Self::Of(groups, queues) => {
                call.arg(groups.len()).arg(queues.len());
                (groups.iter().collect(), queues.iter().collect())
            }
            Self::Pairs(pairs) => {
                call.arg(pairs.len()).arg(-1);
                pairs.iter().map(|(group, queue)| (group, queue)).unzip()
            }
        };
        for group in groups {
            call.arg(group.to_string());
        }
        for queue in queues {
            call.arg(queue.as_str());
        }
    }
}

/// A lane in which a job may be due.
#[derive(Debug)]
struct Hinted {
    group: usize,
    queue: usize,
    due: u64,
}

impl Server {
    /// The lanes in which jobs have been due for longest, the highest priority first; or, if there
    /// is none, in how many microseconds one may be.
    pub(super) async fn oldest_lanes(
        &self,
        groups: &[Group],
        queues: &[Name],
        with_suspects: bool,
    ) -> Result<(Lanes, Option<u64>), StoreError> {
        let fields = groups.iter().map(|group| format!("g/{group}"));
        let group_numbers = self.numbers_of_names(fields.collect()).await?;
        let fields = queues.iter().map(|queue| format!("q/{queue}"));
        let queue_numbers = self.numbers_of_names(fields.collect()).await?;
        let now = self.now().await?;
        let mut places = Vec::new();
        for (group, number) in group_numbers.iter().enumerate() {
            for (queue, own) in queue_numbers.iter().enumerate() {
                if let ([high, low, ..], [a, b, c, ..]) = (&number[..], &own[..]) {
                    places.push((group, queue, [*high, *low, *a, *b, *c]));
                }
            }
        }
        let mut hinted = self.hinted(&places, Key::Hints, b'0').await?;
        if with_suspects {
            hinted.extend(self.hinted(&places, Key::Suspects, b'1').await?);
        }
        let due = |lane: &Hinted| lane.due <= now;
        let next_due = hinted.iter().map(|lane| lane.due).min();
        hinted.retain(due);
        hinted.sort_by_key(|lane| (Reverse(groups[lane.group].priority), lane.due));
        let mut pairs = Vec::<(Group, Name)>::new();
        let mut seen = HashSet::new();
        for lane in hinted {
            if pairs.len() < MOST && seen.insert((lane.group, lane.queue)) {
                pairs.push((groups[lane.group].clone(), queues[lane.queue].clone()));
            }
        }
        let next_due = next_due.map(|due| due.saturating_sub(now));
        Ok((Lanes::Pairs(pairs), next_due))
    }

    /// The numbers that names have on the server; nothing for one that it does not know.
    async fn numbers_of_names(&self, fields: Vec<String>) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut numbers = Vec::with_capacity(fields.len());
        for part in fields.chunks(MOST) {
            let mut ask = redis::cmd("HMGET");
            ask.arg(self.scripts.layout().key(Key::Names)).arg(part);
            for number in list(self.bulk.ask(&ask).await?)? {
                numbers.push(optional(number)?.unwrap_or_default());
            }
        }
        Ok(numbers)
    }

    /// The lanes of these places that have a hint.
    async fn hinted(
        &self,
        places: &[(usize, usize, [u8; 5])],
        key: Key,
        mark: u8,
    ) -> Result<Vec<Hinted>, StoreError> {
        let mut hinted = Vec::new();
        for part in places.chunks(MOST) {
            let mut ask = redis::cmd("ZMSCORE");
            ask.arg(self.scripts.layout().key(key));
            for (_, _, place) in part {
                ask.arg([&place[..], &[mark]].concat());
            }
            let scores = list(self.bulk.ask(&ask).await?)?;
            for ((group, queue, _), score) in part.iter().zip(scores) {
                if let Some(score) = score_of(score)? {
                    let due = score % SPAN * UNIT;
                    hinted.push(Hinted {
                        group: *group,
                        queue: *queue,
                        due,
                    });
                }
            }
        }
        Ok(hinted)
    }
}

/// A score, which is a whole number here.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // It is below 2^53.
fn score_of(score: Value) -> Result<Option<u64>, StoreError> {
    match score {
        Value::Double(score) => Ok(Some(score as u64)),
        score => Ok(int(score)?.and_then(|score| u64::try_from(score).ok())),
    }
}
