//! `Handlers`: the job handlers of a part of a program, each with its types erased.

use std::any::type_name;
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;

use crate::cell::context::Context;
use crate::outcome::TaskError;
use crate::task::job::{Job, JobHandler, kind_of, queue_of};
use crate::task::payload::Payload;
use crate::task::registry::{CodecError, Encoded};

/// Job handlers, collected before there is a manager.
///
/// A program with many handlers collects them where their code is, and a library offers its own
/// without knowing the manager.
/// [`TaskManagerBuilder::handlers`](crate::TaskManagerBuilder::handlers) takes them.
///
/// # Examples
///
/// ```
/// use marionette::{Context, Handlers, Job, MemoryStore, TaskManager};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Serialize, Deserialize)]
/// # struct SendMail { to: String }
/// # impl Job for SendMail { const KIND: &'static str = "send_mail"; type Output = (); }
/// # #[derive(Serialize, Deserialize)]
/// # struct Reindex { shop: u64 }
/// # impl Job for Reindex { const KIND: &'static str = "reindex"; type Output = (); }
///
/// // In the module of mails:
/// fn mails() -> Handlers {
///     Handlers::new().handle(async |_: SendMail, _: Context| Ok(()))
/// }
///
/// // In a library:
/// fn search() -> Handlers {
///     Handlers::new().handle(async |_: Reindex, _: Context| Ok(()))
/// }
///
/// let all = mails().merge(search());
/// assert!(all.kinds().eq(["reindex", "send_mail"]));
///
/// let tasks = TaskManager::builder().store(MemoryStore::new()).handlers(all).build()?;
/// # Ok::<(), marionette::ConfigError>(())
/// ```
///
/// A kind has one handler. `build` names each kind that was given more:
///
/// ```
/// # use marionette::{Context, Handlers, Job, TaskManager};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Serialize, Deserialize)]
/// # struct SendMail { to: String }
/// # impl Job for SendMail { const KIND: &'static str = "send_mail"; type Output = (); }
/// # fn mails() -> Handlers { Handlers::new().handle(async |_: SendMail, _: Context| Ok(())) }
/// let twice = mails().merge(mails());
/// let error = TaskManager::builder().handlers(twice).build().unwrap_err();
/// assert!(error.to_string().contains("jobs of kind `send_mail` have more than one handler"));
/// ```
#[derive(Clone, Default)]
#[must_use = "handlers run nothing until a manager is built with them"]
pub struct Handlers {
    by_kind: BTreeMap<&'static str, OfKind>,
}

/// What was registered for one kind: one handler, if all is well.
#[derive(Clone)]
struct OfKind {
    runner: Arc<dyn Runner>,
    /// The names of the types of all handlers, in the order in which they came.
    types: Vec<&'static str>,
}

impl Handlers {
    /// No handlers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the handler of the jobs of one type, as
    /// [`TaskManagerBuilder::handle`](crate::TaskManagerBuilder::handle) does.
    ///
    /// A second handler for one type, or for another type of the same kind, is an error of `build`.
    pub fn handle<J: Job>(mut self, handler: impl JobHandler<J>) -> Self {
        self.add(handler);
        self
    }

    /// Adds all handlers of `others`.
    ///
    /// A kind that both have is an error of `build`.
    pub fn merge(mut self, others: Self) -> Self {
        self.append(others);
        self
    }

    /// The kinds of job that have a handler, in alphabetical order.
    pub fn kinds(&self) -> impl Iterator<Item = &'static str> {
        self.by_kind.keys().copied()
    }

    pub(crate) fn add<J: Job, H: JobHandler<J>>(&mut self, handler: H) {
        // A job whose names are no names does not compile.
        const { (kind_of::<J>(), queue_of::<J>()) };
        let typed: Typed<J, H> = Typed {
            handler,
            job: PhantomData,
        };
        let runner = Arc::new(typed);
        let types = vec![type_name::<H>()];
        self.insert(J::KIND, OfKind { runner, types });
    }

    pub(crate) fn append(&mut self, others: Self) {
        for (kind, of_kind) in others.by_kind {
            self.insert(kind, of_kind);
        }
    }

    fn insert(&mut self, kind: &'static str, of_kind: OfKind) {
        match self.by_kind.get_mut(kind) {
            Some(present) => present.types.extend(of_kind.types),
            None => drop(self.by_kind.insert(kind, of_kind)),
        }
    }

    pub(crate) fn get(&self, kind: &str) -> Option<(&'static str, &Arc<dyn Runner>)> {
        self.by_kind
            .get_key_value(kind)
            .map(|(kind, of_kind)| (*kind, &of_kind.runner))
    }

    /// The kinds that cannot work, one text for each.
    pub(crate) fn problems(&self) -> impl Iterator<Item = String> {
        self.by_kind.iter().filter_map(|(kind, of_kind)| {
            let types = of_kind.types.join("`, `");
            (of_kind.types.len() > 1)
                .then(|| format!("jobs of kind `{kind}` have more than one handler: `{types}`"))
        })
    }
}

impl fmt::Debug for Handlers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.kinds()).finish()
    }
}

/// A handler with its types erased: from a payload to an encoded result.
pub(crate) trait Runner: Send + Sync {
    fn run(self: Arc<Self>, payload: Vec<u8>, context: Context) -> RunnerFuture;
}

pub(crate) type RunnerFuture =
    Pin<Box<dyn Future<Output = Result<Encoded, TaskError>> + Send + 'static>>;

struct Typed<J, H> {
    handler: H,
    job: PhantomData<fn(J)>,
}

/// A handler that is kept as long as an attempt uses it.
struct SharedHandler<J, H>(Arc<Typed<J, H>>);

impl<J, H> Deref for SharedHandler<J, H> {
    type Target = H;

    fn deref(&self) -> &H {
        &self.0.handler
    }
}

impl<J: Job, H: JobHandler<J>> Runner for Typed<J, H> {
    fn run(self: Arc<Self>, payload: Vec<u8>, context: Context) -> RunnerFuture {
        Box::pin(async move {
            let job = J::decode(&payload)
                .map_err(|error| CodecError::new::<J>("a payload", "decode", error))
                .map_err(TaskError::fatal)?;
            // The handler may run for long, and needs only the job.
            drop(payload);
            let output = H::handle_shared(SharedHandler(self), job, context).await?;
            Ok(output
                .encode()
                .map_err(|error| CodecError::new::<J>("a result", "encode", error)))
        })
    }
}
