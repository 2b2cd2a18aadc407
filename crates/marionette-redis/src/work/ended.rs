//! Says how jobs have ended.

use std::collections::HashMap;

use marionette::TaskId;
use marionette::store::{CALL_BYTES_MAX, EndKind, Ended, JobState, PastAttempt, StoreError};
use redis::Value;

use crate::codec::{Body, EndRow, attempt, bytes, list, optional};
use crate::error::strange;
use crate::scripts::Script;
use crate::server::Server;

/// The most jobs of one call of the script.
const STEP: usize = 2_500;
/// The most jobs that are read in full at once: each may have 1 MiB, and errors beside it.
const READ: usize = 64;
/// The number of values that the script `read` answers for each job.
const VALUES: usize = 7;

impl Server {
    pub(crate) async fn ended(&self, jobs: Vec<TaskId>) -> Result<Vec<Ended>, StoreError> {
        let mut ended = Vec::with_capacity(jobs.len());
        let mut otherwise = Vec::new();
        let mut left = CALL_BYTES_MAX;
        for part in jobs.chunks(STEP) {
            for row in self.ends(part, "").await? {
                left = left.saturating_sub(row.len());
                if let Some(told) = told(&row) {
                    ended.push(told);
                } else {
                    otherwise.push(ended.len());
                    ended.push(Ended::NotYet);
                }
            }
            // The answer is as large as it may be: for the others the caller asks again.
            if left == 0 {
                break;
            }
        }
        ended.resize(jobs.len(), Ended::NotYet);
        self.read_ends(&jobs, &otherwise, &mut ended, left).await?;
        Ok(ended)
    }

    /// The rows of the ends of these jobs, or of the first of them: `w` for one that has not ended,
    /// `-` for one that is not known. The process with this name is told when one ends.
    pub(crate) async fn ends(
        &self,
        jobs: &[TaskId],
        process: &str,
    ) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut call = self.call(Script::Ended, &[]);
        call.arg(process);
        for job in jobs {
            call.arg(job.uuid().as_bytes());
        }
        let rows = list(self.bulk(&call).await?)?;
        rows.into_iter().map(bytes).collect()
    }

    /// Reads the jobs in these places, which ended without success.
    async fn read_ends(
        &self,
        jobs: &[TaskId],
        places: &[usize],
        ended: &mut [Ended],
        mut left: usize,
    ) -> Result<(), StoreError> {
        let mut known: HashMap<TaskId, Ended> = HashMap::new();
        let mut rest = places;
        while !rest.is_empty() {
            let part = &rest[..rest.len().min(READ)];
            let mut call = self.call(Script::Read, &[]);
            for &place in part {
                call.arg(jobs[place].uuid().as_bytes());
            }
            let mut values = list(self.bulk(&call).await?)?.into_iter().skip(1);
            let mut read = 0;
            for &place in part {
                let row: Vec<Value> = values.by_ref().take(VALUES).collect();
                let Ok(row) = <[Value; VALUES]>::try_from(row) else {
                    break;
                };
                let (end, bytes) = full(row)?;
                left = left.saturating_sub(bytes);
                known.insert(jobs[place], end);
                read += 1;
            }
            if read == 0 {
                return Err(strange("a job"));
            }
            rest = &rest[read..];
            if left == 0 {
                break;
            }
        }
        for &place in places {
            if let Some(end) = known.get(&jobs[place]) {
                ended[place] = end.clone();
            }
        }
        Ok(())
    }
}

/// How a job ended, as far as this row tells; `None` if there is more to be read.
fn told(row: &[u8]) -> Option<Ended> {
    match row {
        b"w" => return Some(Ended::NotYet),
        b"-" => return Some(Ended::Missing),
        _ => {}
    }
    let Some(end) = EndRow::decode(row) else {
        return Some(unreadable());
    };
    if end.state != JobState::Done {
        return None;
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Some(match end.rest.split_first() {
        None => Ended::Done(b"null".to_vec()),
        Some((b'r', result)) => Ended::Done(result.to_vec()),
        Some((b'u', why)) => Ended::Unkept(text(why)),
        Some(_) => unreadable(),
    })
}

/// The job will never run, so a caller that waits for it is told.
fn unreadable() -> Ended {
    Ended::Otherwise {
        state: JobState::Quarantined,
        kind: EndKind::Quarantined,
        reason: Some("the row of its end cannot be read".to_owned()),
        error: None,
        attempts: Vec::new(),
    }
}

/// How a job ended that ended without success, and about how many bytes that takes.
fn full(row: [Value; VALUES]) -> Result<(Ended, usize), StoreError> {
    let [body, _, end, _, _, _, attempts] = row;
    let (body, end) = (bytes(body)?, bytes(end)?);
    if end.is_empty() {
        // Somebody has brought it back, or deleted it, just now.
        let now = if body.is_empty() {
            Ended::Missing
        } else {
            Ended::NotYet
        };
        return Ok((now, 0));
    }
    let Some(end) = EndRow::decode(&end) else {
        return Ok((unreadable(), 0));
    };
    let mut size = end.rest.len();
    let mut past: Vec<PastAttempt> = Vec::new();
    for row in list(attempts)? {
        let Some(row) = optional(row)? else { continue };
        size += row.len();
        past.extend(attempt(&row).map(PastAttempt::from));
    }
    let told = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let ended = Ended::Otherwise {
        state: end.state,
        kind: end.kind.unwrap_or(EndKind::Failed),
        reason: end.has_reason.then(|| told(&end.rest)),
        error: Body::decode(&body).ok().and_then(|body| body.options.error),
        attempts: past,
    };
    Ok((ended, size))
}
