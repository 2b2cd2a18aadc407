//! Which jobs a test finds in a store.

use crate::store::JobState;
use crate::store::inspect::{Filter, Inspect, Page};
use crate::task::job::{Job, kind_of};

/// The jobs of one type that were accepted and have not ended, the oldest first: those that wait,
/// whatever for, and those that run.
///
/// # Panics
///
/// Panics if the store cannot be asked, and if the arguments of a job do not decode.
///
/// # Cancel safety
///
/// Nothing is lost if the future is dropped.
///
/// # Examples
///
/// ```
/// use marionette::{Job, MemoryStore, TaskManager, testing};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Debug, PartialEq, Serialize, Deserialize)]
/// struct SendMail {
///     to: String,
/// }
///
/// impl Job for SendMail {
///     const KIND: &'static str = "send_mail";
///     type Output = ();
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tasks = TaskManager::builder().store(MemoryStore::new()).build()?;
/// tasks.queue(SendMail { to: "ada@example.org".into() }).await?; // the code under test
///
/// let mails = testing::queued::<SendMail>(tasks.store()).await;
/// assert_eq!(mails, [SendMail { to: "ada@example.org".into() }]);
/// # Ok(())
/// # }
/// ```
pub async fn queued<J: Job>(store: &dyn Inspect) -> Vec<J> {
    const ASKED: &str = "a store that is asked for its jobs answers";

    let open = JobState::ALL.into_iter().filter(|state| !state.is_end());
    let kind = const { kind_of::<J>() };
    let filter = Filter::new().states(open).kind(kind);
    let mut page = Page {
        limit: 1_000,
        ..Page::default()
    };
    let mut ids = Vec::new();
    loop {
        let listed = store.list(filter.clone(), page).await.expect(ASKED);
        ids.extend(listed.jobs.iter().map(|job| job.id));
        page.after = listed.next;
        if page.after.is_none() {
            break;
        }
    }
    let mut jobs = Vec::with_capacity(ids.len());
    for id in ids.into_iter().rev() {
        // A job that is gone by now has ended.
        if let Some(job) = store.job(id).await.expect(ASKED) {
            jobs.push(job.arguments().expect("the arguments of a job decode"));
        }
    }
    jobs
}
