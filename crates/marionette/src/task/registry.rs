//! `Registry`: which handler runs which kind of job, and the limits of the queues.
//! Also how arguments and results are encoded and decoded, with `CodecError` if that fails.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;

use crate::cell::context::Context;
use crate::outcome::TaskError;
use crate::outcome::error::BoxError;
use crate::outcome::panic::catch;
use crate::store::check_name;
use crate::task::job::{Job, JobHandler};

/// The job handlers of one manager, by the kind of job that they run, and the limits of its queues.
#[doc(hidden)]
#[derive(Clone, Default)]
pub struct Registry {
    runners: BTreeMap<&'static str, Arc<dyn Runner>>,
    queue_limits: BTreeMap<String, u64>,
    /// Settings that cannot work, in the order in which they were made.
    problems: Vec<String>,
}

/// A handler with its types erased: from a payload to an encoded result.
pub(crate) trait Runner: Send + Sync {
    fn run(self: Arc<Self>, payload: Vec<u8>, context: Context) -> RunnerFuture;
}

pub(crate) type RunnerFuture =
    Pin<Box<dyn Future<Output = Result<Encoded, TaskError>> + Send + 'static>>;

/// The encoded result of an attempt that succeeded, or why the result does not encode.
pub(crate) type Encoded = Result<Vec<u8>, CodecError>;

impl Registry {
    /// Adds a handler. A second one for the same kind is a problem.
    pub(crate) fn add<J: Job, H: JobHandler<J>>(&mut self, handler: H) {
        let kind = J::KIND;
        if let Err(what) = check_name(kind) {
            self.problems
                .push(format!("the name of a kind of job {what}"));
        }
        let typed: Typed<J, H> = Typed {
            handler,
            job: PhantomData,
        };
        if self.runners.insert(kind, Arc::new(typed)).is_some() {
            self.problems
                .push(format!("jobs of kind `{kind}` have more than one handler"));
        }
    }

    pub(crate) fn get(&self, kind: &str) -> Option<(&'static str, &Arc<dyn Runner>)> {
        self.runners
            .get_key_value(kind)
            .map(|(kind, runner)| (*kind, runner))
    }

    pub(crate) fn kinds(&self) -> impl Iterator<Item = &'static str> {
        self.runners.keys().copied()
    }

    /// Limits how many jobs wait in this queue.
    pub(crate) fn limit_queue(&mut self, queue: String, jobs: u64) {
        self.check_queue(&queue);
        if jobs == 0 {
            let what = format!("the limit of the queue `{queue}` is 0, so it accepts nothing");
            self.problems.push(what);
        }
        self.queue_limits.insert(queue, jobs);
    }

    pub(crate) fn queue_limit(&self, queue: &str) -> Option<u64> {
        self.queue_limits.get(queue).copied()
    }

    pub(crate) fn check_queue(&mut self, queue: &str) {
        if let Err(what) = check_name(queue) {
            self.problems.push(format!("the name of a queue {what}"));
        }
    }

    /// The settings that cannot work, one text for each.
    pub(crate) fn problems(&self) -> &[String] {
        &self.problems
    }
}

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
            Ok(J::encode_output(&output)
                .map_err(|error| CodecError::new::<J>("a result", "encode", error)))
        })
    }
}

/// Encodes the arguments of a job.
pub(crate) fn encode<J: Job>(job: &J) -> Result<Vec<u8>, CodecError> {
    job.encode()
        .map_err(|error| CodecError::new::<J>("a payload", "encode", error))
}

/// Checks that encoded arguments decode again. Not every value of every type comes back from its
/// encoding, and no attempt could begin without the arguments.
pub(crate) fn check_comes_back<J: Job>(payload: &[u8]) -> Result<(), CodecError> {
    let why = match catch(|| J::decode(payload)) {
        Ok(Ok(_)) => return Ok(()),
        Ok(Err(error)) => error,
        Err(panic) => panic.to_string().into(),
    };
    Err(CodecError::new::<J>(
        "a payload",
        "come back from its encoding",
        why,
    ))
}

/// The start of what is stored in place of a result that cannot be kept; the reason follows. No
/// JSON begins so.
const UNKEPT: &str = "!not kept: ";

/// Encodes the reason why the result of a job that is done cannot be kept. The store keeps this in
/// place of the result.
pub(crate) fn unkept(why: &str) -> Vec<u8> {
    format!("{UNKEPT}{why}").into_bytes()
}

/// Why a result was not kept, if it was not.
pub(crate) fn why_unkept(result: &[u8]) -> Option<String> {
    let why = result.strip_prefix(UNKEPT.as_bytes())?;
    Some(String::from_utf8_lossy(why).into_owned())
}

/// Decodes the result of a job, as its runner or its store gave it.
pub(crate) fn decode_output<J: Job>(result: &[u8]) -> Result<J::Output, CodecError> {
    J::decode_output(result).map_err(|error| CodecError::new::<J>("a result", "decode", error))
}

/// The error of arguments or a result that cannot be encoded, or cannot be decoded again.
#[derive(Debug)]
pub(crate) struct CodecError {
    text: String,
    source: BoxError,
}

impl CodecError {
    pub(crate) fn new<J: Job>(what: &str, verb: &str, source: BoxError) -> Self {
        let kind = J::KIND;
        Self {
            text: format!("{what} of kind `{kind}` does not {verb}"),
            source,
        }
    }
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for CodecError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(self.source.as_ref())
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.kinds()).finish()
    }
}
