//! A task as data, and the code that runs it.

use std::future::Future;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::context::Context;
use crate::error::BoxError;
use crate::outcome::TaskError;

/// A task as data: arguments that can be stored, under a name that says which [`Handler`] runs
/// them.
pub trait Job: Serialize + DeserializeOwned + Send + 'static {
    /// The name under which jobs of this type are stored. It outlives the process: choose it once,
    /// and do not change it while jobs wait. 1 to 128 of `A`–`Z`, `a`–`z`, `0`–`9`, `_.:-`.
    const KIND: &'static str;

    /// What a successful attempt results in.
    type Output: Serialize + DeserializeOwned + Send + 'static;

    /// The arguments as they are stored. Default is JSON.
    ///
    /// # Errors
    ///
    /// They cannot be stored: the job is refused.
    fn encode(&self) -> Result<Vec<u8>, BoxError> {
        Ok(serde_json::to_vec(self)?)
    }

    /// The arguments from what was stored. Default is JSON.
    ///
    /// # Errors
    ///
    /// They cannot be read: the job is buried, with this error.
    fn decode(payload: &[u8]) -> Result<Self, BoxError> {
        Ok(serde_json::from_slice(payload)?)
    }

    /// The result as it is stored. Default is JSON.
    ///
    /// # Errors
    ///
    /// It cannot be stored: the job is buried, with this error.
    fn encode_output(output: &Self::Output) -> Result<Vec<u8>, BoxError> {
        Ok(serde_json::to_vec(output)?)
    }

    /// The result from what was stored. Default is JSON.
    ///
    /// # Errors
    ///
    /// It cannot be read: who awaits the job gets this error.
    fn decode_output(result: &[u8]) -> Result<Self::Output, BoxError> {
        Ok(serde_json::from_slice(result)?)
    }
}

/// The code that runs jobs of one type: a closure over the job and a [`Context`], or a type.
pub trait Handler<J: Job>: Send + Sync + 'static {
    /// One attempt.
    ///
    /// # Errors
    ///
    /// Any error fails the attempt; [`TaskError`] says what follows.
    ///
    /// # Cancel safety
    ///
    /// As for [`Task::run`](crate::Task::run).
    fn handle(
        &self,
        job: J,
        context: Context,
    ) -> impl Future<Output = Result<J::Output, TaskError>> + Send;
}

impl<J, F, Fut> Handler<J> for F
where
    J: Job,
    F: Fn(J, Context) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<J::Output, TaskError>> + Send,
{
    fn handle(
        &self,
        job: J,
        context: Context,
    ) -> impl Future<Output = Result<J::Output, TaskError>> + Send {
        self(job, context)
    }
}
