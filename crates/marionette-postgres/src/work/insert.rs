//! Accepts jobs.

use std::collections::HashMap;

use marionette::store::{Due, Inserted, Name, NewJob, StoreError};
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::codec;
use crate::error::strange;
use crate::server::Server;

/// Jobs as the columns of one call.
#[derive(Debug, Default)]
struct JobColumns {
    ids: Vec<Uuid>,
    places: Vec<i32>,
    dues: Vec<Option<i64>>,
    afters: Vec<Option<i64>>,
    keeps: Vec<Option<i64>>,
    options: Vec<Vec<u8>>,
    payloads: Vec<Vec<u8>>,
    limits: Option<Vec<Option<i64>>>,
    queues: Vec<String>,
    kinds: Vec<String>,
    priorities: Vec<i16>,
}

impl JobColumns {
    fn of(jobs: Vec<NewJob>) -> Result<Self, StoreError> {
        let mut columns = Self::default();
        let mut places: HashMap<(Name, Name, i8), i32> = HashMap::new();
        let has_limits = jobs.iter().any(|job| job.queue_limit.is_some());
        let mut limits = Vec::new();
        let turns = turns(&jobs);
        for (job, turn) in jobs.into_iter().zip(turns) {
            job.check()?;
            let unknown =
                || StoreError::unsupported(format!("job {}: a time of an unknown kind", job.id));
            let (due, after) = codec::when(job.due).ok_or_else(unknown)?;
            columns.ids.push(job.id.uuid());
            columns.dues.push(due.map(|due| due.saturating_add(turn)));
            columns
                .afters
                .push(after.map(|after| after.saturating_add(turn)));
            columns
                .keeps
                .push(job.options.keep_result.map(codec::length));
            columns.options.push(codec::options_in(&job.options)?);
            columns.payloads.push(job.payload);
            limits.push(
                job.queue_limit
                    .map(|limit| i64::try_from(limit).unwrap_or(i64::MAX)),
            );
            let place = (job.queue, job.kind, job.priority.get());
            let next = columns.queues.len() + 1;
            let known = places.get(&place).copied();
            let number = known.unwrap_or_else(|| {
                columns.queues.push(place.0.to_string());
                columns.kinds.push(place.1.to_string());
                columns.priorities.push(place.2.into());
                i32::try_from(next).unwrap_or(i32::MAX)
            });
            places.insert(place, number);
            columns.places.push(number);
        }
        columns.limits = has_limits.then_some(limits);
        Ok(columns)
    }
}

/// By how many microseconds each job is due earlier or later than it says, so that jobs which are
/// due together keep the order of the call: 0 if their ids give that order already.
fn turns(jobs: &[NewJob]) -> Vec<i64> {
    if jobs.is_sorted_by_key(|job| job.id) {
        return vec![0; jobs.len()];
    }
    let place = |place: usize| i64::try_from(place).unwrap_or(i64::MAX);
    let turn = |(index, job): (usize, &NewJob)| match job.due {
        // All of these can be claimed at once.
        Due::Now => place(index) - place(jobs.len() - 1),
        // And none of these is early.
        _ => place(index),
    };
    jobs.iter().enumerate().map(turn).collect()
}

impl Server {
    pub(crate) async fn insert(&self, jobs: Vec<NewJob>) -> Result<Vec<Inserted>, StoreError> {
        if jobs.is_empty() {
            return Ok(Vec::new());
        }
        let columns = JobColumns::of(jobs)?;
        let sql =
            self.sql("SELECT marionette.insert_1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)");
        let rows = self
            .durable
            .call(
                &sql,
                &[
                    (&columns.ids, Type::UUID_ARRAY),
                    (&columns.places, Type::INT4_ARRAY),
                    (&columns.dues, Type::INT8_ARRAY),
                    (&columns.afters, Type::INT8_ARRAY),
                    (&columns.keeps, Type::INT8_ARRAY),
                    (&columns.options, Type::BYTEA_ARRAY),
                    (&columns.payloads, Type::BYTEA_ARRAY),
                    (&columns.limits, Type::INT8_ARRAY),
                    (&columns.queues, Type::TEXT_ARRAY),
                    (&columns.kinds, Type::TEXT_ARRAY),
                    (&columns.priorities, Type::INT2_ARRAY),
                ],
            )
            .await?;
        let answers: Vec<i16> = rows.first().map(|row| row.get(0)).unwrap_or_default();
        if answers.len() != columns.ids.len() {
            return Err(strange("an answer for each job"));
        }
        let answer = |number| match number {
            0 => Ok(Inserted::Accepted),
            1 => Ok(Inserted::Known),
            2 => Ok(Inserted::Taken),
            3 => Ok(Inserted::Full),
            _ => Err(strange("an answer for each job")),
        };
        answers.into_iter().map(answer).collect()
    }
}
