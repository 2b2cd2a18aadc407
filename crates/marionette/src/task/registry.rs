//! `Registry`: the job handlers of a manager, and the limits of its queues.
//! Also how arguments and results are encoded and decoded, with `CodecError` if that fails.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::outcome::error::BoxError;
use crate::outcome::panic::catch;
use crate::store::Name;
use crate::task::handlers::{Handlers, Runner};
use crate::task::job::Job;
use crate::task::payload::Payload;

/// The job handlers of one manager, and the limits of its queues.
#[doc(hidden)]
#[derive(Clone, Debug, Default)]
pub struct Registry {
    pub(crate) handlers: Handlers,
    queue_limits: BTreeMap<Name, u64>,
    /// Settings of queues that cannot work, in the order in which they were made.
    problems: Vec<String>,
}

/// The encoded result of an attempt that succeeded, or why the result does not encode.
pub(crate) type Encoded = Result<Vec<u8>, CodecError>;

impl Registry {
    pub(crate) fn get(&self, kind: &str) -> Option<(&'static str, &Arc<dyn Runner>)> {
        self.handlers.get(kind)
    }

    pub(crate) fn kinds(&self) -> impl Iterator<Item = &'static str> {
        self.handlers.kinds()
    }

    /// Limits how many jobs wait in this queue.
    pub(crate) fn limit_queue(&mut self, queue: String, jobs: u64) {
        let Some(queue) = self.queue_name(queue) else {
            return;
        };
        if jobs == 0 {
            let what = format!("the limit of the queue `{queue}` is 0, so it accepts nothing");
            self.problems.push(what);
        }
        self.queue_limits.insert(queue, jobs);
    }

    pub(crate) fn queue_limit(&self, queue: &str) -> Option<u64> {
        self.queue_limits.get(queue).copied()
    }

    /// The name of a queue in the settings; a text that cannot be one is a problem.
    pub(crate) fn queue_name(&mut self, queue: String) -> Option<Name> {
        let name = Name::try_from(queue).map_err(|error| self.problems.push(error.of_queue()));
        name.ok()
    }

    /// The settings that cannot work, one text for each.
    pub(crate) fn problems(&self) -> impl Iterator<Item = String> {
        self.handlers
            .problems()
            .chain(self.problems.iter().cloned())
    }
}

/// The encoded result of a job that is done, or why it cannot be kept.
pub(crate) type KeptResult = Result<Vec<u8>, String>;

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

/// Decodes the result of a job, as its runner or its store gave it.
pub(crate) fn decode_output<J: Job>(result: &[u8]) -> Result<J::Output, CodecError> {
    J::Output::decode(result).map_err(|error| CodecError::new::<J>("a result", "decode", error))
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
