//! A job as its rows have it, and as a person is shown it.

use marionette::TaskId;
use marionette::inspect::{JobDetails, JobSummary, TimedAttempt};
use marionette::store::{
    EndKind, FIRST_ATTEMPTS_KEPT, InstanceId, JobState, LAST_ATTEMPTS_KEPT, PastOutcome,
};

use crate::codec::{Body, EndRow, HeldRow, StateRow, attempt, time};

/// The rows of a job, as they were at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) id: TaskId,
    /// The time of the server at that moment.
    pub(crate) now: u64,
    /// Empty if there is no such job; as the other rows, if there is none.
    pub(crate) body: Vec<u8>,
    pub(crate) state: Vec<u8>,
    pub(crate) end: Vec<u8>,
    /// The instance that has it, and what that has.
    pub(crate) held: Option<(InstanceId, Vec<u8>)>,
    /// The attempts that are kept; damaged ones are left out.
    pub(crate) attempts: Vec<TimedAttempt>,
}

/// What the rows of a job say.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    id: TaskId,
    now: u64,
    pub(crate) body: Body,
    state: Option<StateRow>,
    pub(crate) end: Option<EndRow>,
    held: Option<(InstanceId, HeldRow)>,
    attempts: Vec<TimedAttempt>,
}

impl Found {
    /// Whether there is such a job.
    pub(crate) fn is_known(&self) -> bool {
        !self.body.is_empty()
    }

    /// Reads the rows, or says what is wrong with them.
    pub(crate) fn read(self) -> Result<Job, String> {
        let body = Body::decode(&self.body)?;
        let state = row(
            &self.state,
            StateRow::decode,
            "the row of its state is damaged",
        )?;
        let end = row(&self.end, EndRow::decode, "the row of its end is damaged")?;
        let held = self.held.map(|(instance, held)| {
            let held = HeldRow::decode(&held).ok_or("what its instance has of it is damaged")?;
            Ok::<_, String>((instance, held))
        });
        Ok(Job {
            id: self.id,
            now: self.now,
            body,
            state,
            end,
            held: held.transpose()?,
            attempts: self.attempts,
        })
    }
}

/// What this row says; nothing if it is empty.
fn row<T>(
    row: &[u8],
    read: impl FnOnce(&[u8]) -> Option<T>,
    what: &str,
) -> Result<Option<T>, String> {
    match row {
        [] => Ok(None),
        row => read(row).map(Some).ok_or_else(|| what.to_owned()),
    }
}

impl Job {
    pub(crate) fn id(&self) -> TaskId {
        self.id
    }

    /// The instance that has it, unless it has ended.
    pub(crate) fn holder(&self) -> Option<InstanceId> {
        let held = self.held.as_ref().filter(|_| self.end.is_none());
        held.map(|(instance, _)| *instance)
    }

    /// When it is or was due, in microseconds since 1970.
    pub(crate) fn due(&self) -> u64 {
        let state = self.state.as_ref().map(|state| state.due);
        state.unwrap_or(self.body.first_due)
    }

    fn failed(&self) -> u32 {
        self.state.as_ref().map_or(0, |state| state.failed)
    }

    pub(crate) fn state(&self) -> JobState {
        match (&self.end, &self.held) {
            (Some(end), _) => end.state,
            (None, Some(_)) => JobState::Running,
            (None, None) => JobState::waiting(self.due() <= self.now, self.failed()),
        }
    }

    /// The kind of its end, unless it is done or has not ended.
    pub(crate) fn end_kind(&self) -> Option<EndKind> {
        self.end.as_ref().and_then(|end| end.kind)
    }

    /// Why it ended, if somebody said.
    pub(crate) fn said(&self) -> Option<String> {
        let end = self.end.as_ref();
        let end = end.filter(|end| end.state != JobState::Done && end.has_reason)?;
        Some(String::from_utf8_lossy(&end.rest).into_owned())
    }

    /// The reason of its end, or else the error of its last failed attempt since it began.
    fn reason(&self) -> Option<String> {
        let said = self.said();
        if said.is_some() || self.failed() == 0 {
            return said;
        }
        let mut latest_first = self.attempts.iter().rev();
        let last = latest_first.find(|attempt| attempt.outcome.is_failure())?;
        let error = last.error.as_ref()?;
        Some(last.outcome.describe(error).into_owned())
    }

    /// The attempts that are kept, with the one that succeeded: that is in the row of the end.
    pub(crate) fn attempts(&self) -> Vec<TimedAttempt> {
        let mut attempts = self.attempts.clone();
        if let Some((end, ran)) = self.end.as_ref().and_then(|end| Some((end, end.ran?))) {
            let number = self.failed().saturating_add(1);
            let (started, ended) = (time(end.started), time(end.ended));
            let mut done = TimedAttempt::new(number, PastOutcome::Done, started, ended);
            (done.ran, done.instance) = (ran, Some(end.instance));
            attempts.push(done);
            if attempts.len() > FIRST_ATTEMPTS_KEPT + LAST_ATTEMPTS_KEPT {
                attempts.remove(FIRST_ATTEMPTS_KEPT);
            }
        }
        attempts
    }

    /// When its last attempt was started, if one was.
    fn started(&self) -> Option<u64> {
        let started = match (&self.end, &self.held, &self.state) {
            (Some(end), _, _) => end.started,
            (None, Some((_, held)), _) => held.started,
            (None, None, Some(state)) => state.started,
            (None, None, None) => 0,
        };
        (started > 0).then_some(started)
    }

    pub(crate) fn summary(&self) -> JobSummary {
        let Body {
            accepted,
            priority,
            kind,
            queue,
            ..
        } = &self.body;
        let (kind, queue) = (kind.clone(), queue.clone());
        let mut summary = JobSummary::new(self.id, kind, queue, self.state(), time(*accepted));
        summary.priority = *priority;
        summary.due = time(self.due());
        summary.started = self.started().map(time);
        summary.ended = self.end.as_ref().map(|end| time(end.ended));
        summary.failed = self.failed();
        summary.crashes = self.state.as_ref().map_or(0, |state| state.crashes);
        summary.instance = self.holder();
        summary.end = self.end_kind();
        summary.reason = self.reason();
        summary
    }

    pub(crate) fn details(self) -> JobDetails {
        let (summary, attempts) = (self.summary(), self.attempts());
        let mut details = JobDetails::new(summary, self.body.payload, self.body.options);
        details.attempts = attempts;
        let end = self.end.filter(|end| end.state == JobState::Done);
        if let Some(EndRow { rest, .. }) = end {
            match rest.split_first() {
                None => details.result = Some(b"null".to_vec()),
                Some((b'u', why)) => {
                    details.unkept = Some(String::from_utf8_lossy(why).into_owned());
                }
                Some((_, result)) => details.result = Some(result.to_vec()),
            }
        }
        details
    }
}

/// Reads the rows of attempts.
pub(super) fn attempts(rows: &[Vec<u8>]) -> Vec<TimedAttempt> {
    rows.iter().filter_map(|row| attempt(row)).collect()
}
