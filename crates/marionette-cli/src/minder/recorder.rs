//! Writes the output of an attempt into its files. A disk may delay a write for as long as it
//! likes, so each is done on a thread that may block, one at a time; during a write no more is
//! read, and the pipe of the command fills.

use std::future::pending;

use tokio::task::{JoinHandle, spawn_blocking};

use super::Attempt;
use super::log::Log;

/// Writes the output of one attempt.
#[derive(Debug)]
pub(super) struct Recorder {
    /// `None` during a write, and after `finish` or `break_off`.
    log: Option<Log>,
    /// The write on its thread; it returns the log unless it finishes it.
    writing: Option<JoinHandle<Option<Log>>>,
    /// Bytes that are not yet being written.
    pieces: Vec<u8>,
    total: u64,
    keeps: bool,
    is_cut: bool,
}

impl Recorder {
    /// A recorder without a file; the first write makes one.
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

    /// Whether some bytes are not kept, because the disk refused them or did not answer.
    pub(super) fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Whether no write is under way, so that it takes more.
    pub(super) fn is_free(&self) -> bool {
        self.writing.is_none()
    }

    /// Takes the next bytes.
    pub(super) fn take(&mut self, bytes: &[u8]) {
        self.total += bytes.len() as u64;
        if self.keeps {
            self.pieces.extend_from_slice(bytes);
        }
    }

    /// Begins to write the bytes that it has taken. No write may be under way.
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

    /// Waits for the end of the write that is under way; without one, waits for ever.
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
        // An error means that the write panicked: then no more is kept.
        let is_kept = written.as_ref().is_ok_and(|log| {
            // A log that is finished has said before whether the disk refused.
            log.as_ref().is_none_or(|log| !log.is_broken())
        });
        self.log = written.ok().flatten();
        if !is_kept {
            self.is_cut = true;
            self.keeps = false;
        }
    }

    /// Waits until no write is under way.
    pub(super) async fn settled(&mut self) {
        while !self.is_free() {
            self.written().await;
        }
    }

    /// Begins to bring the files into their last form. No write may be under way.
    pub(super) fn finish(&mut self) {
        // Closing a file can wait for the disk as well.
        if let Some(log) = self.log.take().filter(Log::is_open) {
            self.writing = Some(spawn_blocking(move || {
                log.finish();
                None
            }));
        }
    }

    /// Abandons a write that hangs, and keeps no more.
    pub(super) fn break_off(&mut self) {
        self.is_cut = true;
        self.keeps = false;
        self.writing = None;
    }
}
