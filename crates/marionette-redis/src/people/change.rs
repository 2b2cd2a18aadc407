//! Changes that people make to jobs, in steps: each is looked at, and changed in one script if it
//! is still as it was seen.

use std::time::SystemTime;

use marionette::TaskId;
use marionette::inspect::{ActivityKind, By, Filter, Which};
use marionette::store::{InstanceId, JobState, StoreError, clip_error};

use super::activity::Told;
use super::walk::Walk;
use crate::codec::{int, list, micros, state_letter};
use crate::error::strange;
use crate::jobs::{Found, Job, JobReader};
use crate::scripts::Script;
use crate::server::Server;

/// How many ids one walk collects: their jobs are changed, then the next walk goes on behind them.
const FOUND_MAX: usize = 1_000_000;
/// The most jobs that one script changes: it holds the server for some milliseconds.
const STEP: usize = 100;
/// How often a job is looked at again that is not as it was seen: it was claimed or settled since.
const LOOKS_AGAIN: usize = 20;

/// What a person wants done.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Retry,
    Cancel(String),
    Delete,
    Reschedule(SystemTime),
}

impl Change {
    fn kind(&self) -> ActivityKind {
        match self {
            Self::Retry => ActivityKind::Retried,
            Self::Cancel(_) => ActivityKind::Cancelled,
            Self::Delete => ActivityKind::Deleted,
            Self::Reschedule(_) => ActivityKind::Rescheduled,
        }
    }

    /// The change and its value, for the script.
    fn code(&self) -> (&'static str, String) {
        match self {
            Self::Retry => ("r", String::new()),
            Self::Cancel(reason) => ("c", clip_error(reason).into_owned()),
            Self::Delete => ("x", String::new()),
            Self::Reschedule(due) => ("t", micros(*due).to_string()),
        }
    }
}

/// A change that somebody asked for, and how far it has come.
#[derive(Debug)]
struct Asked {
    code: &'static str,
    value: String,
    told: String,
    /// The number of its activity, once it was taken.
    activity: Option<i64>,
    /// How many jobs it has changed.
    changed: u64,
}

impl Asked {
    fn new(change: &Change, by: By) -> Self {
        let (code, value) = change.code();
        let reason = (code == "c").then(|| value.clone());
        Self {
            code,
            told: Told::new(change.kind(), by, None, reason).encode(),
            value,
            activity: None,
            changed: 0,
        }
    }
}

impl Server {
    /// Changes jobs, and says how many were changed.
    pub(crate) async fn change(
        &self,
        which: Which,
        change: Change,
        by: By,
    ) -> Result<u64, StoreError> {
        let mut asked = Asked::new(&change, by);
        let mut reader = JobReader::default();
        match which {
            Which::Ids(mut ids) => {
                ids.sort_unstable();
                ids.dedup();
                self.change_ids(&ids, None, &mut reader, &mut asked).await?;
            }
            Which::Matching(filter) => {
                let walk = Walk::new(self, &filter).await?;
                let mut before = None;
                // Ids go down from walk to walk, so no new job is met, and no job twice.
                loop {
                    reader.look_around(self).await?;
                    let newest = walk.find(&reader, before, FOUND_MAX).await?;
                    let (ids, filter) = (newest.ids(), Some(&filter));
                    self.change_ids(ids, filter, &mut reader, &mut asked)
                        .await?;
                    before = newest.cut();
                    if before.is_none() {
                        break;
                    }
                }
            }
            _ => {
                return Err(StoreError::unsupported(
                    "this store does not know which jobs it is for",
                ));
            }
        }
        if let Some(activity) = asked.activity.filter(|_| asked.changed > 0) {
            self.keep_activity(activity, asked.changed).await?;
        }
        Ok(asked.changed)
    }

    async fn change_ids(
        &self,
        mut ids: &[TaskId],
        filter: Option<&Filter>,
        reader: &mut JobReader,
        asked: &mut Asked,
    ) -> Result<(), StoreError> {
        while !ids.is_empty() {
            let mut found = reader.read(self, &ids[..ids.len().min(STEP)]).await?;
            ids = &ids[found.len()..];
            if filter.is_none() && asked.code == "x" {
                self.discard_unread(&found, reader, asked).await?;
            }
            for _ in 0..LOOKS_AGAIN {
                let again = self.change_found(found, filter, asked).await?;
                if again.is_empty() {
                    break;
                }
                // They were read together, so they fit into one answer; what does not fit by now
                // comes with the next look.
                found = reader.read(self, &again).await?;
            }
        }
        Ok(())
    }

    /// Deletes those that cannot be read.
    async fn discard_unread(
        &self,
        found: &[Found],
        reader: &mut JobReader,
        asked: &mut Asked,
    ) -> Result<(), StoreError> {
        for found in found.iter().filter(|found| found.is_known()) {
            if found.clone().read().is_err() {
                let activity = self.take_number(&mut asked.activity).await?;
                let is_deleted = self.discard(found.id, reader, activity, &asked.told);
                asked.changed += u64::from(is_deleted.await?);
            }
        }
        Ok(())
    }

    /// Changes those that match. Returns those that are not as they were seen.
    async fn change_found(
        &self,
        found: Vec<Found>,
        filter: Option<&Filter>,
        asked: &mut Asked,
    ) -> Result<Vec<TaskId>, StoreError> {
        let mut step = ChangeStep::default();
        for found in found.into_iter().filter(Found::is_known) {
            // A job that cannot be read can only be deleted, and only by its id.
            if let Ok(job) = found.read() {
                step.add(job, filter);
            }
        }
        if step.jobs.is_empty() {
            return Ok(Vec::new());
        }
        let activity = self.take_number(&mut asked.activity).await?;
        let mut call = self.call(Script::Change, &step.instances);
        call.arg(self.channel()).arg(Self::random_process());
        call.arg(asked.code).arg(&asked.value);
        call.arg(activity).arg(&asked.told);
        call.arg(step.places.len());
        for (priority, kind, queue) in &step.places {
            call.arg(*priority).arg(kind).arg(queue);
        }
        for job in &step.jobs {
            call.arg(job.id.uuid().as_bytes()).arg(job.place);
            call.arg(&job.first_due.to_be_bytes()[1..]).arg(job.flags);
            call.arg(job.instance).arg(&job.expected[..]);
        }
        let mut answers = list(self.bulk(&call).await?)?.into_iter();
        let mut next = || int(answers.next().ok_or_else(|| strange("what was changed"))?);
        let mut again = Vec::new();
        for job in &step.jobs {
            match next()? {
                Some(1) => asked.changed += 1,
                Some(2) => again.push(job.id),
                _ => (),
            }
        }
        Ok(again)
    }
}

/// Jobs that are changed in one script.
#[derive(Debug, Default)]
struct ChangeStep {
    /// The instances that have some of them.
    instances: Vec<InstanceId>,
    /// Priority, kind and queue.
    places: Vec<(i8, String, String)>,
    jobs: Vec<SeenJob>,
}

/// A job as it was seen.
#[derive(Debug)]
struct SeenJob {
    id: TaskId,
    /// The number of its place, from 1.
    place: usize,
    first_due: u64,
    flags: u8,
    /// The number of the instance that has it, from 1; 0 for none.
    instance: usize,
    /// How it has to be: as it was when it matched.
    expected: Vec<u8>,
}

impl ChangeStep {
    /// Adds a job if it matches.
    fn add(&mut self, job: Job, filter: Option<&Filter>) {
        let body = &job.body;
        let place = (
            body.priority.get(),
            body.kind.to_string(),
            body.queue.to_string(),
        );
        let instance = job.holder();
        let seen = SeenJob {
            id: job.id(),
            place: 0,
            first_due: body.first_due,
            flags: body.flags(),
            instance: 0,
            expected: filter.map_or(Vec::new(), |_| expected(&job)),
        };
        if filter.is_none_or(|filter| filter.matches(&job.details())) {
            self.jobs.push(SeenJob {
                place: number_of(&mut self.places, place),
                instance: instance.map_or(0, |one| number_of(&mut self.instances, one)),
                ..seen
            });
        }
    }
}

/// The number of an item in a list, from 1. It is added if it is not there.
fn number_of<T: PartialEq>(items: &mut Vec<T>, item: T) -> usize {
    // Jobs that were found together are mostly of the same place.
    let known = items.iter().rposition(|known| *known == item);
    let index = known.unwrap_or_else(|| {
        items.push(item);
        items.len() - 1
    });
    index + 1
}

/// What the script finds of this job if nothing has become of it.
fn expected(job: &Job) -> Vec<u8> {
    match (job.state(), job.end.as_ref()) {
        (_, Some(end)) => state_letter(end.state).into_iter().collect(),
        (JobState::Running, None) => b"h".to_vec(),
        (_, None) => [&b"w"[..], &job.due().to_be_bytes()[1..]].concat(),
    }
}
