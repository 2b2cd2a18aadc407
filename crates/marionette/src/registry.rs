//! Which handler runs which kind of job.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::context::Context;
use crate::job::{Handler, Job};
use crate::outcome::TaskError;

/// The handlers of one manager, by the kind of job that they run.
#[derive(Clone, Default)]
pub(crate) struct Registry {
    runners: BTreeMap<&'static str, Arc<dyn Runner>>,
}

/// A handler with its types erased: from a payload to an encoded result.
pub(crate) trait Runner: Send + Sync {
    fn run(self: Arc<Self>, payload: Vec<u8>, context: Context) -> RunnerFuture;
}

pub(crate) type RunnerFuture =
    Pin<Box<dyn Future<Output = Result<Vec<u8>, TaskError>> + Send + 'static>>;

impl Registry {
    /// Adds a handler. Returns whether it is the first for its kind.
    pub(crate) fn add<J: Job, H: Handler<J>>(&mut self, handler: H) -> bool {
        let typed: Typed<J, H> = Typed {
            handler,
            job: std::marker::PhantomData,
        };
        self.runners.insert(J::KIND, Arc::new(typed)).is_none()
    }

    pub(crate) fn get(&self, kind: &str) -> Option<(&'static str, &Arc<dyn Runner>)> {
        self.runners
            .get_key_value(kind)
            .map(|(kind, runner)| (*kind, runner))
    }

    pub(crate) fn kinds(&self) -> impl Iterator<Item = &'static str> {
        self.runners.keys().copied()
    }
}

struct Typed<J, H> {
    handler: H,
    job: std::marker::PhantomData<fn(J)>,
}

impl<J: Job, H: Handler<J>> Runner for Typed<J, H> {
    fn run(self: Arc<Self>, payload: Vec<u8>, context: Context) -> RunnerFuture {
        Box::pin(async move {
            let job = J::decode(&payload).map_err(|error| {
                let kind = J::KIND;
                TaskError::fatal(format!(
                    "a payload of kind `{kind}` does not decode: {error}"
                ))
            })?;
            let output = self.handler.handle(job, context).await?;
            J::encode_output(&output).map_err(|error| {
                let kind = J::KIND;
                TaskError::fatal(format!(
                    "a result of kind `{kind}` does not encode: {error}"
                ))
            })
        })
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.kinds()).finish()
    }
}
