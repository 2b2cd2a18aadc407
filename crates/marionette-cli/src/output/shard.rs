//! One of the folders with the outputs of jobs, and the outputs in it.

use std::ffi::OsString;
use std::io;
use std::time::SystemTime;

use marionette::TaskId;

use crate::files::Place;

/// The number of folders for outputs.
pub(super) const SHARDS: usize = 256;

/// The folder that has the output of a job.
pub(super) fn of(job: TaskId) -> usize {
    // The bytes of the time and of the counter go up together, so a plain sum of them would not
    // spread.
    let bytes = job.uuid().into_bytes();
    let hash = bytes.iter().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    });
    usize::from(hash.to_be_bytes()[0])
}

/// The name of a folder for outputs.
pub(super) fn name(shard: usize) -> String {
    format!("{shard:02x}")
}

/// A folder for outputs, by its number. [`SHARDS`] means the folder around them, where older
/// versions kept all outputs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shard(pub(super) usize);

/// A job that has output.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) job: TaskId,
    /// When its newest file was made; only read if the caller needs it.
    pub(super) written: Option<SystemTime>,
}

impl Shard {
    /// The jobs that have output in the folder, with the times of their output if they are more
    /// than `most`.
    pub(super) fn held(self, outputs: &Place, most: usize) -> io::Result<Vec<Held>> {
        let place = match self.0 {
            SHARDS => outputs.clone(),
            shard => outputs.below(name(shard)),
        };
        let Some(folder) = place.open()? else {
            return Ok(Vec::new());
        };
        let names = folder.names()?;
        let jobs = names.iter().filter_map(|name| name.to_str()?.parse().ok());
        let jobs: Vec<TaskId> = jobs.collect();
        let is_full = jobs.len() > most;
        let held = |job: TaskId| {
            let path = folder.path().join(job.to_string());
            let written = is_full.then(|| std::fs::symlink_metadata(path)?.modified());
            Held {
                job,
                written: written.and_then(Result::ok),
            }
        };
        Ok(jobs.into_iter().map(held).collect())
    }
}

/// The output of a job as it was at one moment.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) job: TaskId,
    place: Place,
    files: Vec<OsString>,
}

/// Lists the present output of these jobs.
pub(super) fn list(outputs: &Place, jobs: &[TaskId]) -> io::Result<Vec<Listed>> {
    let mut listed = Vec::new();
    for job in jobs {
        for place in [
            outputs.below(super::within(*job)),
            outputs.below(job.to_string()),
        ] {
            // Folders that are not ours are not touched.
            let Ok(Some(folder)) = place.open() else {
                continue;
            };
            let files = folder.names()?;
            listed.push(Listed {
                job: *job,
                place,
                files,
            });
        }
    }
    Ok(listed)
}

impl Listed {
    /// Removes the listed files; newer ones stay.
    pub(super) fn remove(&self) -> io::Result<()> {
        let Some(folder) = self.place.open()? else {
            return Ok(());
        };
        for file in &self.files {
            match folder.remove(file) {
                // A folder that a command has made there is not ours.
                Err(error) if error.kind() == io::ErrorKind::IsADirectory => {}
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
                removed => removed?,
            }
        }
        // The folder stays if it is not empty.
        let _ = std::fs::remove_dir(folder.path());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::Whose;

    #[test]
    fn ids_of_one_process_are_spread_over_all_folders() {
        let mut shards = [0; SHARDS];
        for _ in 0..SHARDS * 100 {
            shards[of(TaskId::new())] += 1;
        }
        let most = shards.iter().max().unwrap();
        assert!(*most < 200, "{most} of {} are in one folder", SHARDS * 100);
    }

    #[test]
    fn what_an_attempt_writes_while_its_output_is_let_go_stays() {
        let folder = tempfile::tempdir().unwrap();
        let outputs = Place::new(folder.path(), Whose::Ours);
        let jobs = [TaskId::new(), TaskId::new()];
        let log = |job, name| {
            let folder = super::super::of(&outputs, job).make().unwrap();
            drop(folder.new_file(name).unwrap());
        };
        for job in jobs {
            log(job, "1.log");
        }
        let listed = list(&outputs, &jobs).unwrap();
        log(jobs[0], "1-2.log");
        for listed in listed {
            listed.remove().unwrap();
        }
        let left = Shard(of(jobs[0])).held(&outputs, 10).unwrap();
        assert!(left.iter().any(|held| held.job == jobs[0]));
        assert!(!super::super::of(&outputs, jobs[1]).path().exists());
        let listed = list(&outputs, &jobs).unwrap();
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0].files, ["1-2.log"]);
    }
}
