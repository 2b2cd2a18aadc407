//! The output of an attempt on its way into its files. A disk may keep a write for as long as it
//! likes, so each is done on a thread that may block, one at a time; while one is on its way no
//! more is read, and the pipe of the command fills.

use std::future::pending;

use tokio::task::{JoinHandle, spawn_blocking};

use super::Attempt;
use super::log::Log;

/// Writes the output of one attempt.
#[derive(Debug)]
pub(super) struct Recorder {
    /// `None` while it is written to, and when it was broken off.
    log: Option<Log>,
    /// It gives the log back unless that is finished.
    writing: Option<JoinHandle<Option<Log>>>,
    /// What is not yet being written.
    pieces: Vec<u8>,
    total: u64,
    keeps: bool,
    is_cut: bool,
}

impl Recorder {
    /// Nothing is made on the disk before something is written.
    pub(super) fn of(attempt: &Attempt) -> Self {
        let output_bytes = attempt.command.output_bytes;
        Self {
            log: Some(Log::new(
                attempt.output.clone(),
                attempt.number,
                output_bytes,
            )),
            keeps: output_bytes > 0,
            writing: None,
            pieces: Vec::new(),
            total: 0,
            is_cut: false,
        }
    }

    /// How many bytes came, kept or not.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// Whether some of it is not kept, because the disk refused it or did not answer.
    pub(super) fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Whether it takes more now.
    pub(super) fn is_free(&self) -> bool {
        self.writing.is_none()
    }

    /// Takes a piece of what came next.
    pub(super) fn take(&mut self, bytes: &[u8]) {
        self.total += bytes.len() as u64;
        if self.keeps {
            self.pieces.extend_from_slice(bytes);
        }
    }

    /// Begins to write what it has taken. It has to be free.
    pub(super) fn write(&mut self) {
        if self.pieces.is_empty() {
            return;
        }
        let bytes = std::mem::take(&mut self.pieces);
        if let Some(mut log) = self.log.take() {
            self.writing = Some(spawn_blocking(move || {
                log.write(&bytes);
                Some(log)
            }));
        }
    }

    /// Waits until what it has taken is written; for ever if that is so.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if the future is dropped.
    pub(super) async fn written(&mut self) {
        let Some(writing) = &mut self.writing else {
            return pending().await;
        };
        let written = writing.await;
        self.writing = None;
        // An error says that it panicked: then no more is kept.
        let is_kept = written.as_ref().is_ok_and(|log| {
            // One that is finished has said before whether the disk refused.
            log.as_ref().is_none_or(|log| !log.is_broken())
        });
        self.log = written.ok().flatten();
        if !is_kept {
            self.is_cut = true;
            self.keeps = false;
        }
    }

    /// Waits until all that it has taken is written.
    pub(super) async fn settled(&mut self) {
        while !self.is_free() {
            self.written().await;
        }
    }

    /// Begins to bring the files into their last form. It has to be free.
    pub(super) fn finish(&mut self) {
        // A close can wait for the disk as well.
        if let Some(log) = self.log.take().filter(Log::is_open) {
            self.writing = Some(spawn_blocking(move || {
                log.finish();
                None
            }));
        }
    }

    /// Waits no longer for what hangs, and keeps no more.
    pub(super) fn break_off(&mut self) {
        self.is_cut = true;
        self.keeps = false;
        self.writing = None;
    }
}
