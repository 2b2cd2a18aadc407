//! What commands wrote, in files beside the store.
//!
//! Each job that wrote something has a folder of its own, in one of 256 folders which stay for
//! ever: none of them becomes large, and none goes while somebody makes a folder in it. Which one
//! follows from all bytes of the id: of the ids that one process makes, most bytes are the same.
//!
//! Output is let go when the store has forgotten its job, and the oldest of what is more than is
//! kept. A job may be retried while that is decided, so it takes three steps: the files are listed,
//! the store is asked about the job, and what was listed is removed. A file that an attempt has
//! made since then stays, and with it the folder.

mod keeper;
mod served;
mod shard;

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use marionette::TaskId;
use marionette::store::Ended;
use tokio::time::sleep;

use crate::console::clock;
use crate::files::{Folder, Place};
use crate::store::{Forgotten, Opened, explain};

pub(crate) use keeper::{Keeper, WrittenOutputs};
use shard::{SHARDS, Shard};

/// The output of how many jobs is kept unless somebody says it.
pub(crate) const KEPT: u64 = 100_000;
/// How many jobs are asked for at once.
const BATCH: usize = 500;
/// How long another process is waited for that lets outputs go, and how often it is looked.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(5);

/// Where the output of a job is, in the folder of all outputs. Versions before this one had all in
/// one folder: what is there goes on there.
pub(crate) fn of(outputs: &Place, job: TaskId) -> Place {
    let old = outputs.below(job.to_string());
    let is_old = std::fs::symlink_metadata(old.path()).is_ok_and(|found| found.is_dir());
    if is_old {
        old
    } else {
        outputs.below(within(job))
    }
}

/// Where the output of each job is, for a worker. It looks once which are where versions before
/// this one had them: a folder that does not answer keeps the minder then, which may wait for it.
#[derive(Debug)]
pub(crate) struct Places {
    outputs: Place,
    old: HashSet<TaskId>,
}

impl Places {
    pub(crate) fn look(outputs: Place) -> io::Result<Self> {
        let old = Shard(SHARDS).held(&outputs, usize::MAX)?;
        let old = old.into_iter().map(|held| held.job).collect();
        Ok(Self { outputs, old })
    }

    /// As [`of`], without a look.
    pub(crate) fn of(&self, job: TaskId) -> Place {
        if self.old.contains(&job) {
            self.outputs.below(job.to_string())
        } else {
            self.outputs.below(within(job))
        }
    }
}

/// Where new output of a job is kept, in the folder of all outputs.
fn within(job: TaskId) -> PathBuf {
    Path::new(&shard::name(shard::of(job))).join(job.to_string())
}

/// Removes the output of jobs that were deleted here. What is left, if this process is killed or
/// the disk refuses, the next `work` removes.
pub(crate) async fn forget(opened: &Opened, forgotten: &Forgotten) -> anyhow::Result<()> {
    let jobs = forgotten.take();
    if !jobs.is_empty()
        && let Some(_lock) = lock(opened).await?
    {
        remove(opened, jobs, |ended| *ended == Ended::Unknown).await?;
    }
    Ok(())
}

/// Waits until no other process lets outputs go: two that did might remove what one has listed and
/// an attempt has made again. A process that hangs is not waited for. `None` if there are no
/// outputs.
async fn lock(opened: &Opened) -> io::Result<Option<Folder>> {
    let began = clock::tick();
    loop {
        let Some(folder) = opened.outputs().open()? else {
            return Ok(None);
        };
        if folder.lock_now()? || began.elapsed() >= PATIENCE {
            return Ok(Some(folder));
        }
        sleep(PAUSE).await;
    }
}

/// Removes the output of those of these jobs of which the store says that it may go; says of how
/// many it did.
async fn remove(
    opened: &Opened,
    jobs: Vec<TaskId>,
    may_go: impl Fn(&Ended) -> bool,
) -> anyhow::Result<usize> {
    let mut removed = 0;
    for jobs in jobs.chunks(BATCH) {
        let (outputs, jobs) = (opened.outputs(), jobs.to_vec());
        let listed = in_background(move || shard::list(&outputs, &jobs)).await?;
        if listed.is_empty() {
            continue;
        }
        let ids = listed.iter().map(|listed| listed.job).collect();
        let ended = opened.store.ended(ids).await.map_err(explain)?;
        let going = listed.into_iter().zip(ended);
        let going: Vec<_> = going
            .filter(|(_, ended)| may_go(ended))
            .map(|(listed, _)| listed)
            .collect();
        removed += going.len();
        in_background(move || going.iter().try_for_each(shard::Listed::remove)).await?;
    }
    Ok(removed)
}

/// Does something with files that may take a while.
async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(io::Error::other)?
}
