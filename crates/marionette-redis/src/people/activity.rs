//! The changes that people made.

use marionette::TaskId;
use marionette::inspect::{ACTIVITY_IDS_MAX, Activity, ActivityFilter, ActivityKind, By};
use marionette::store::{Name, StoreError};
use redis::Value;
use uuid::Uuid;

use super::walk::bound;
use crate::codec::{Reader, bytes, int, list, optional, time};
use crate::error::strange;
use crate::layout::Key;
use crate::scripts::Script;
use crate::server::Server;

/// The longest list of activities.
const LIMIT_MAX: usize = 1_000;
/// How many activities are read at a time.
const CHUNK: usize = 50;
/// How many changed jobs activities may have before the oldest ones are forgotten: a little less
/// than the script says.
const FORGOTTEN: u64 = 90_000;

/// What is kept of an activity beside its time and its jobs, as JSON.
#[derive(Clone, Debug)]
pub(super) struct Told {
    kind: ActivityKind,
    by: By,
    queue: Option<Name>,
    reason: Option<String>,
}

impl Told {
    pub(super) fn new(
        kind: ActivityKind,
        by: By,
        queue: Option<Name>,
        reason: Option<String>,
    ) -> Self {
        Self {
            kind,
            by,
            queue,
            reason,
        }
    }

    pub(super) fn encode(&self) -> String {
        let Self {
            kind,
            by,
            queue,
            reason,
        } = self;
        serde_json::json!([kind, by, queue, reason]).to_string()
    }

    /// `None` for a kind of a later version.
    fn decode(told: &[u8]) -> Option<Self> {
        let (kind, by, queue, reason) = serde_json::from_slice(told).ok()?;
        Some(Self::new(kind, by, queue, reason))
    }
}

impl Server {
    pub(crate) async fn activity(
        &self,
        filter: ActivityFilter,
    ) -> Result<Vec<Activity>, StoreError> {
        let numbers = self.numbers(&filter).await?;
        let mut activities = Vec::with_capacity(numbers.len());
        for numbers in numbers.chunks(CHUNK) {
            let mut call = self.call(Script::Told, &[]);
            call.arg(ACTIVITY_IDS_MAX);
            for number in numbers {
                call.arg(&number.to_be_bytes()[..]);
            }
            let mut answer = list(self.bulk(&call).await?)?.into_iter();
            for number in numbers {
                let (row, ids) = (answer.next(), answer.next());
                let row = optional(row.unwrap_or(Value::Nil))?;
                let ids = list(ids.unwrap_or(Value::Array(Vec::new())))?;
                if let Some(row) = row {
                    activities.extend(read(*number, &row, ids)?);
                }
            }
        }
        Ok(activities)
    }

    /// Takes the number of an activity once, before its first step: a step that is sent again then
    /// says what the first one did, instead of finding nothing to do. One that changes nothing has
    /// no row.
    pub(super) async fn take_number(&self, number: &mut Option<i64>) -> Result<i64, StoreError> {
        if let Some(number) = *number {
            return Ok(number);
        }
        let mut take = redis::cmd("HINCRBY");
        take.arg(self.scripts.layout().key(Key::Activity));
        take.arg("#last").arg(1);
        let taken = int(self.bulk.ask(&take).await?)?;
        let taken = taken.ok_or_else(|| strange("the number of an activity"))?;
        *number = Some(taken);
        Ok(taken)
    }

    /// Waits until the server keeps what an activity has changed: the steps of a change write what
    /// they did into its row, so a server that has the row has all of it, also after a failover.
    pub(super) async fn keep_activity(&self, number: i64, jobs: u64) -> Result<(), StoreError> {
        if !self.waits_to_keep() {
            return Ok(());
        }
        let mut call = self.call(Script::Told, &[]);
        call.arg(0).arg(&number.to_be_bytes()[..]);
        let row = list(self.keep(&call).await?)?.into_iter().next();
        let row = optional(row.unwrap_or(Value::Nil))?.unwrap_or_default();
        let mut row = Reader(&row);
        let kept = row.number(7).and_then(|_| row.number32());
        // A change of more jobs than the activities may have in all forgets its own.
        if jobs >= FORGOTTEN || kept.is_some_and(|kept| u64::from(kept) >= jobs) {
            return Ok(());
        }
        Err(StoreError::unavailable(format!(
            "the server has lost some of {jobs} changes while they were made: ask for them again"
        )))
    }

    /// The numbers of the activities that match, the latest first. Some may be gone.
    async fn numbers(&self, filter: &ActivityFilter) -> Result<Vec<u64>, StoreError> {
        let limit = filter.limit.clamp(1, LIMIT_MAX);
        let before = filter.before.unwrap_or(u64::MAX);
        let subject = match (filter.job, &filter.queue) {
            (None, None) => {
                let fields = [b"#first".to_vec(), b"#last".to_vec()];
                let mut ends = self.fields(Key::Activity, &fields).await?.into_iter();
                let mut next = || {
                    let end = ends.next().flatten();
                    let end = int(end.map_or(Value::Nil, Value::BulkString));
                    end.map(|end| end.and_then(|end| u64::try_from(end).ok()))
                };
                let (first, last) = (next()?.unwrap_or(1), next()?.unwrap_or(0));
                let numbers = first..=last.min(before.saturating_sub(1));
                return Ok(numbers.rev().take(limit).collect());
            }
            (Some(job), None) => bound(b'j', job.uuid().as_bytes()),
            (None, Some(queue)) if queue.parse::<Name>().is_ok() => {
                format!("q{queue}/").into_bytes()
            }
            // An activity is about jobs or about a queue, and a queue has a name.
            _ => return Ok(Vec::new()),
        };
        let mut command = redis::cmd("ZREVRANGEBYLEX");
        command.arg(self.scripts.layout().key(Key::Subjects));
        command.arg([&b"("[..], &subject, &before.to_be_bytes()].concat());
        command.arg(bound(b'[', &subject));
        command.arg("LIMIT").arg(0).arg(limit);
        let mut numbers = Vec::new();
        for member in list(self.bulk.ask(&command).await?)? {
            let member = bytes(member)?;
            numbers.extend(member.last_chunk().copied().map(u64::from_be_bytes));
        }
        Ok(numbers)
    }
}

/// An activity: when it was made (7), how many jobs it changed (4), and the rest; and what it
/// changed.
fn read(number: u64, row: &[u8], changed: Vec<Value>) -> Result<Option<Activity>, StoreError> {
    let mut row = Reader(row);
    let (Some(at), Some(jobs)) = (row.number(7), row.number32()) else {
        return Ok(None);
    };
    let Some(told) = Told::decode(row.0) else {
        return Ok(None);
    };
    let mut activity = Activity::new(number, told.kind, told.by, time(at));
    activity.jobs = jobs.into();
    (activity.queue, activity.reason) = (told.queue, told.reason);
    for member in changed {
        // The letter n, the number (8), the letter j, the id.
        let member = bytes(member)?;
        let id = member.get(10..).and_then(|id| id.try_into().ok());
        activity
            .ids
            .extend(id.map(|id| TaskId::from(Uuid::from_bytes(id))));
    }
    Ok(Some(activity))
}
