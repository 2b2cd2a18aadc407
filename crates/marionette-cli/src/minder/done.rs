//! Which commands have succeeded although the store does not know it: their worker was killed
//! between hearing of it and telling the store.
//!
//! Such a job is claimed again, and must not run again. Its minder outlives the worker, so it
//! writes down what it knows; the next attempt looks there first. What was settled after all is
//! written down as well, and does no harm: such a job is never claimed again.

use std::collections::VecDeque;
use std::fs;

use crate::files::Place;

/// How many are remembered. A worker has far fewer in hand of which the store has not heard.
const KEPT: usize = 4096;

/// The name of the file that says so.
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

    /// Writes all of them down.
    pub(super) fn write_down(&self) {
        for output in &self.0 {
            // A disk that refuses means that the job runs again, as after a loss of power.
            let _ = output.make().and_then(|folder| {
                let marked = folder.open_or_new(MARK);
                marked.or_else(|_| folder.new_file_instead(MARK))
            });
        }
    }
}

/// Whether it is written down that the job with this folder has succeeded.
/// A mark of somebody else says nothing.
pub(super) fn was_done(output: &Place) -> bool {
    // Nearly always there is nothing, and nothing else has to be asked.
    if fs::symlink_metadata(output.path().join(MARK)).is_err() {
        return false;
    }
    let folder = output.open().ok().flatten();
    folder.is_some_and(|folder| folder.stat(MARK).is_ok_and(|mark| mark.is_some()))
}
