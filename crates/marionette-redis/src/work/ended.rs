//! Says how jobs have ended.

use std::collections::HashMap;

use marionette::TaskId;
use marionette::store::{CALL_BYTES_MAX, EndKind, Ended, JobState, PastAttempt, StoreError};

use crate::codec::{Body, EndRow, bytes, list};
use crate::jobs::{Found, JobReader};
use crate::scripts::Script;
use crate::server::Server;

/// The most jobs of one call of the script.
const STEP: usize = 2_500;

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
        let ids: Vec<_> = places.iter().map(|&place| jobs[place]).collect();
        let (mut reader, mut rest) = (JobReader::default(), &ids[..]);
        while !rest.is_empty() && left > 0 {
            let found = reader.read(self, rest).await?;
            rest = &rest[found.len()..];
            for found in found {
                let (end, bytes) = full(&found);
                left = left.saturating_sub(bytes);
                known.insert(found.id, end);
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
fn full(found: &Found) -> (Ended, usize) {
    if found.end.is_empty() {
        // Somebody has brought it back, or deleted it, just now.
        let now = if found.is_known() {
            Ended::NotYet
        } else {
            Ended::Missing
        };
        return (now, 0);
    }
    let Some(end) = EndRow::decode(&found.end) else {
        return (unreadable(), 0);
    };
    let errors = found.attempts.iter().filter_map(|past| past.error.as_ref());
    let size = end.rest.len() + errors.map(String::len).sum::<usize>();
    let told = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let body = Body::decode(&found.body).ok();
    let attempts = found.attempts.iter().cloned();
    let ended = Ended::Otherwise {
        state: end.state,
        kind: end.kind.unwrap_or(EndKind::Failed),
        reason: end.has_reason.then(|| told(&end.rest)),
        error: body.and_then(|body| body.options.error),
        attempts: attempts.map(PastAttempt::from).collect(),
    };
    (ended, size)
}
