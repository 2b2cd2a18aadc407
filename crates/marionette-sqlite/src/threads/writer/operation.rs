//! What the writer does for its callers: each call is an operation that can be repeated until its
//! transaction is committed.

use std::fmt;

use marionette::store::{Inserted, StoreError};
use tokio::sync::oneshot;

use super::Writer;
use super::new_row::NewRow;
use crate::error::{Failure, Fault};

/// One call.
pub(crate) trait Operation: Send {
    /// Does it, in the writer's transaction; again if that had to be rolled back.
    fn run(&mut self, writer: &mut Writer<'_>) -> rusqlite::Result<()>;

    /// Tells the caller what came of it: the transaction is committed, or has failed.
    fn answer(&mut self, outcome: Result<(), &Fault>);

    /// How much work it is, about; one for a row.
    fn weight(&self) -> usize;

    /// Whether its caller waits until it is on the disk.
    fn durability(&self) -> Durability;

    /// The row, if all it does is to insert one: many of them are written by one statement.
    fn row(&self) -> Option<&NewRow> {
        None
    }

    /// Its [`row`](Self::row) has been inserted, in place of a [`run`](Self::run).
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

/// What the caller of an operation is told, once its transaction is committed or has failed.
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

    /// The operation came to this; an error of SQLite makes the transaction void.
    pub(crate) fn keep(&mut self, done: Result<R, Failure>) -> rusqlite::Result<()> {
        self.answer = Some(match done {
            Ok(answer) => Ok(answer),
            Err(Failure::Refused(err)) => Err(err),
            Err(Failure::Sqlite(err)) => return Err(err),
        });
        Ok(())
    }

    pub(crate) fn send(&mut self, outcome: Result<(), &Fault>) {
        let answer = match outcome {
            Ok(()) => self.answer.take(),
            Err(fault) => Some(Err(fault.to_error())),
        };
        if let (Some(caller), Some(answer)) = (self.caller.take(), answer) {
            // A caller that went away needs no answer.
            let _ = caller.send(answer);
        }
    }
}

/// A call that a closure does.
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

    fn answer(&mut self, outcome: Result<(), &Fault>) {
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
