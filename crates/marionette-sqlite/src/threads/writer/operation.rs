//! Operations: each call to the writer is one, and it can be run again until its transaction is
//! committed.

use std::fmt;

use marionette::store::{Inserted, StoreError};
use tokio::sync::oneshot;

use super::Writer;
use super::new_row::NewRow;
use crate::error::Failure;

/// One call to the writer.
pub(crate) trait Operation: Send {
    /// Runs in the writer's transaction; runs again if that was rolled back.
    fn run(&mut self, writer: &mut Writer<'_>) -> rusqlite::Result<()>;

    /// Answers the caller: the transaction is committed, or has failed.
    fn answer(&mut self, outcome: Result<(), &StoreError>);

    /// About how much work it is, one for a row.
    fn weight(&self) -> usize;

    /// When its caller is answered.
    fn durability(&self) -> Durability;

    /// The row, if it only inserts one: one statement writes the rows of several operations.
    fn row(&self) -> Option<&NewRow> {
        None
    }

    /// Takes the result for its [`row`](Self::row), which was inserted in place of a
    /// [`run`](Self::run).
    fn inserted(&mut self, _: Inserted) -> rusqlite::Result<()> {
        Ok(())
    }
}

/// When a caller is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    /// Once it is on the disk.
    Synced,
    /// Once it is committed; losing it is harmless.
    Committed,
}

/// The answer to a caller, sent when the transaction is committed or has failed.
#[derive(Debug)]
pub(crate) struct Reply<R> {
    answer: Option<Result<R, StoreError>>,
    caller: Option<oneshot::Sender<Result<R, StoreError>>>,
}

impl<R> Reply<R> {
    pub(crate) fn new() -> (Self, oneshot::Receiver<Result<R, StoreError>>) {
        let (caller, answer) = oneshot::channel();
        let reply = Self {
            answer: None,
            caller: Some(caller),
        };
        (reply, answer)
    }

    /// Keeps the result of a run; an error of SQLite voids the transaction.
    pub(crate) fn keep(&mut self, done: Result<R, Failure>) -> rusqlite::Result<()> {
        self.answer = Some(match done {
            Ok(answer) => Ok(answer),
            Err(Failure::Refused(err)) => Err(err),
            Err(Failure::Sqlite(err)) => return Err(err),
        });
        Ok(())
    }

    pub(crate) fn send(&mut self, outcome: Result<(), &StoreError>) {
        let answer = match outcome {
            Ok(()) => self.answer.take(),
            Err(fault) => Some(Err(fault.clone())),
        };
        if let (Some(caller), Some(answer)) = (self.caller.take(), answer) {
            // A caller that went away needs no answer.
            let _ = caller.send(answer);
        }
    }
}

/// An operation that runs a closure.
pub(crate) struct Call<F, R> {
    work: F,
    weight: usize,
    durability: Durability,
    reply: Reply<R>,
}

impl<F, R> Call<F, R>
where
    F: FnMut(&mut Writer<'_>) -> Result<R, Failure> + Send,
    R: Send,
{
    pub(crate) fn new(
        weight: usize,
        durability: Durability,
        work: F,
    ) -> (Self, oneshot::Receiver<Result<R, StoreError>>) {
        let (reply, answer) = Reply::new();
        let call = Self {
            work,
            weight,
            durability,
            reply,
        };
        (call, answer)
    }
}

impl<F, R> Operation for Call<F, R>
where
    F: FnMut(&mut Writer<'_>) -> Result<R, Failure> + Send,
    R: Send,
{
    fn run(&mut self, writer: &mut Writer<'_>) -> rusqlite::Result<()> {
        self.reply.keep((self.work)(writer))
    }

    fn answer(&mut self, outcome: Result<(), &StoreError>) {
        self.reply.send(outcome);
    }

    fn weight(&self) -> usize {
        self.weight
    }

    fn durability(&self) -> Durability {
        self.durability
    }
}

impl<F, R> fmt::Debug for Call<F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("weight", &self.weight)
            .field("durability", &self.durability)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for dyn Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Operation")
    }
}
