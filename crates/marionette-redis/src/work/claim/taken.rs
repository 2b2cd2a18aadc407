//! What the script for claims answers.

use std::time::Duration;

use marionette::store::{Claimed, InstanceId, Lease, PastAttempt, StoreError};
use redis::Value;

use crate::codec::{self, Body, Member, StateRow, attempt, bytes, int, list, optional};
use crate::error::strange;

/// An answer of the script.
#[derive(Debug)]
pub(super) struct Answer {
    /// The stamp of the groups.
    pub(super) stamp: Vec<u8>,
    /// In how many microseconds the next job is due that was not due yet.
    pub(super) next_due: Option<u64>,
    /// Whether more is due.
    pub(super) is_more: bool,
    pub(super) taken: Vec<Taken>,
}

/// A job that was given to the instance.
#[derive(Debug)]
pub(super) struct Taken {
    /// When it was claimed.
    now: u64,
    token: i64,
    pub(super) member: Member,
    pub(super) body: Vec<u8>,
    state: Option<StateRow>,
    attempts: Vec<Vec<u8>>,
}

impl Answer {
    pub(super) fn read(answer: Value) -> Result<Self, StoreError> {
        let mut values = list(answer)?.into_iter();
        let stamp = optional(next(&mut values)?)?.unwrap_or_default();
        let next_due = int(next(&mut values)?)?;
        let is_more = int(next(&mut values)?)? == Some(1);
        let Some(token) = values.next() else {
            return Ok(Self {
                stamp,
                next_due: None,
                is_more,
                taken: Vec::new(),
            });
        };
        let token = token_of(token)?;
        let now = u64::try_from(token).map_err(|_| strange("a token"))?;
        let next_due = next_due.and_then(|due| u64::try_from(due).ok());
        let next_due = next_due.map(|due| due.saturating_sub(now));
        let members = list(next(&mut values)?)?;
        let bodies = list(next(&mut values)?)?;
        let mut taken = Vec::with_capacity(members.len());
        for (member, body) in members.into_iter().zip(bodies) {
            taken.push(Taken::read(now, token, member, body)?);
        }
        while let Some(index) = values.next() {
            let index = int(index)?.and_then(|index| usize::try_from(index - 1).ok());
            let job = index.and_then(|index| taken.get_mut(index));
            let Some(job) = job.and_then(Option::as_mut) else {
                (0..3).for_each(|_| drop(values.next()));
                continue;
            };
            job.token = token_of(next(&mut values)?)?;
            job.state = StateRow::decode(&bytes(next(&mut values)?)?);
            for row in list(next(&mut values)?)? {
                job.attempts.extend(optional(row)?);
            }
        }
        Ok(Self {
            stamp,
            next_due,
            is_more,
            taken: taken.into_iter().flatten().collect(),
        })
    }
}

fn next(values: &mut impl Iterator<Item = Value>) -> Result<Value, StoreError> {
    values
        .next()
        .ok_or_else(|| strange("the answer to a claim"))
}

fn token_of(value: Value) -> Result<i64, StoreError> {
    let token = bytes(value)?.try_into();
    token
        .map(i64::from_be_bytes)
        .map_err(|_| strange("a token"))
}

impl Taken {
    /// `None` for a member without a body, which is no job.
    fn read(now: u64, token: i64, member: Value, body: Value) -> Result<Option<Self>, StoreError> {
        let Some(body) = optional(body)? else {
            return Ok(None);
        };
        let member = bytes(member)?;
        let member = Member::decode(&member).ok_or_else(|| strange("a waiting job"))?;
        Ok(Some(Self {
            now,
            token,
            member,
            body,
            state: None,
            attempts: Vec::new(),
        }))
    }

    /// The lease; its row says how long the job is kept once it is done, see [`codec::keep_row`].
    pub(super) fn lease(&self, instance: InstanceId, row: i64) -> Lease {
        Lease::new(self.member.id, instance, row, self.token)
    }

    /// The job as its instance gets it; what is wrong with it if it cannot be read.
    pub(super) fn claimed(&self, instance: InstanceId) -> Result<Claimed, String> {
        let body = Body::decode(&self.body)?;
        let lease = self.lease(instance, codec::keep_row(body.options.keep_result));
        let mut claimed = Claimed::new(lease, body.kind, body.queue, body.payload);
        claimed.priority = body.priority;
        claimed.options = body.options;
        let since = |time: u64| Duration::from_micros(self.now.saturating_sub(time));
        claimed.late = since(self.member.due);
        claimed.age = since(body.first_due);
        let Some(state) = &self.state else {
            return Ok(claimed);
        };
        claimed.age = since(state.first_due);
        // A job that a person changed before it was ever claimed has no token.
        claimed.previous = Some(state.token).filter(|token| *token != 0);
        (claimed.failed, claimed.crashes) = (state.failed, state.crashes);
        let attempts = self.attempts.iter().filter_map(|row| attempt(row));
        let failures = attempts.filter(|attempt| attempt.outcome.is_failure());
        claimed.attempts = failures.map(PastAttempt::from).collect();
        Ok(claimed)
    }
}
