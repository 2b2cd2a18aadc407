//! Writes and reads the lines of a history.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::{fs, io};

use marionette::TaskId;

/// Something that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A producer begins to insert a job.
    AcceptBegin(TaskId),
    /// The store has accepted it.
    Accepted(TaskId),
    /// The store has refused it for certain.
    Refused(TaskId),
    /// An attempt starts.
    Start(TaskId, Run),
    /// It had its effect.
    Effect(TaskId, Run),
    /// It is over: it returned, panicked or was dropped.
    End(TaskId, Run),
    /// It started before its job was due.
    Early(TaskId, Run),
    /// A settlement that completes the job was applied; the token of its lease.
    Won(TaskId, i64),
    /// The job's lease lapsed, and the store has taken the job from its instance.
    Taken(TaskId),
    /// The most attempts that this process runs at once.
    Limit(usize),
    /// `stop` has returned in this process: nothing of ours runs or writes any more.
    Returned,
    /// A process is dead, or was stalled for longer than a lease.
    Gone(u64),
}

/// The unique name of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Run {
    /// The process that makes it.
    pub process: u64,
    /// Which of its attempts it is.
    pub number: u64,
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.process, self.number)
    }
}

impl FromStr for Run {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (process, number) = text.split_once('.').ok_or(())?;
        Ok(Self {
            process: process.parse().map_err(drop)?,
            number: number.parse().map_err(drop)?,
        })
    }
}

/// A line also begins with a line break, so that it stays whole behind a torn one. It ends with a
/// word of its own, so that a torn line is not taken for a shorter whole one.
pub(super) fn line(process: u64, event: &Event) -> String {
    format!("\n{process} {event} .\n")
}

impl Event {
    /// The job that it is about, if it is about one.
    #[must_use]
    pub fn job(&self) -> Option<TaskId> {
        match self {
            Self::AcceptBegin(job)
            | Self::Accepted(job)
            | Self::Refused(job)
            | Self::Start(job, _)
            | Self::Effect(job, _)
            | Self::End(job, _)
            | Self::Early(job, _)
            | Self::Won(job, _)
            | Self::Taken(job) => Some(*job),
            Self::Limit(_) | Self::Returned | Self::Gone(_) => None,
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AcceptBegin(job) => write!(f, "accept_begin {job}"),
            Self::Accepted(job) => write!(f, "accepted {job}"),
            Self::Refused(job) => write!(f, "refused {job}"),
            Self::Start(job, run) => write!(f, "start {job} {run}"),
            Self::Effect(job, run) => write!(f, "effect {job} {run}"),
            Self::End(job, run) => write!(f, "end {job} {run}"),
            Self::Early(job, run) => write!(f, "early {job} {run}"),
            Self::Won(job, token) => write!(f, "won {job} {token}"),
            Self::Taken(job) => write!(f, "taken {job}"),
            Self::Limit(limit) => write!(f, "limit {limit}"),
            Self::Returned => write!(f, "returned"),
            Self::Gone(process) => write!(f, "gone {process}"),
        }
    }
}

/// A line of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Counted from 1, as editors do.
    pub(super) number: usize,
    pub(super) process: u64,
    pub(super) event: Event,
}

/// A history that was read.
#[derive(Clone, Debug, Default)]
pub struct Events {
    pub(super) lines: Vec<Line>,
    /// How many lines were torn: at most one for each process that was killed.
    pub torn: usize,
}

impl Events {
    /// Reads the file.
    ///
    /// # Errors
    ///
    /// The file system's.
    pub fn read(path: &Path) -> io::Result<Self> {
        Ok(Self::parse(&fs::read_to_string(path)?))
    }

    /// Reads a history from its text.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut events = Self::default();
        for (index, text) in text.lines().enumerate() {
            if text.is_empty() {
                continue;
            }
            match parse(text) {
                Some((process, event)) => events.lines.push(Line {
                    number: index + 1,
                    process,
                    event,
                }),
                None => events.torn += 1,
            }
        }
        events
    }

    /// What happened, in order.
    pub fn iter(&self) -> impl Iterator<Item = Event> {
        self.lines.iter().map(|line| line.event)
    }

    /// How many events of a kind there are.
    pub fn count(&self, is_of_it: impl Fn(&Event) -> bool) -> usize {
        self.lines
            .iter()
            .filter(|line| is_of_it(&line.event))
            .count()
    }

    /// What happened to which job, where jobs are numbered as they come: equal for two histories
    /// that differ in nothing but the ids of their jobs.
    #[must_use]
    pub fn shape(&self) -> Vec<String> {
        let mut known: HashMap<TaskId, usize> = HashMap::new();
        let mut number = |word: &str| {
            let next = known.len();
            let job = word.parse().ok();
            job.map(|job| *known.entry(job).or_insert(next))
        };
        let lines = self.lines.iter().map(|line| {
            let text = line.event.to_string();
            let words = text.split(' ').map(|word| match number(word) {
                Some(number) => format!("job {number}"),
                None => word.to_owned(),
            });
            let words: Vec<String> = words.collect();
            format!("{} {}", line.process, words.join(" "))
        });
        lines.collect()
    }

    /// The jobs that were accepted.
    pub fn accepted(&self) -> Vec<TaskId> {
        let accepted = self.lines.iter().filter_map(|line| match line.event {
            Event::Accepted(job) => Some(job),
            _ => None,
        });
        accepted.collect()
    }
}

fn parse(text: &str) -> Option<(u64, Event)> {
    let mut words = text.strip_suffix(" .")?.split(' ');
    let process = read(words.next())?;
    let event = match words.next()? {
        "accept_begin" => Event::AcceptBegin(read(words.next())?),
        "accepted" => Event::Accepted(read(words.next())?),
        "refused" => Event::Refused(read(words.next())?),
        "start" => Event::Start(read(words.next())?, read(words.next())?),
        "effect" => Event::Effect(read(words.next())?, read(words.next())?),
        "end" => Event::End(read(words.next())?, read(words.next())?),
        "early" => Event::Early(read(words.next())?, read(words.next())?),
        "won" => Event::Won(read(words.next())?, read(words.next())?),
        "taken" => Event::Taken(read(words.next())?),
        "limit" => Event::Limit(read(words.next())?),
        "returned" => Event::Returned,
        "gone" => Event::Gone(read(words.next())?),
        _ => return None,
    };
    words.next().is_none().then_some((process, event))
}

fn read<T: FromStr>(word: Option<&str>) -> Option<T> {
    word?.parse().ok()
}
