//! The output of an attempt in a file: its begin and its end, and how much was left out between.
//!
//! The begin goes into `<attempt>.log`. What follows goes into `<attempt>.tail`; when that is full
//! it becomes `<attempt>.tail.old` in place of the one before. So all that is kept is on the disk
//! while the command runs, can be followed, and outlives every process. At the end the tail is put
//! behind the begin, and one file is left.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// How often one attempt can be interrupted and begun again with its own file each time.
const TRIES_MAX: u32 = 9;

/// The output of one attempt, while it is written.
#[derive(Debug)]
pub(crate) struct Log {
    folder: PathBuf,
    attempt: u32,
    /// How much of each end is kept.
    limit: u64,
    open: Option<Open>,
    /// How much came in all.
    total: u64,
    /// Whether the disk refused: then nothing more is kept, and the command goes on.
    is_broken: bool,
}

#[derive(Debug)]
struct Open {
    path: PathBuf,
    begin: File,
    begin_bytes: u64,
    tail: Option<(File, u64)>,
    has_old: bool,
}

impl Log {
    /// Nothing is made on the disk before something is written.
    pub(crate) fn new(folder: PathBuf, attempt: u32, limit: u64) -> Self {
        Self {
            folder,
            attempt,
            limit,
            open: None,
            total: 0,
            is_broken: false,
        }
    }

    /// How many bytes were written, kept or not.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// Takes what came next.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.total += bytes.len() as u64;
        if self.limit > 0 && !self.is_broken {
            self.is_broken = self.keep(bytes).is_err();
        }
    }

    /// Puts the tail behind the begin.
    pub(crate) fn finish(mut self) {
        if let Some(open) = self.open.take() {
            // The disk refused: the parts stay as they are, and are read like a running attempt's.
            let _ = open.join(self.total, self.limit);
        }
    }

    fn keep(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.open.is_none() {
            self.open = Some(Open::create(&self.folder, self.attempt)?);
        }
        let open = self.open.as_mut().expect("it was just made");
        let room = usize::try_from(self.limit - open.begin_bytes).unwrap_or(usize::MAX);
        let (begin, mut rest) = bytes.split_at(bytes.len().min(room));
        open.begin.write_all(begin)?;
        open.begin_bytes += begin.len() as u64;
        while !rest.is_empty() {
            rest = open.keep_tail(rest, self.limit)?;
        }
        Ok(())
    }
}

impl Open {
    fn create(folder: &Path, attempt: u32) -> io::Result<Self> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        let mut again = 1;
        loop {
            let path = folder.join(match again {
                1 => format!("{attempt}.log"),
                again => format!("{attempt}-{again}.log"),
            });
            let mut options = OpenOptions::new();
            options.write(true).mode(0o600);
            match again {
                TRIES_MAX => options.create(true).truncate(true),
                _ => options.create_new(true),
            };
            match options.open(&path) {
                Ok(begin) => {
                    return Ok(Self {
                        path,
                        begin,
                        begin_bytes: 0,
                        tail: None,
                        has_old: false,
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => again += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// Keeps as much as fits into the tail, and returns what is left.
    fn keep_tail<'a>(&mut self, bytes: &'a [u8], limit: u64) -> io::Result<&'a [u8]> {
        if let Some((_, size)) = &self.tail
            && *size >= limit
        {
            fs::rename(tail(&self.path), old_tail(&self.path))?;
            self.has_old = true;
            self.tail = None;
        }
        if self.tail.is_none() {
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true).mode(0o600);
            self.tail = Some((options.open(tail(&self.path))?, 0));
        }
        let (file, size) = self.tail.as_mut().expect("it was just made");
        let room = usize::try_from(limit - *size).unwrap_or(usize::MAX);
        let (kept, rest) = bytes.split_at(bytes.len().min(room));
        file.write_all(kept)?;
        *size += kept.len() as u64;
        Ok(rest)
    }

    fn join(mut self, total: u64, limit: u64) -> io::Result<()> {
        if self.tail.is_none() {
            return Ok(());
        }
        let kept = read_tail(&self.path, limit)?;
        let left_out = total - self.begin_bytes - kept.len() as u64;
        if left_out > 0 {
            let gap = format!("\n[… {left_out} bytes are left out …]\n");
            self.begin.write_all(gap.as_bytes())?;
        }
        self.begin.write_all(&kept)?;
        fs::remove_file(tail(&self.path))?;
        if self.has_old {
            fs::remove_file(old_tail(&self.path))?;
        }
        Ok(())
    }
}

pub(super) fn tail(path: &Path) -> PathBuf {
    path.with_extension("tail")
}

pub(super) fn old_tail(path: &Path) -> PathBuf {
    path.with_extension("tail.old")
}

/// The last bytes of a tail that is in two files.
fn read_tail(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = if_any(fs::read(old_tail(path)))?;
    bytes.extend(if_any(fs::read(tail(path)))?);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    Ok(bytes.split_off(bytes.len().saturating_sub(limit)))
}

fn if_any(read: io::Result<Vec<u8>>) -> io::Result<Vec<u8>> {
    match read {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        read => read,
    }
}

/// The files of a job's attempts that wrote something, in the order in which they were made.
#[allow(dead_code)] // For the operator's commands, which are not here yet.
pub(crate) fn attempts(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "log")
            && let Some(order) = order(&path)
        {
            paths.push((order, path));
        }
    }
    paths.sort();
    Ok(paths.into_iter().map(|(_, path)| path).collect())
}

/// `3-2.log` is the second run of the third attempt.
fn order(path: &Path) -> Option<(u32, u32)> {
    let stem = path.file_stem()?.to_str()?;
    let (attempt, again) = stem.split_once('-').unwrap_or((stem, "1"));
    Some((attempt.parse().ok()?, again.parse().ok()?))
}

/// What is kept of an attempt's output, whether it still runs or not.
#[allow(dead_code)] // For the operator's commands, which are not here yet.
pub(crate) fn read_log(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = fs::read(path)?;
    let rest = read_tail(path, u64::MAX)?;
    if !rest.is_empty() {
        if old_tail(path).exists() {
            bytes.extend_from_slice("\n[… what followed is left out …]\n".as_bytes());
        }
        bytes.extend(rest);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn an_attempt_that_says_nothing_makes_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("job");
        Log::new(output.clone(), 1, 10).finish();
        assert!(!output.exists());
        assert!(attempts(&output).unwrap().is_empty());
    }

    #[test]
    fn both_ends_are_kept_and_what_is_left_out_is_counted() {
        let text: String = ('a'..='z').collect();
        for piece in [1, 2, 3, 4, 5, 7, 9, 26] {
            for length in 0..=text.len() {
                let folder = tempfile::tempdir().unwrap();
                let mut log = Log::new(folder.path().to_owned(), 1, 4);
                let written = &text.as_bytes()[..length];
                written.chunks(piece).for_each(|bytes| log.write(bytes));
                assert_eq!(log.total(), length as u64);
                log.finish();
                if length == 0 {
                    continue;
                }
                assert_eq!(names(folder.path()), ["1.log"]);
                let kept = fs::read_to_string(folder.path().join("1.log")).unwrap();
                let expected = match length {
                    0..=8 => text[..length].to_owned(),
                    _ => format!(
                        "abcd\n[… {} bytes are left out …]\n{}",
                        length - 8,
                        &text[length - 4..length]
                    ),
                };
                assert_eq!(kept, expected, "{length} bytes, {piece} at once");
            }
        }
    }

    #[test]
    fn what_is_kept_can_be_read_while_it_runs_and_is_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = Log::new(folder.path().to_owned(), 1, 4);
        log.write(b"abcdefghijklmn");
        let path = folder.path().join("1.log");
        assert_eq!(
            String::from_utf8(read_log(&path).unwrap()).unwrap(),
            "abcd\n[… what followed is left out …]\nijklmn"
        );
        assert_eq!(names(folder.path()), ["1.log", "1.tail", "1.tail.old"]);
    }

    #[test]
    fn an_attempt_that_is_begun_again_does_not_write_over_its_output() {
        let folder = tempfile::tempdir().unwrap();
        for text in ["first", "second"] {
            let mut log = Log::new(folder.path().to_owned(), 2, 100);
            log.write(text.as_bytes());
            log.finish();
        }
        let paths = attempts(folder.path()).unwrap();
        let texts: Vec<_> = paths
            .iter()
            .map(|path| fs::read_to_string(path).unwrap())
            .collect();
        assert_eq!(texts, ["first", "second"]);
    }

    #[test]
    fn a_disk_that_refuses_stops_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let mut log = Log::new(file.join("job"), 1, 100);
        log.write(b"hello");
        log.write(b"hello");
        assert_eq!(log.total(), 10);
        log.finish();
    }
}
