//! The thread of a store: connections, timers and batches live in its runtime, so that callers need
//! none, and none of theirs can block it.
//!
//! A caller sleeps until its answer is there. Looking for it awake for 50 µs made a lone caller a
//! third slower where server, store and caller share two processors, and an answer takes longer.

use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use marionette::store::StoreError;
use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};
use tokio::task::LocalSet;

type Work<S> = Box<dyn FnOnce(Rc<S>) + Send>;

/// A thread that has an `S`, and ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Thread<S> {
    work: mpsc::UnboundedSender<Work<S>>,
}

impl<S: 'static> Thread<S> {
    /// Starts a thread of this name that makes an `S` and does the work that it is sent.
    pub(crate) async fn start<F>(
        name: &str,
        make: impl FnOnce() -> F + Send + 'static,
    ) -> Result<Self, StoreError>
    where
        F: Future<Output = Result<S, StoreError>> + 'static,
    {
        let (work, mut inbox) = mpsc::unbounded_channel::<Work<S>>();
        let (made, is_made) = oneshot::channel();
        let serve = move || async move {
            let shared = match make().await {
                Ok(shared) => Rc::new(shared),
                Err(error) => {
                    let _ = made.send(Err(error));
                    return;
                }
            };
            if made.send(Ok(())).is_err() {
                return;
            }
            while let Some(work) = inbox.recv().await {
                work(Rc::clone(&shared));
            }
        };
        let builder = std::thread::Builder::new().name(name.to_owned());
        builder
            .spawn(move || {
                let runtime = Builder::new_current_thread().enable_all().build();
                match runtime {
                    Ok(runtime) => LocalSet::new().block_on(&runtime, serve()),
                    Err(error) => drop((serve, error)),
                }
            })
            .map_err(|error| {
                StoreError::unavailable("there is no thread for the store").with_source(error)
            })?;
        is_made.await.map_err(|_| gone())??;
        Ok(Self { work })
    }

    /// Does something on the thread, and waits for what comes of it. Once the thread has begun with
    /// it, it is done, also if nobody waits any more.
    pub(crate) fn run<R, F, W>(&self, work: W) -> impl Future<Output = Result<R, StoreError>> + Send
    where
        W: FnOnce(Rc<S>) -> F + Send + 'static,
        R: Send + 'static,
        F: Future<Output = Result<R, StoreError>> + 'static,
    {
        self.pass(|shared, caller| {
            let work = work(shared);
            tokio::task::spawn_local(async move {
                let _ = caller.send(work.await);
            });
        })
    }

    /// As [`run`](Self::run), for work that is worth nothing without its caller: it is dropped with
    /// the returned future.
    pub(crate) fn run_for_caller<R, F, W>(
        &self,
        work: W,
    ) -> impl Future<Output = Result<R, StoreError>> + Send
    where
        W: FnOnce(Rc<S>) -> F + Send + 'static,
        R: Send + 'static,
        F: Future<Output = Result<R, StoreError>> + 'static,
    {
        self.pass(|shared, mut caller| {
            let work = work(shared);
            tokio::task::spawn_local(async move {
                let mut work = pin!(work);
                let done = poll_fn(|context| match work.as_mut().poll(context) {
                    Poll::Ready(done) => Poll::Ready(Some(done)),
                    Poll::Pending => caller.poll_closed(context).map(|()| None),
                });
                if let Some(done) = done.await {
                    let _ = caller.send(done);
                }
            });
        })
    }

    /// As [`run`](Self::run), for work whose outcome somebody has to have: `undo` gets it if the
    /// caller is gone.
    pub(crate) fn run_or_undo<R, F, W>(
        &self,
        work: W,
        undo: fn(Rc<S>, R),
    ) -> impl Future<Output = Result<R, StoreError>> + Send
    where
        W: FnOnce(Rc<S>) -> F + Send + 'static,
        R: Send + 'static,
        F: Future<Output = Result<R, StoreError>> + 'static,
    {
        // The outcome does not keep the thread from its end.
        let inbox = self.work.downgrade();
        let outcome = self.run(move |shared| async move {
            let value = Some(work(shared).await?);
            Ok(Outcome { value, undo, inbox })
        });
        async move {
            let mut outcome = outcome.await?;
            outcome.value.take().ok_or_else(gone)
        }
    }

    /// Passes a caller on to the thread, which answers it then or later. `begin` is not called once
    /// the caller is gone.
    pub(crate) fn pass<R>(
        &self,
        begin: impl FnOnce(Rc<S>, Caller<R>) + Send + 'static,
    ) -> impl Future<Output = Result<R, StoreError>> + Send
    where
        R: Send + 'static,
    {
        let inbox = self.work.clone();
        async move {
            let (caller, is_answered) = oneshot::channel();
            let work = move |shared| {
                if !caller.is_closed() {
                    begin(shared, caller);
                }
            };
            inbox.send(Box::new(work)).map_err(|_| gone())?;
            is_answered.await.map_err(|_| gone())?
        }
    }
}

/// What came of work, until its caller takes it.
struct Outcome<S: 'static, R: Send + 'static> {
    value: Option<R>,
    undo: fn(Rc<S>, R),
    inbox: mpsc::WeakUnboundedSender<Work<S>>,
}

impl<S, R: Send> Drop for Outcome<S, R> {
    fn drop(&mut self) {
        let undo = self.undo;
        if let Some((value, inbox)) = self.value.take().zip(self.inbox.upgrade()) {
            let _ = inbox.send(Box::new(move |shared| undo(shared, value)));
        }
    }
}

/// The other end of an answer.
pub(crate) type Caller<R> = oneshot::Sender<Result<R, StoreError>>;

fn gone() -> StoreError {
    StoreError::broken("the thread of the store has ended")
}
