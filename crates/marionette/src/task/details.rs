//! The arguments and the result of a stored job, with their types.

use crate::outcome::error::BoxError;
use crate::store::inspect::JobDetails;
use crate::task::job::Job;
use crate::task::registry::{CodecError, decode_output};

impl JobDetails {
    /// The arguments of the job.
    ///
    /// # Errors
    ///
    /// The job is of another kind, or its arguments do not decode.
    ///
    /// # Examples
    ///
    /// ```
    /// use marionette::inspect::Inspect;
    /// use marionette::{Job, MemoryStore, TaskManager};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Serialize, Deserialize)]
    /// # struct SendMail { to: String }
    /// # impl Job for SendMail { const KIND: &'static str = "send_mail"; type Output = (); }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let tasks = TaskManager::builder().store(MemoryStore::new()).build()?;
    /// let handle = tasks.queue(SendMail { to: "ada@example.org".into() }).await?;
    ///
    /// let details = tasks.store().job(handle.id()).await?.ok_or("it was pruned")?;
    /// assert_eq!(details.arguments::<SendMail>().unwrap().to, "ada@example.org");
    /// assert!(details.output::<SendMail>().unwrap().is_none(), "it has not run yet");
    /// # Ok(())
    /// # }
    /// ```
    pub fn arguments<J: Job>(&self) -> Result<J, BoxError> {
        self.check_kind::<J>()?;
        let decoded = J::decode(&self.payload);
        Ok(decoded.map_err(|error| CodecError::new::<J>("a payload", "decode", error))?)
    }

    /// The result of the job, once it is done; `None` before that, and if it ended otherwise.
    ///
    /// # Errors
    ///
    /// The job is of another kind, or its result was not kept or does not decode.
    pub fn output<J: Job>(&self) -> Result<Option<J::Output>, BoxError> {
        self.check_kind::<J>()?;
        if let Some(why) = &self.unkept {
            return Err(format!("the result could not be kept: {why}").into());
        }
        let result = self.result.as_deref();
        Ok(result.map(decode_output::<J>).transpose()?)
    }

    fn check_kind<J: Job>(&self) -> Result<(), BoxError> {
        let (kind, asked) = (&*self.summary.kind, J::KIND);
        if kind == asked {
            return Ok(());
        }
        Err(format!("the job is of kind `{kind}`, not `{asked}`").into())
    }
}
