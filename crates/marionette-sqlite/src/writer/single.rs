//! Calls that insert one job each: those of many callers share a statement.

use marionette::store::{Inserted, StoreError};
use tokio::sync::oneshot;

use super::Writer;
use super::insert::{Accepting, ROWS};
use super::operation::{Durability, Operation};
use crate::error::{Failure, Fault};

/// What its caller waits for.
type Answer = Result<Vec<Inserted>, StoreError>;

/// A call that inserts one job, which has no limit.
#[derive(Debug)]
pub(crate) struct Single {
    job: [Accepting; 1],
    answer: Option<Answer>,
    reply: Option<oneshot::Sender<Answer>>,
}

impl Single {
    pub(crate) fn new(job: Accepting) -> (Self, oneshot::Receiver<Answer>) {
        let (reply, answer) = oneshot::channel();
        let single = Self {
            job: [job],
            answer: None,
            reply: Some(reply),
        };
        (single, answer)
    }
}

impl Operation for Single {
    fn run(&mut self, writer: &mut Writer<'_>) -> rusqlite::Result<()> {
        self.answer = Some(match writer.insert(&self.job) {
            Ok(inserted) => Ok(inserted),
            Err(Failure::Refused(err)) => Err(err),
            Err(Failure::Sqlite(err)) => return Err(err),
        });
        Ok(())
    }

    fn answer(&mut self, outcome: Result<(), &Fault>) {
        let answer = match outcome {
            Ok(()) => self.answer.take(),
            Err(fault) => Some(Err(fault.to_error())),
        };
        if let (Some(reply), Some(answer)) = (self.reply.take(), answer) {
            // A caller that went away needs no answer.
            let _ = reply.send(answer);
        }
    }

    fn weight(&self) -> usize {
        Accepting::weight(&self.job)
    }

    fn durability(&self) -> Durability {
        Durability::Synced
    }

    fn row(&self) -> Option<&Accepting> {
        Some(&self.job[0])
    }

    fn inserted(&mut self) {
        self.answer = Some(Ok(vec![Inserted::Accepted]));
    }
}

/// Does the first of these in one statement if they are full of such calls; says how many it did.
pub(super) fn run(
    writer: &mut Writer<'_>,
    operations: &mut [Box<dyn Operation>],
) -> rusqlite::Result<usize> {
    let Some(operations) = operations.get_mut(..ROWS) else {
        return Ok(0);
    };
    if !operations.iter().all(|operation| operation.row().is_some()) {
        return Ok(0);
    }
    writer.insert_rows(operations.iter().filter_map(|operation| operation.row()))?;
    for operation in operations {
        operation.inserted();
    }
    Ok(ROWS)
}
