//! Reads the output of a job while it is written, attempt by attempt.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;

use super::log::{attempts, old_tail, tail};
use crate::files::{Folder, Place};

/// Stands for bytes that were overwritten before they could be read.
const GAP: &[u8] = "\n[… something is left out …]\n".as_bytes();
/// How many of the last bytes read are searched for to find their place again.
const KNOWN_BYTES: usize = 64;

/// Follows the output of one job.
#[derive(Debug)]
pub(crate) struct Follower {
    place: Place,
    /// The logs whose reading has begun.
    seen: Vec<String>,
    reading: Option<Reading>,
}

impl Follower {
    /// A follower that starts with the first attempt that is kept.
    pub(crate) fn new(place: Place) -> Self {
        Self {
            place,
            seen: Vec::new(),
            reading: None,
        }
    }

    /// The bytes that were written since the last call; empty if there are none.
    pub(crate) fn more(&mut self) -> io::Result<Vec<u8>> {
        loop {
            if let Some(reading) = &mut self.reading {
                let bytes = reading.more()?;
                if !bytes.is_empty() {
                    return Ok(bytes);
                }
            }
            let Some(folder) = self.place.open()? else {
                return Ok(Vec::new());
            };
            let logs = attempts(&folder)?;
            let Some(next) = logs.into_iter().find(|log| !self.seen.contains(log)) else {
                return Ok(Vec::new());
            };
            // The bytes that were written last before the next attempt began.
            let rest = match &mut self.reading {
                Some(reading) => reading.more()?,
                None => Vec::new(),
            };
            self.reading = Reading::open(folder, &next)?;
            self.seen.push(next);
            if !rest.is_empty() {
                return Ok(rest);
            }
        }
    }
}

/// The output of one attempt that is being read.
#[derive(Debug)]
struct Reading {
    folder: Folder,
    log: String,
    begin: File,
    tail: Option<File>,
    /// The last bytes that were read of the tail.
    end: Vec<u8>,
}

impl Reading {
    /// Opens a log; `None` if it was removed.
    fn open(folder: Folder, log: &str) -> io::Result<Option<Self>> {
        let Some(begin) = folder.read(log)? else {
            return Ok(None);
        };
        Ok(Some(Self {
            folder,
            log: log.to_owned(),
            begin,
            tail: None,
            end: Vec::new(),
        }))
    }

    fn more(&mut self) -> io::Result<Vec<u8>> {
        let Some(current) = &mut self.tail else {
            let bytes = read(&mut self.begin)?;
            if bytes.is_empty() {
                self.tail = self.folder.read(tail(&self.log))?;
                if self.tail.is_some() {
                    return self.more();
                }
            }
            return Ok(bytes);
        };
        let mut bytes = read(current)?;
        let newest = self.folder.read(tail(&self.log))?;
        match newest {
            Some(newest) if is_same(&newest, current)? => {}
            Some(newest) => {
                // The file may have been written to after the read and before its replacement.
                bytes.extend(read(current)?);
                let old = self.folder.read(old_tail(&self.log))?;
                if let Some(mut old) = old
                    && !is_same(&old, current)?
                {
                    bytes.extend_from_slice(GAP);
                    bytes.extend(read(&mut old)?);
                }
                *current = newest;
            }
            None => {
                bytes.extend(read(current)?);
                self.note(&bytes);
                bytes.extend(self.rest_when_joined()?);
                return Ok(bytes);
            }
        }
        self.note(&bytes);
        Ok(bytes)
    }

    /// The bytes that are new once the tail was put behind the start, which means that the attempt
    /// has ended.
    ///
    /// The last bytes read are searched for in the joined file; the bytes behind them are new. If
    /// they occur more than once, the last place counts: better to skip some output than to repeat
    /// it.
    fn rest_when_joined(&mut self) -> io::Result<Vec<u8>> {
        let joined = read(&mut self.begin)?;
        let kept = without_gap(&joined);
        let known = &self.end[self.end.len().saturating_sub(kept.len().min(KNOWN_BYTES))..];
        if known.is_empty() {
            return Ok(joined);
        }
        if let Some(place) = kept.windows(known.len()).rposition(|bytes| bytes == known) {
            return Ok(kept[place + known.len()..].to_vec());
        }
        // The kept part may begin within the last bytes read.
        let overlap = (1..known.len())
            .rev()
            .find(|&bytes| kept.starts_with(&known[known.len() - bytes..]));
        Ok(match overlap {
            Some(bytes) => kept[bytes..].to_vec(),
            None => joined,
        })
    }

    fn note(&mut self, bytes: &[u8]) {
        self.end
            .extend_from_slice(&bytes[bytes.len().saturating_sub(KNOWN_BYTES)..]);
        let surplus = self.end.len().saturating_sub(KNOWN_BYTES);
        self.end.drain(..surplus);
    }
}

/// The tail without the line that says how much was left out before it.
fn without_gap(joined: &[u8]) -> &[u8] {
    if !joined.starts_with("\n[… ".as_bytes()) {
        return joined;
    }
    let end = joined.windows(2).position(|bytes| bytes == b"]\n");
    end.map_or(joined, |end| &joined[end + 2..])
}

fn read(file: &mut File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn is_same(one: &File, other: &File) -> io::Result<bool> {
    let (one, other) = (one.metadata()?, other.metadata()?);
    Ok((one.dev(), one.ino()) == (other.dev(), other.ino()))
}

#[cfg(test)]
mod tests {
    use super::super::log::Log;
    use super::*;
    use crate::files::Whose;

    fn place(folder: &tempfile::TempDir) -> Place {
        Place::new(folder.path(), Whose::Ours)
    }

    /// Writes the alphabet in pieces of this size, and follows after each `pieces_between` pieces.
    fn followed(limit: u64, piece: usize, pieces_between: usize) -> String {
        let folder = tempfile::tempdir().unwrap();
        let mut follower = Follower::new(place(&folder));
        let mut log = Log::new(place(&folder), 1, limit);
        let mut followed = Vec::new();
        let text: String = ('a'..='z').collect();
        for (nth, bytes) in (1..).zip(text.as_bytes().chunks(piece)) {
            log.write(bytes);
            if nth % pieces_between == 0 {
                followed.extend(follower.more().unwrap());
            }
        }
        log.finish();
        for _ in 0..3 {
            followed.extend(follower.more().unwrap());
        }
        String::from_utf8(followed).unwrap()
    }

    #[test]
    fn who_is_quick_reads_all_of_it_also_what_is_not_kept() {
        for limit in [1, 2, 3, 5, 8, 13, 26, 100] {
            assert_eq!(
                followed(limit, 1, 1),
                "abcdefghijklmnopqrstuvwxyz",
                "limit {limit}"
            );
        }
    }

    #[test]
    fn who_is_slow_reads_begin_and_end_and_no_byte_twice() {
        for limit in [1, 2, 3, 5, 8] {
            for piece in [1, 2, 5, 26] {
                for between in [1, 2, 3, 7, 100] {
                    let followed = followed(limit, piece, between);
                    assert!(followed.starts_with('a'), "{followed}");
                    assert!(
                        followed.ends_with('z'),
                        "{limit} {piece} {between}: {followed}"
                    );
                    let letters: Vec<_> = followed
                        .lines()
                        .filter(|line| !line.starts_with('['))
                        .collect();
                    let letters = letters.concat();
                    assert!(
                        letters.as_bytes().is_sorted_by(|one, other| one < other),
                        "{limit} {piece} {between}: {followed}"
                    );
                }
            }
        }
    }

    #[test]
    fn attempts_are_read_one_after_the_other() {
        let folder = tempfile::tempdir().unwrap();
        let mut follower = Follower::new(place(&folder));
        for attempt in 1..=3 {
            let mut log = Log::new(place(&folder), attempt, 100);
            log.write(format!("attempt {attempt}\n").as_bytes());
            log.finish();
        }
        let mut followed = Vec::new();
        for _ in 0..5 {
            followed.extend(follower.more().unwrap());
        }
        assert_eq!(
            String::from_utf8(followed).unwrap(),
            "attempt 1\nattempt 2\nattempt 3\n"
        );
    }
}
