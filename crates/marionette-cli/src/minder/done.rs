//! Marks the jobs whose commands have succeeded although the store does not know it: their instance
//! was killed after it heard of the success and before it told the store.
//!
//! Such a job is claimed again, and must not run again. Its minder outlives the instance, so it
//! marks the jobs that have succeeded; the next attempt looks for the mark first. Jobs that were
//! settled after all are marked as well, which does no harm: they are never claimed again.

use std::collections::VecDeque;
use std::fs;

use crate::files::Place;

/// How many jobs are remembered. An instance has far fewer in hand that the store does not know of.
const KEPT: usize = 4096;

/// The name of the mark.
const MARK: &str = "done";

/// The folders of the jobs that succeeded last.
#[derive(Debug, Default)]
pub(super) struct Done(VecDeque<Place>);

impl Done {
    pub(super) fn push(&mut self, output: Place) {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(output);
    }

    /// Marks all these jobs.
    pub(super) fn write_down(&self) {
        for output in &self.0 {
            // If the disk refuses, the job runs again, as after a loss of power.
            let _ = output.make().and_then(|folder| {
                let marked = folder.open_or_new(MARK);
                marked.or_else(|_| folder.new_file_instead(MARK))
            });
        }
    }
}

/// Whether the job with this folder is marked as done. A mark that belongs to another user says
/// nothing.
pub(super) fn was_done(output: &Place) -> bool {
    // Nearly always there is no mark, and this check is enough.
    if fs::symlink_metadata(output.path().join(MARK)).is_err() {
        return false;
    }
    let folder = output.open().ok().flatten();
    folder.is_some_and(|folder| folder.stat(MARK).is_ok_and(|mark| mark.is_some()))
}
