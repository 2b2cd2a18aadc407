//! The part of a task that runs: its source, the future of the present attempt, its result.

#![deny(unsafe_code)]

use std::future::Future;
use std::pin::Pin;
use std::task::{Context as Poller, Poll};

use pin_project_lite::pin_project;

use crate::cell::context::Context;
use crate::outcome::TaskError;
use crate::outcome::error::Error;

/// A task that runs, with its types erased.
pub trait Body: Send {
    /// Makes the future of an attempt, and polls it for the first time.
    fn start(
        self: Pin<&mut Self>,
        attempt: Context,
        poller: &mut Poller<'_>,
    ) -> Poll<Result<(), TaskError>>;
    /// Polls that future. On `Ok` the result is kept.
    fn poll(self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<Result<(), TaskError>>;
    /// Drops that future, unless it has ended.
    fn drop_attempt(self: Pin<&mut Self>);
    /// Whether another attempt could be made.
    fn can_repeat(&self) -> bool;
    /// Drops all but the result, which becomes this error if there is one.
    fn finish(self: Pin<&mut Self>, end: Option<Error>);
    /// Drops everything.
    fn clear(self: Pin<&mut Self>);
}

/// A body whose result can be taken.
pub trait Joinable<T>: Body {
    /// The result, the first time.
    fn take(self: Pin<&mut Self>) -> Option<Result<T, Error>>;
}

/// A body that can still give back the task it was made from.
pub trait Offered<S, T>: Joinable<T> {
    /// The task, from a body that was not begun.
    fn withdraw(&mut self) -> Option<S>;
}

pin_project! {
    /// Where a body stands. A future and a result never exist at once, and share their place.
    #[project = StageProjection]
    #[project_replace = StageReplaced]
    enum Stage<Fut, T> {
        Idle,
        Attempt { #[pin] future: Fut },
        Over { result: Result<T, Error> },
    }
}

impl<Fut, T> Stage<Fut, T>
where
    Fut: Future<Output = Result<T, TaskError>>,
{
    fn poll(mut self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<Result<(), TaskError>> {
        let StageProjection::Attempt { future } = self.as_mut().project() else {
            unreachable!("an attempt is begun before it is polled, and not polled after its end");
        };
        match future.poll(poller) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(value)) => {
                self.set(Stage::Over { result: Ok(value) });
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => {
                self.set(Stage::Idle);
                Poll::Ready(Err(error))
            }
        }
    }

    fn drop_attempt(mut self: Pin<&mut Self>) {
        if matches!(self.as_mut().project(), StageProjection::Attempt { .. }) {
            self.set(Stage::Idle);
        }
    }

    fn take(self: Pin<&mut Self>) -> Option<Result<T, Error>> {
        match self.project_replace(Stage::Idle) {
            StageReplaced::Over { result } => Some(result),
            StageReplaced::Idle | StageReplaced::Attempt { .. } => None,
        }
    }
}

/// Where the futures of attempts come from, and what can give back the task that was queued.
pub(crate) trait Source: Send {
    /// The task that was queued.
    type Task;
    /// That task, unless an attempt still holds it.
    fn into_task(self) -> Option<Self::Task>;
}

pin_project! {
    /// A source from which each attempt's future is made: a closure, or a task type.
    pub struct Repeat<S, M, Fut, T> {
        source: Option<(S, M)>,
        #[pin]
        stage: Stage<Fut, T>,
    }
}

impl<S, M, Fut, T> Repeat<S, M, Fut, T> {
    pub(crate) fn new(source: S, make: M) -> Self {
        Self {
            source: Some((source, make)),
            stage: Stage::Idle,
        }
    }
}

impl<S, M, Fut, T> Offered<S::Task, T> for Repeat<S, M, Fut, T>
where
    Self: Joinable<T>,
    S: Source,
{
    fn withdraw(&mut self) -> Option<S::Task> {
        self.source.take()?.0.into_task()
    }
}

impl<S, M, Fut, T> Body for Repeat<S, M, Fut, T>
where
    S: Send,
    M: FnMut(&mut S, Context) -> Fut + Send,
    Fut: Future<Output = Result<T, TaskError>> + Send,
    T: Send,
{
    fn start(
        self: Pin<&mut Self>,
        attempt: Context,
        poller: &mut Poller<'_>,
    ) -> Poll<Result<(), TaskError>> {
        let mut this = self.project();
        if let Some((source, make)) = this.source {
            let future = make(source, attempt);
            this.stage.set(Stage::Attempt { future });
        }
        this.stage.poll(poller)
    }

    fn poll(self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<Result<(), TaskError>> {
        self.project().stage.poll(poller)
    }

    fn drop_attempt(self: Pin<&mut Self>) {
        self.project().stage.drop_attempt();
    }

    fn can_repeat(&self) -> bool {
        true
    }

    fn finish(self: Pin<&mut Self>, end: Option<Error>) {
        let mut this = self.project();
        if let Some(error) = end {
            this.stage.set(Stage::Over { result: Err(error) });
        }
        *this.source = None;
    }

    fn clear(self: Pin<&mut Self>) {
        let mut this = self.project();
        this.stage.set(Stage::Idle);
        *this.source = None;
    }
}

impl<S, M, Fut, T> Joinable<T> for Repeat<S, M, Fut, T>
where
    Self: Body,
    Fut: Future<Output = Result<T, TaskError>>,
{
    fn take(self: Pin<&mut Self>) -> Option<Result<T, Error>> {
        self.project().stage.take()
    }
}

pin_project! {
    /// A plain future: there is one attempt.
    pub struct Once<Fut, T> {
        waiting: bool,
        #[pin]
        stage: Stage<Fut, T>,
    }
}

impl<Fut, T> Once<Fut, T> {
    pub(crate) fn new(future: Fut) -> Self {
        Self {
            waiting: true,
            stage: Stage::Attempt { future },
        }
    }
}

impl<Fut, T> Offered<Fut, T> for Once<Fut, T>
where
    Self: Joinable<T>,
{
    fn withdraw(&mut self) -> Option<Fut> {
        match std::mem::replace(&mut self.stage, Stage::Idle) {
            Stage::Attempt { future } => Some(future),
            Stage::Idle | Stage::Over { .. } => None,
        }
    }
}

impl<Fut, T> Body for Once<Fut, T>
where
    Fut: Future<Output = Result<T, TaskError>> + Send,
    T: Send,
{
    fn start(
        self: Pin<&mut Self>,
        _: Context,
        poller: &mut Poller<'_>,
    ) -> Poll<Result<(), TaskError>> {
        let this = self.project();
        *this.waiting = false;
        this.stage.poll(poller)
    }

    fn poll(self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<Result<(), TaskError>> {
        self.project().stage.poll(poller)
    }

    fn drop_attempt(self: Pin<&mut Self>) {
        self.project().stage.drop_attempt();
    }

    fn can_repeat(&self) -> bool {
        self.waiting
    }

    fn finish(self: Pin<&mut Self>, end: Option<Error>) {
        if let Some(error) = end {
            self.project().stage.set(Stage::Over { result: Err(error) });
        }
    }

    fn clear(self: Pin<&mut Self>) {
        self.project().stage.set(Stage::Idle);
    }
}

impl<Fut, T> Joinable<T> for Once<Fut, T>
where
    Self: Body,
    Fut: Future<Output = Result<T, TaskError>>,
{
    fn take(self: Pin<&mut Self>) -> Option<Result<T, Error>> {
        self.project().stage.take()
    }
}
