//! What commands wrote, in files beside the store.

use std::fs;
use std::io;
use std::path::Path;

use marionette::TaskId;
use marionette::store::{Ended, Store};

use crate::store::Opened;

/// How many jobs are asked for at once.
const BATCH: usize = 1_000;

/// Removes the output of jobs that the store does not know any more.
pub(crate) async fn tidy(opened: &Opened) -> anyhow::Result<()> {
    let entries = match fs::read_dir(opened.outputs()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    let mut jobs = Vec::new();
    for entry in entries {
        if let Ok(id) = entry?.file_name().to_string_lossy().parse::<TaskId>() {
            jobs.push(id);
        }
    }
    for jobs in jobs.chunks(BATCH) {
        let ended = opened.store.ended(jobs.to_vec()).await;
        let ended = ended.map_err(crate::store::told)?;
        for (job, ended) in jobs.iter().zip(ended) {
            if ended == Ended::Unknown {
                remove(&opened.output(*job))?;
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
