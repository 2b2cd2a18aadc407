//! Tasks that block their thread: they run on threads of their own, and count as workers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};

use crate::body::{Offered, Repeat, Source};
use crate::context::Context;
use crate::current::Current;
use crate::draft::Draft;
use crate::outcome::TaskError;
use crate::panic::catch;
use crate::quiet::QuietSpan;
use crate::task::{IntoTask, Repeatable};

/// Marks code that blocks its thread as a task: it runs on a thread apart, not on the runtime's.
///
/// It counts as a worker while it runs, so a manager with four workers runs at most four. Use it
/// for work that computes for long or calls what is not async.
///
/// **A thread cannot be stopped from outside.** At a timeout or a cancellation the attempt ends
/// after its grace and its worker goes on, while the thread runs until the code returns; look at
/// [`Context::is_cancelled`] in loops. Such threads stay counted against a pool of their own, as
/// many as there are workers: when all of them are stuck, further blocking attempts wait. Attempts
/// of one task never overlap: the next one waits for the thread of the one before.
///
/// # Examples
///
/// ```
/// use marionette::{Context, TaskManager, blocking};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let tasks = TaskManager::new(Default::default())?;
/// # tasks.start();
/// let sum = tasks.queue(blocking(|_: Context| Ok((1..=1_000_u64).sum::<u64>()))).await?;
/// assert_eq!(sum.await?, 500_500);
/// # Ok(())
/// # }
/// ```
pub fn blocking<F, T>(code: F) -> Blocking<F>
where
    F: FnMut(Context) -> Result<T, TaskError> + Send + 'static,
    T: Send + 'static,
{
    Blocking(code)
}

/// A task that blocks its thread: made by [`blocking`].
#[derive(Debug)]
pub struct Blocking<F>(F);

/// Marks [`Blocking`] code.
#[doc(hidden)]
#[derive(Debug)]
pub struct ByThread<T>(std::marker::PhantomData<fn() -> T>);

impl<T> Repeatable for ByThread<T> {}

/// The places of a manager's threads: as many as it has workers.
pub(crate) struct Pool {
    places: Arc<Semaphore>,
    /// Places that should be gone and were taken when that was said. Whoever gets a place gives it
    /// up while there are any, so all places but these are within the bound.
    surplus: AtomicUsize,
}

impl Pool {
    pub(crate) fn new(places: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(places)),
            surplus: AtomicUsize::new(0),
        }
    }

    /// Changes the number of places from `before`. One caller at a time.
    pub(crate) fn resize(&self, before: usize, places: usize) {
        if let Some(fewer) = before.checked_sub(places) {
            let gone = self.places.forget_permits(fewer);
            self.surplus.fetch_add(fewer - gone, Ordering::AcqRel);
        } else {
            let more = places - before;
            let surplus =
                self.surplus
                    .fetch_update(Ordering::AcqRel, Ordering::Acquire, |surplus| {
                        Some(surplus.saturating_sub(more))
                    });
            let stay = surplus.map_or(0, |surplus| surplus.min(more));
            self.places.add_permits(more - stay);
        }
    }

    async fn place(&self) -> Option<OwnedSemaphorePermit> {
        loop {
            // The semaphore is never closed.
            let place = Arc::clone(&self.places).acquire_owned().await.ok()?;
            if !self.is_surplus() {
                return Some(place);
            }
            place.forget();
        }
    }

    /// Whether there is a place too many; if so, the caller gives up the one it has.
    fn is_surplus(&self) -> bool {
        self.surplus
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |surplus| {
                surplus.checked_sub(1)
            })
            .is_ok()
    }
}

/// The code; its lock keeps the attempts apart.
struct Alone<F>(Arc<Mutex<F>>);

impl<F: Send> Source for Alone<F> {
    type Task = Blocking<F>;

    fn into_task(self) -> Option<Blocking<F>> {
        Some(Blocking(Arc::into_inner(self.0)?.into_inner()))
    }
}

impl<F, T> IntoTask<ByThread<T>> for Blocking<F>
where
    F: FnMut(Context) -> Result<T, TaskError> + Send + 'static,
    T: Send + 'static,
{
    type Output = T;
    type Source = Self;

    fn into_body(source: Self) -> impl Offered<Self, T> + 'static {
        Repeat::new(
            Alone(Arc::new(Mutex::new(source.0))),
            |code: &mut Alone<F>, context| run(Arc::clone(&code.0), context),
        )
    }

    fn into_draft(self) -> Draft<Self> {
        Draft::new(self)
    }

    fn from_draft(draft: Draft<Self>) -> Self {
        draft.source
    }
}

async fn run<F, T>(code: Arc<Mutex<F>>, context: Context) -> Result<T, TaskError>
where
    F: FnMut(Context) -> Result<T, TaskError> + Send + 'static,
    T: Send + 'static,
{
    let mut code = code.lock_owned().await;
    let current = Current::on_thread(context.identity());
    let place = match &current {
        Some(current) => current.blocking.place().await,
        None => None,
    };
    let span = QuietSpan::current();
    let ran = tokio::task::spawn_blocking(move || {
        // It is held until the thread is free, also if nobody waits for it any more.
        let _place = place;
        let run = move || {
            span.enter();
            let ran = catch(|| code(context));
            span.leave();
            ran
        };
        match current {
            Some(current) => current.sync_scope(run),
            None => run(),
        }
    });
    match ran.await {
        Ok(Ok(result)) => result,
        // The panic goes on as data, with the place that is known only on its thread.
        Ok(Err(panic)) => std::panic::resume_unwind(panic),
        Err(_) => Err("the runtime shut down before a thread was free".into()),
    }
}
