//! The output of commands, in files beside the store.
//!
//! Each job that wrote something has a folder of its own, in one of 256 folders that stay for ever:
//! none of them becomes large, and none vanishes while somebody makes a folder in it. The choice
//! depends on all bytes of the id, since most bytes are equal in the ids of one process.
//!
//! Output is removed when the store has forgotten its job, and the oldest when there is too much. A
//! job may be retried meanwhile, so this takes three steps: the files are listed, the store is
//! asked about the job, and the listed files are removed. A file that an attempt has made since
//! then stays, and with it the folder.

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

/// The number of jobs whose output is kept by default.
pub(crate) const KEPT: u64 = 100_000;
/// How many jobs the store is asked about in one call.
const BATCH: usize = 500;
/// How long to wait for another process that removes outputs, and how often to look.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(5);

/// The place of a job's output, in the folder of all outputs. Older versions kept all outputs in
/// one folder; a job that has its output there keeps it there.
pub(crate) fn of(outputs: &Place, job: TaskId) -> Place {
    let old = outputs.below(job.to_string());
    let is_old = std::fs::symlink_metadata(old.path()).is_ok_and(|found| found.is_dir());
    if is_old {
        old
    } else {
        outputs.below(within(job))
    }
}

/// The places of all outputs, for an instance. It looks once for outputs of older versions; after
/// that only the minder touches the folders, which may wait for one that does not answer.
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

    /// As [`of`], without asking the file system.
    pub(crate) fn of(&self, job: TaskId) -> Place {
        if self.old.contains(&job) {
            self.outputs.below(job.to_string())
        } else {
            self.outputs.below(within(job))
        }
    }
}

/// The place of a job's new output, within the folder of all outputs.
pub(crate) fn within(job: TaskId) -> PathBuf {
    Path::new(&shard::name(shard::of(job))).join(job.to_string())
}

/// Removes the outputs of jobs that this process deleted. If it is killed or the disk refuses, the
/// next `work` removes the rest.
pub(crate) async fn forget(opened: &Opened, forgotten: &Forgotten) -> anyhow::Result<()> {
    let jobs = forgotten.take();
    if !jobs.is_empty()
        && let Some(_lock) = lock(opened).await?
    {
        remove(opened, jobs, |ended| *ended == Ended::Missing).await?;
    }
    Ok(())
}

/// Waits until no other process removes outputs: of two, one might remove a file that the other has
/// listed and an attempt has made again. A process that hangs is not waited for. `None` if there
/// are no outputs.
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

/// Removes the outputs of those jobs for which `may_go` says so; returns how many these were.
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

/// Does work on files, which may block, on a thread for that.
async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(io::Error::other)?
}
