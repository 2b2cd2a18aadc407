//! How jobs have ended.

use marionette::store::{EndKind, Ended, JobState};
use rusqlite::{Connection, OptionalExtension};

use super::{JOB_BY_ID, Job};
use crate::codec::{self, Id};

/// The ends of these jobs.
pub(crate) fn ended(connection: &Connection, ids: &[Id]) -> rusqlite::Result<Vec<Ended>> {
    let mut statement = connection.prepare_cached(JOB_BY_ID)?;
    let mut answers = Vec::with_capacity(ids.len());
    for id in ids {
        answers.push(match statement.query_row([id], Job::read).optional() {
            Ok(Some(job)) => job.into_ended(connection)?,
            Ok(None) => Ended::Missing,
            // The job will never run, so a caller that waits for it is told.
            Err(err) if codec::is_of_one_row(&err) => Ended::Otherwise {
                state: JobState::Quarantined,
                kind: EndKind::Quarantined,
                attempts: Vec::new(),
                reason: Some(format!("its row in the file cannot be read: {err}")),
                error: None,
            },
            Err(err) => return Err(err),
        });
    }
    Ok(answers)
}
