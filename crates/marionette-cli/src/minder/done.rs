//! Which commands have succeeded although the store does not know it: their worker was killed
//! between hearing of it and telling the store.
//!
//! Such a job is claimed again, and must not run again. Its minder outlives the worker, so it
//! writes down what it knows; the next attempt looks there first. What was settled after all is
//! written down as well, and does no harm: such a job is never claimed again.

use std::collections::VecDeque;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// How many are remembered. A worker has far fewer in hand of which the store has not heard.
const KEPT: usize = 4096;

/// The folders of the jobs that succeeded last.
#[derive(Debug, Default)]
pub(super) struct Done(VecDeque<PathBuf>);

impl Done {
    pub(super) fn push(&mut self, output: PathBuf) {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(output);
    }

    /// Writes all of them down.
    pub(super) fn write_down(&self) {
        for output in &self.0 {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(output);
            // A disk that refuses means that the job runs again, as after a loss of power.
            let _ = made.and_then(|()| fs::write(mark(output), ""));
        }
    }
}

/// Whether it is written down that the job with this folder has succeeded.
pub(crate) fn was_done(output: &Path) -> bool {
    mark(output).exists()
}

fn mark(output: &Path) -> PathBuf {
    output.join("done")
}
