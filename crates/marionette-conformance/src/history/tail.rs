//! A history, read while others write it.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use crate::history::{Event, Events};

/// Reads a history while others write it.
#[derive(Debug)]
pub struct Tail {
    file: File,
    at: u64,
}

impl Tail {
    /// Begins at the end that the file has now.
    ///
    /// # Panics
    ///
    /// If there is no file.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        let mut file = File::open(path).expect("the history is there");
        let at = file.seek(SeekFrom::End(0)).expect("it has an end");
        Self { file, at }
    }

    /// Reads what was written since the last time.
    ///
    /// # Panics
    ///
    /// If the file cannot be read.
    pub fn more(&mut self) -> Vec<Event> {
        let mut text = String::new();
        self.file
            .seek(SeekFrom::Start(self.at))
            .expect("it only grows");
        self.file.read_to_string(&mut text).expect("it is text");
        // A line that is not whole yet is read the next time.
        let whole = text.rfind(".\n").map_or(0, |at| at + 2);
        self.at += whole as u64;
        Events::parse(&text[..whole]).iter().collect()
    }
}
