//! What jobs did, in a file that survives the process: a line for each start and each end.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::clock;

/// A file that jobs append to.
#[derive(Debug)]
pub struct Log(File);

/// A line of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Which job.
    pub index: u32,
    /// What it did.
    pub what: What,
    /// When, by the wall clock.
    pub nanos: i64,
}

/// What a job did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// It started.
    Start,
    /// It ended.
    Done,
}

impl Log {
    /// The log of a store in `file`; it lives for ever, as the jobs do.
    ///
    /// # Panics
    ///
    /// When it cannot be opened.
    #[must_use]
    pub fn open(file: &Path) -> &'static Self {
        let log = OpenOptions::new().create(true).append(true).open(file);
        Box::leak(Box::new(Self(log.expect("the log can be written"))))
    }

    /// A job starts.
    pub fn start(&self, index: u32) {
        self.write('s', index);
    }

    /// A job ended.
    pub fn done(&self, index: u32) {
        self.write('d', index);
    }

    fn write(&self, what: char, index: u32) {
        let line = format!("{what} {index} {}\n", clock::wall_nanos());
        // One write at the end of the file is not mixed with others.
        let written = (&self.0).write_all(line.as_bytes());
        written.expect("the log can be written");
    }
}

/// Where the log of a store in `file` is.
#[must_use]
pub fn beside(file: &Path) -> PathBuf {
    file.with_extension("log")
}

impl Entry {
    /// A line of a log; none if it is not whole.
    #[must_use]
    pub fn read(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let what = match words.next()? {
            "s" => What::Start,
            "d" => What::Done,
            _ => return None,
        };
        let index = words.next()?.parse().ok()?;
        let nanos = words.next()?.parse().ok()?;
        Some(Self { index, what, nanos })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_it_was_written() {
        let entry = Entry::read("d 7 123");
        let what = What::Done;
        assert_eq!(
            entry,
            Some(Entry {
                index: 7,
                what,
                nanos: 123
            })
        );
        assert_eq!(Entry::read("d 7"), None);
    }
}
