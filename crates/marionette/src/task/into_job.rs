//! `IntoJob`: what a store can take, a job or one that was wrapped with its id and its options.

use crate::task::IntoTask;
use crate::task::encoded_job::{ByJob, EncodedJob};
use crate::task::job::Job;
use crate::task::task_handler::{ByHandler, TaskHandler};

/// A value that a [`TaskManager`](crate::TaskManager) with a store accepts: a [`Job`], or one that
/// was [wrapped](crate::wrap), which keeps its id and its options.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be stored, and this manager has a store: it takes jobs",
    label = "neither a `Job`, nor one that was wrapped",
    note = "a manager without a store takes closures and futures as well: \
            `TaskManager::new(Config::default())`"
)]
pub trait IntoJob:
    IntoTask<Self::Marker, Source = EncodedJob<Self::Job>, Output = <Self::Job as Job>::Output>
{
    /// The type of the job.
    type Job: Job;

    #[doc(hidden)]
    type Marker: 'static;
}

impl<J: Job> IntoJob for J {
    type Job = J;
    type Marker = ByJob;
}

impl<J: Job> IntoJob for TaskHandler<J> {
    type Job = J;
    type Marker = ByHandler<ByJob>;
}
