//! The rows that the scripts write.

use std::time::Duration;

use marionette::TaskId;
use marionette::store::inspect::TimedAttempt;
use marionette::store::{EndKind, InstanceId, JobState, PastOutcome};
use uuid::Uuid;

use super::reader::Reader;
use super::time;

/// Where a job waits: a member of the set of waiting jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    /// The number of its kind and priority.
    pub(crate) group: u16,
    pub(crate) queue: [u8; 3],
    pub(crate) is_suspect: bool,
    pub(crate) due: u64,
    pub(crate) id: TaskId,
    pub(crate) has_state: bool,
}

impl Member {
    pub(crate) fn decode(member: &[u8]) -> Option<Self> {
        let mut row = Reader(member);
        Some(Self {
            group: u16::from_be_bytes(row.array()?),
            queue: row.array()?,
            is_suspect: row.byte()? == b'1',
            due: row.number(7)?,
            id: TaskId::from(Uuid::from_bytes(row.array()?)),
            has_state: row.byte()? & 1 == 1,
        })
    }
}

/// What an instance has in hand of a job that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HeldRow {
    pub(crate) token: i64,
    pub(crate) started: u64,
    pub(crate) member: Member,
}

impl HeldRow {
    pub(crate) fn decode(row: &[u8]) -> Option<Self> {
        let mut row = Reader(row);
        Some(Self {
            token: i64::from_be_bytes(row.array()?),
            started: row.number(7)?,
            member: Member::decode(row.take(30)?)?,
        })
    }
}

/// The state of a job that was given back at least once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StateRow {
    pub(crate) token: i64,
    pub(crate) instance: InstanceId,
    pub(crate) is_settled: bool,
    pub(crate) started: u64,
    pub(crate) due: u64,
    pub(crate) first_due: u64,
    pub(crate) failed: u32,
    pub(crate) crashes: u32,
    /// The number of attempts in the history, also of those that are not kept.
    pub(crate) history: u32,
}

impl StateRow {
    pub(crate) fn decode(row: &[u8]) -> Option<Self> {
        let mut row = Reader(row);
        Some(Self {
            token: i64::from_be_bytes(row.array()?),
            instance: Uuid::from_bytes(row.array()?).into(),
            is_settled: row.byte()? == 1,
            started: row.number(7)?,
            due: row.number(7)?,
            first_due: row.number(7)?,
            failed: row.number32()?,
            crashes: row.number32()?,
            history: row.number32()?,
        })
    }
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EndRow {
    pub(crate) state: JobState,
    pub(crate) kind: Option<EndKind>,
    /// Whether somebody said why.
    pub(crate) has_reason: bool,
    /// The attempt that succeeded, if the settlement told one.
    pub(crate) ran: Option<Duration>,
    pub(crate) instance: InstanceId,
    pub(crate) started: u64,
    pub(crate) ended: u64,
    /// The result as it is stored, or the reason.
    pub(crate) rest: Vec<u8>,
}

impl EndRow {
    pub(crate) fn decode(row: &[u8]) -> Option<Self> {
        const TRIED: u8 = 2;
        const SAID: u8 = 4;
        let mut row = Reader(row);
        let state = state_of(row.byte()?)?;
        let kind = row.byte()?;
        let flags = row.byte()?;
        row.take(8)?;
        let instance = Uuid::from_bytes(row.array()?).into();
        let (started, ended) = (row.number(7)?, row.number(7)?);
        let ran = Duration::from_nanos(row.number(8)?);
        Some(Self {
            state,
            kind: end_of(kind),
            has_reason: flags & SAID != 0,
            ran: (flags & TRIED != 0).then_some(ran),
            instance,
            started,
            ended,
            rest: row.0.to_vec(),
        })
    }
}

/// The states of ended jobs, by their letters.
const STATES: [(u8, JobState); 4] = [
    (b'4', JobState::Done),
    (b'5', JobState::Dead),
    (b'6', JobState::Cancelled),
    (b'7', JobState::Quarantined),
];

/// The state of an ended job with this letter.
pub(crate) fn state_of(letter: u8) -> Option<JobState> {
    let mut all = STATES.iter();
    all.find(|(it, _)| *it == letter).map(|(_, state)| *state)
}

/// The letter of a state in which a job has ended.
pub(crate) fn state_letter(state: JobState) -> Option<u8> {
    let mut all = STATES.iter();
    all.find(|(_, it)| *it == state).map(|(letter, _)| *letter)
}

/// The kinds of ends, by their letters.
const ENDS: [(u8, EndKind); 5] = [
    (b'f', EndKind::Failed),
    (b'c', EndKind::Cancelled),
    (b'e', EndKind::Expired),
    (b'g', EndKind::GivenUp),
    (b'q', EndKind::Quarantined),
];

fn end_of(letter: u8) -> Option<EndKind> {
    let mut all = ENDS.iter();
    all.find(|(it, _)| *it == letter).map(|(_, end)| *end)
}

/// The letter of a kind of end; `None` for one that is newer than this library.
pub(crate) fn end_letter(kind: EndKind) -> Option<u8> {
    let mut all = ENDS.iter();
    all.find(|(_, it)| *it == kind).map(|(letter, _)| *letter)
}

/// The outcomes of attempts, by their letters.
const OUTCOMES: [(u8, PastOutcome); 9] = [
    (b'0', PastOutcome::Done),
    (b'1', PastOutcome::Failed),
    (b'2', PastOutcome::Panicked),
    (b'3', PastOutcome::TimedOut),
    (b'4', PastOutcome::GivenUp),
    (b'5', PastOutcome::Cancelled),
    (b'6', PastOutcome::Snoozed),
    (b'7', PastOutcome::Interrupted),
    (b'8', PastOutcome::Crashed),
];

fn outcome_of(letter: u8) -> Option<PastOutcome> {
    let mut all = OUTCOMES.iter();
    all.find(|(it, _)| *it == letter).map(|(_, it)| *it)
}

/// The letter of an outcome; `None` for one that is newer than this library.
pub(crate) fn outcome_letter(outcome: PastOutcome) -> Option<u8> {
    let mut all = OUTCOMES.iter();
    all.find(|(_, it)| *it == outcome).map(|(it, _)| *it)
}

/// Reads an attempt that is kept.
pub(crate) fn attempt(row: &[u8]) -> Option<TimedAttempt> {
    let mut row = Reader(row);
    let number = row.number32()?;
    let (started, ended) = (row.number(7)?, row.number(7)?);
    let instance = Uuid::from_bytes(row.array()?);
    let outcome = outcome_of(row.byte()?)?;
    let ran = Duration::from_nanos(row.number(8)?);
    let mut attempt = TimedAttempt::new(number, outcome, time(started), time(ended));
    attempt.ran = ran;
    attempt.instance = (!instance.is_nil()).then(|| instance.into());
    // A mark stands before the error: an empty one is not none.
    let error = row.byte().map(|_| String::from_utf8_lossy(row.0));
    attempt.error = error.map(Into::into);
    Some(attempt)
}
