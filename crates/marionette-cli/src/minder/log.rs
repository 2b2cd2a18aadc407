//! The output of an attempt in a file: its start and its end, and how much was left out between.
//!
//! The start goes into `<attempt>.log`. The rest goes into `<attempt>.tail`; a full tail becomes
//! `<attempt>.tail.old` in place of the tail before. So all that is kept is on the disk while the
//! command runs, can be followed, and outlives every process. At the end the tail is put behind the
//! start, and one file is left.

use std::fs::File;
use std::io::{self, Write};

use crate::files::{Folder, Place};

/// How many files an attempt can have: it gets a new one each time it is interrupted and begins
/// again.
const TRIES_MAX: u32 = 9;

/// The output of one attempt that is being written.
#[derive(Debug)]
pub(crate) struct Log {
    place: Place,
    attempt: u32,
    /// How many bytes of the start and of the end are kept.
    limit: u64,
    open: Option<Open>,
    /// How many bytes came in all.
    total: u64,
    /// Whether the disk refused a write: then nothing more is kept, and the command goes on.
    is_broken: bool,
}

#[derive(Debug)]
struct Open {
    folder: Folder,
    name: String,
    begin: File,
    begin_bytes: u64,
    tail: Option<(File, u64)>,
    has_old: bool,
}

impl Log {
    /// A log without a file; the first write makes one.
    pub(crate) fn new(place: Place, attempt: u32, limit: u64) -> Self {
        Self {
            place,
            attempt,
            limit,
            open: None,
            total: 0,
            is_broken: false,
        }
    }

    /// Whether there is a file.
    pub(crate) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Whether the disk refused a write: then nothing more is kept.
    pub(crate) fn is_broken(&self) -> bool {
        self.is_broken
    }

    /// Takes the next bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.total += bytes.len() as u64;
        if self.limit > 0 && !self.is_broken {
            self.is_broken = self.keep(bytes).is_err();
        }
    }

    /// Puts the tail behind the start.
    pub(crate) fn finish(mut self) {
        if let Some(open) = self.open.take() {
            // If the disk refuses, the parts stay as they are and are read like those of a running
            // attempt.
            let _ = open.join(self.total, self.limit);
        }
    }

    fn keep(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.open.is_none() {
            self.open = Some(Open::create(&self.place, self.attempt)?);
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
    fn create(place: &Place, attempt: u32) -> io::Result<Self> {
        for _ in 1..TRIES_MAX {
            match Self::create_in(place.make()?, attempt) {
                // The folder was removed because it was empty: its outputs were forgotten
                // meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                created => return created,
            }
        }
        Self::create_in(place.make()?, attempt)
    }

    fn create_in(folder: Folder, attempt: u32) -> io::Result<Self> {
        let mut again = 1;
        loop {
            let name = match again {
                1 => format!("{attempt}.log"),
                again => format!("{attempt}-{again}.log"),
            };
            let made = match again {
                TRIES_MAX => folder.new_file_instead(&name),
                _ => folder.new_file(&name),
            };
            match made {
                Ok(begin) => {
                    return Ok(Self {
                        folder,
                        name,
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

    /// Writes as many bytes as fit into the tail, and returns the rest.
    fn keep_tail<'a>(&mut self, bytes: &'a [u8], limit: u64) -> io::Result<&'a [u8]> {
        if let Some((_, size)) = &self.tail
            && *size >= limit
        {
            let (tail, old) = (tail(&self.name), old_tail(&self.name));
            self.folder.rename(tail, old)?;
            self.has_old = true;
            self.tail = None;
        }
        if self.tail.is_none() {
            let file = self.folder.new_file_instead(tail(&self.name))?;
            self.tail = Some((file, 0));
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
        let kept = read_tail(&self.folder, &self.name, limit)?;
        let left_out = total - self.begin_bytes - kept.len() as u64;
        if left_out > 0 {
            let gap = format!("\n[… {left_out} bytes are left out …]\n");
            self.begin.write_all(gap.as_bytes())?;
        }
        self.begin.write_all(&kept)?;
        self.folder.remove(tail(&self.name))?;
        if self.has_old {
            self.folder.remove(old_tail(&self.name))?;
        }
        Ok(())
    }
}

/// The name of the tail of the log of this name.
pub(super) fn tail(log: &str) -> String {
    format!("{}.tail", stem(log))
}

pub(super) fn old_tail(log: &str) -> String {
    format!("{}.tail.old", stem(log))
}

/// Which attempt the log of this name belongs to.
pub(crate) fn stem(log: &str) -> &str {
    log.strip_suffix(".log").unwrap_or(log)
}

/// The last bytes of the tail, which may lie in two files.
fn read_tail(folder: &Folder, log: &str, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = folder.read_all(old_tail(log))?.unwrap_or_default();
    bytes.extend(folder.read_all(tail(log))?.unwrap_or_default());
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    Ok(bytes.split_off(bytes.len().saturating_sub(limit)))
}

/// The names of the logs of a job, in the order in which they were made. Only attempts that wrote
/// something have one.
pub(crate) fn attempts(folder: &Folder) -> io::Result<Vec<String>> {
    let mut logs = Vec::new();
    for name in folder.names()? {
        let Ok(name) = name.into_string() else {
            continue;
        };
        let stem = name.strip_suffix(".log");
        if let Some(order) = stem.and_then(order) {
            logs.push((order, name));
        }
    }
    logs.sort();
    Ok(logs.into_iter().map(|(_, name)| name).collect())
}

/// The attempt and its run: `3-2.log` is the second run of the third attempt.
fn order(stem: &str) -> Option<(u32, u32)> {
    let (attempt, again) = stem.split_once('-').unwrap_or((stem, "1"));
    Some((attempt.parse().ok()?, again.parse().ok()?))
}

/// The output that is kept of an attempt, whether it still runs or not.
pub(crate) fn read_log(folder: &Folder, log: &str) -> io::Result<Vec<u8>> {
    let mut bytes = folder.read_all(log)?.unwrap_or_default();
    let rest = read_tail(folder, log, u64::MAX)?;
    if !rest.is_empty() {
        if folder.stat(old_tail(log))?.is_some() {
            bytes.extend_from_slice("\n[… what followed is left out …]\n".as_bytes());
        }
        bytes.extend(rest);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::files::Whose;

    fn place(folder: &Path) -> Place {
        Place::new(folder, Whose::Ours)
    }

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
        let output = place(folder.path()).below("job");
        Log::new(output.clone(), 1, 10).finish();
        assert!(!output.path().exists());
        assert!(attempts(&output.make().unwrap()).unwrap().is_empty());
    }

    #[test]
    fn both_ends_are_kept_and_what_is_left_out_is_counted() {
        let text: String = ('a'..='z').collect();
        for piece in [1, 2, 3, 4, 5, 7, 9, 26] {
            for length in 0..=text.len() {
                let folder = tempfile::tempdir().unwrap();
                let mut log = Log::new(place(folder.path()), 1, 4);
                let written = &text.as_bytes()[..length];
                written.chunks(piece).for_each(|bytes| log.write(bytes));
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
        let mut log = Log::new(place(folder.path()), 1, 4);
        log.write(b"abcdefghijklmn");
        let opened = place(folder.path()).open().unwrap().unwrap();
        assert_eq!(
            String::from_utf8(read_log(&opened, "1.log").unwrap()).unwrap(),
            "abcd\n[… what followed is left out …]\nijklmn"
        );
        assert_eq!(names(folder.path()), ["1.log", "1.tail", "1.tail.old"]);
    }

    #[test]
    fn an_attempt_that_is_begun_again_does_not_write_over_its_output() {
        let folder = tempfile::tempdir().unwrap();
        for text in ["first", "second"] {
            let mut log = Log::new(place(folder.path()), 2, 100);
            log.write(text.as_bytes());
            log.finish();
        }
        let opened = place(folder.path()).open().unwrap().unwrap();
        let texts: Vec<_> = attempts(&opened)
            .unwrap()
            .iter()
            .map(|log| fs::read_to_string(folder.path().join(log)).unwrap())
            .collect();
        assert_eq!(texts, ["first", "second"]);
    }

    #[test]
    fn a_disk_that_refuses_stops_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let mut log = Log::new(place(&file.join("job")), 1, 100);
        log.write(b"hello");
        log.write(b"hello");
        assert!(log.is_broken());
        log.finish();
    }
}
