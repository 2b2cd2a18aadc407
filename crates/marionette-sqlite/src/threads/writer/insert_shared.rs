//! Calls that insert one job each: the jobs of several callers share a statement.

use marionette::store::{Inserted, StoreError};
use tokio::sync::oneshot;

use super::Writer;
use super::insert::ROWS_MAX;
use super::new_row::NewRow;
use super::operation::{Durability, Operation, Reply};

/// A call that inserts one job whose queue has no limit.
#[derive(Debug)]
pub(crate) struct SharedInsert {
    job: [NewRow; 1],
    reply: Reply<Vec<Inserted>>,
}

impl SharedInsert {
    pub(crate) fn new(job: NewRow) -> (Self, oneshot::Receiver<Result<Vec<Inserted>, StoreError>>) {
        let (reply, answer) = Reply::new();
        (Self { job: [job], reply }, answer)
    }
}

impl Operation for SharedInsert {
    fn run(&mut self, writer: &mut Writer<'_>) -> rusqlite::Result<()> {
        self.reply.keep(writer.insert(&self.job))
    }

    fn answer(&mut self, outcome: Result<(), &StoreError>) {
        self.reply.send(outcome);
    }

    fn weight(&self) -> usize {
        NewRow::weight(&self.job)
    }

    fn durability(&self) -> Durability {
        Durability::Synced
    }

    fn row(&self) -> Option<&NewRow> {
        Some(&self.job[0])
    }

    fn inserted(&mut self, inserted: Inserted) -> rusqlite::Result<()> {
        self.reply.keep(Ok(vec![inserted]))
    }
}

/// Runs the first operations in one statement if they are several such calls; returns how many.
pub(super) fn run(
    writer: &mut Writer<'_>,
    operations: &mut [Box<dyn Operation>],
) -> rusqlite::Result<usize> {
    let most = operations.iter().take(ROWS_MAX);
    let count = most
        .take_while(|operation| operation.row().is_some())
        .count();
    let rows = operations.iter().filter_map(|operation| operation.row());
    let inserted = writer.insert_rows(count, rows)?;
    for (operation, inserted) in operations.iter_mut().zip(&inserted) {
        operation.inserted(*inserted)?;
    }
    Ok(inserted.len())
}
