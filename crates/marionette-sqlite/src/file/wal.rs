//! The contents of the write-ahead log (WAL), compared with what SQLite knows of it.
//!
//! SQLite never looks again at what it wrote: a log that was cut off or written over meanwhile is
//! found damaged by the process that recovers it, when it is too late.

use std::fs::{self, File, Metadata};
use std::io;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode};

use crate::clock;
use crate::codec;
use crate::paths::beside;

/// The lengths of the log's header and of a frame's header, which a page follows.
const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
/// How often the log is compared again because another process wrote meanwhile.
const TRIES: u32 = 50;
const PAUSE: Duration = Duration::from_micros(100);

/// The log of one database.
#[derive(Debug)]
pub(crate) struct Wal {
    pub(crate) file: File,
    /// How many bytes a frame takes.
    frame: u64,
}

/// The extent of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extent {
    /// How many frames are committed.
    pub(crate) frames: u64,
    /// How many of them were copied into the database.
    pub(crate) copied: u64,
    /// The salts, which differ from those of the log before it at the same place of the file.
    salts: [u8; 8],
}

impl Extent {
    /// Whether the log was begun anew between these two.
    pub(crate) fn is_of_another_log(&self, other: &Self) -> bool {
        self.salts != other.salts
    }

    /// Whether something was copied into the database between these two.
    pub(crate) fn was_copied_since(&self, earlier: &Self) -> bool {
        let is_another = earlier.frames > 0 && self.is_of_another_log(earlier);
        is_another || self.copied != earlier.copied
    }
}

impl Wal {
    pub(crate) fn new(file: File, connection: &Connection) -> rusqlite::Result<Self> {
        let page = connection.pragma_query_value(None, "page_size", |row| codec::count(row, 0))?;
        Ok(Self {
            file,
            frame: FRAME_HEADER as u64 + page,
        })
    }

    /// Where the frames of this extent end in the file.
    pub(crate) fn end(&self, extent: &Extent) -> u64 {
        match extent.frames {
            0 => 0,
            frames => HEADER as u64 + frames * self.frame,
        }
    }

    /// Whether the file still has a name, and reaches this far.
    pub(crate) fn is_there(&self, end: u64) -> bool {
        let found = self.file.metadata();
        found.is_ok_and(|found| has_a_name(&found) && found.len() >= end)
    }

    /// The extent of the log, if it holds all that was committed; `None` if it was cut off or
    /// written over. `before` is an earlier extent.
    pub(crate) fn extent(
        &self,
        connection: &Connection,
        before: &Extent,
    ) -> io::Result<Option<Extent>> {
        for _ in 0..TRIES {
            let Some(counts) = counts(connection)? else {
                clock::pause(PAUSE);
                continue;
            };
            let header = self.header()?;
            let (frames, copied) = counts;
            let salts = salts(&header, 16);
            let extent = Extent {
                frames,
                copied,
                salts,
            };
            if self.holds(&extent, before)? {
                return Ok(Some(extent));
            }
            // Another process may have begun the log anew in between, so only a log that stands
            // still counts.
            if self.header()? == header && self::counts(connection)? == Some(counts) {
                return Ok(None);
            }
            clock::pause(PAUSE);
        }
        Ok(Some(*before))
    }

    /// Whether the file reaches to the last frame of this extent, and that frame and the last one
    /// of `before` belong to the log. A file that was cut off and written again behind its end has
    /// zeros there.
    fn holds(&self, extent: &Extent, before: &Extent) -> io::Result<bool> {
        if extent.frames == 0 {
            return Ok(true);
        }
        if self.file.metadata()?.len() < self.end(extent) {
            return Ok(false);
        }
        let grown = extent.salts == before.salts && before.frames < extent.frames;
        let older = if grown { before.frames } else { 0 };
        for frame in [older, extent.frames] {
            if frame > 0 && self.salts_of(frame)? != extent.salts {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn header(&self) -> io::Result<[u8; HEADER]> {
        let mut bytes = [0; HEADER];
        read_at(&self.file, &mut bytes, 0)?;
        Ok(bytes)
    }

    fn salts_of(&self, frame: u64) -> io::Result<[u8; 8]> {
        let mut bytes = [0; FRAME_HEADER];
        read_at(
            &self.file,
            &mut bytes,
            HEADER as u64 + (frame - 1) * self.frame,
        )?;
        Ok(salts(&bytes, 8))
    }
}

/// A log of this size is warned of if it is larger than its database as well.
const LARGE: u64 = 256 * 1024 * 1024;

/// The warning of a log that has become large: something keeps SQLite from beginning it anew.
pub(crate) fn warning(path: &Path) -> Option<String> {
    let length = |path: &Path| fs::metadata(path).map_or(0, |found| found.len());
    let log = length(&beside(path, "-wal"));
    let database = length(path);
    (log > LARGE && log > database).then(|| {
        format!(
            "the write-ahead log of {} has {} MiB, and the database has {}: something reads from \
             it for a long time, in one transaction; the log shrinks when that has ended",
            path.display(),
            log / 1024 / 1024,
            database / 1024 / 1024,
        )
    })
}

fn salts(bytes: &[u8], at: usize) -> [u8; 8] {
    let mut salts = [0; 8];
    salts.copy_from_slice(&bytes[at..at + 8]);
    salts
}

/// The number of frames in the log and of those that were copied, as SQLite knows them; `None` if
/// it cannot tell now, because another process makes the index anew.
fn counts(connection: &Connection) -> io::Result<Option<(u64, u64)>> {
    let counted = connection
        .prepare_cached("PRAGMA wal_checkpoint(NOOP)")
        .and_then(|mut statement| {
            statement.query_row([], |row| Ok((codec::count(row, 1)?, codec::count(row, 2)?)))
        });
    match counted {
        Ok(counts) => Ok(Some(counts)),
        Err(err) if err.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => Ok(None),
        Err(err) => Err(io::Error::other(err)),
    }
}

#[cfg(unix)]
fn has_a_name(found: &Metadata) -> bool {
    std::os::unix::fs::MetadataExt::nlink(found) > 0
}

#[cfg(not(unix))]
fn has_a_name(_found: &Metadata) -> bool {
    true
}

/// Fills the buffer from `at`; bytes behind the end of the file are left as they are.
#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<()> {
    use std::os::unix::fs::FileExt;

    match file.read_exact_at(buffer, at) {
        Err(err) if err.kind() == io::ErrorKind::UnexpectedEof => Ok(()),
        read => read,
    }
}

/// Reads nothing: here nobody can remove or replace an open file, so all its frames look alike.
#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps)] // Its twin can fail.
fn read_at(_file: &File, _buffer: &mut [u8], _at: u64) -> io::Result<()> {
    Ok(())
}
