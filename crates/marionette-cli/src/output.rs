//! What commands wrote, in files beside the store.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use marionette::TaskId;
use marionette::store::{Ended, Store};

use crate::store::Opened;

/// How many jobs are asked for at once.
const BATCH: usize = 1_000;

/// Where the output of one job is, in the folder of all of them.
pub(crate) fn within(job: TaskId) -> PathBuf {
    job.to_string().into()
}

/// Removes the output of jobs that the store does not know any more.
pub(crate) async fn tidy(opened: &Opened) -> anyhow::Result<()> {
    let Some(folder) = opened.outputs().open()? else {
        return Ok(());
    };
    let names = folder.names()?;
    let jobs = names.iter().filter_map(|name| name.to_str()?.parse().ok());
    let jobs: Vec<TaskId> = jobs.collect();
    for jobs in jobs.chunks(BATCH) {
        let ended = opened.store.ended(jobs.to_vec()).await;
        let ended = ended.map_err(crate::store::told)?;
        for (job, ended) in jobs.iter().zip(ended) {
            if ended == Ended::Unknown {
                remove(&opened.output(*job).path())?;
            }
        }
    }
    Ok(())
}

/// Removes the output of one job.
pub(crate) fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}
