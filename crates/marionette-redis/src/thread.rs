//! The thread of a store: connections, timers and batches live in its runtime, so that callers need
//! none, and none of theirs can block it.

use std::rc::Rc;

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
    /// Starts a thread that makes an `S` and does the work that it is sent.
    pub(crate) async fn start<F>(
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
        let builder = std::thread::Builder::new().name("marionette-redis".to_owned());
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

    /// Does something on the thread, and waits for what comes of it. Once it was sent it is done,
    /// also if nobody waits any more.
    pub(crate) fn run<R, F, W>(
        &self,
        work: W,
    ) -> impl Future<Output = Result<R, StoreError>> + Send + use<R, F, W, S>
    where
        W: FnOnce(Rc<S>) -> F + Send + 'static,
        R: Send + 'static,
        F: Future<Output = Result<R, StoreError>> + 'static,
    {
        let (answer, is_answered) = oneshot::channel();
        let work = move |shared: Rc<S>| {
            let work = work(shared);
            tokio::task::spawn_local(async move {
                let _ = answer.send(work.await);
            });
        };
        let is_sent = self.work.send(Box::new(work)).is_ok();
        async move {
            if !is_sent {
                return Err(gone());
            }
            is_answered.await.map_err(|_| gone())?
        }
    }
}

fn gone() -> StoreError {
    StoreError::broken("the thread of the store has ended")
}
