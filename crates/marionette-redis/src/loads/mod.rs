//! What callers ask for, as the scripts take it, and as it goes together.

mod new_jobs;
mod runs;
mod verdicts;
mod rounds;

pub(crate) use new_jobs::{NewJobs, NewRow};
pub(crate) use rounds::rounds;
pub(crate) use runs::Runs;
pub(crate) use verdicts::{Verdict, Verdicts};
