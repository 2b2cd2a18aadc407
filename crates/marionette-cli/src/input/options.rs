//! The options of a task: the arguments of `add`, the keys of a file, and the values that the store
//! keeps. A new option of the library gets its argument and its key here, and nowhere else.

use std::time::Duration;

use anyhow::{Result, bail};
use marionette::store::{JobOptions, Name, Priority, StoredBackoff};

use super::value::{parse_backoff, parse_name, parse_positive, parse_priority, parse_retries};
use crate::console::clock;
use crate::console::time::{When, parse_duration, parse_time};

/// The keys that options have in a file.
pub(super) const OPTION_KEYS: &[&str] = &[
    "retries",
    "backoff",
    "timeout",
    "give_up_after",
    "expires",
    "delay",
    "at",
    "priority",
    "queue",
];

/// The options of a task: those of the command line, and over them those of a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Options {
    /// The options that the library knows; the name of a task is not one of them here.
    pub(crate) job: JobOptions,
    /// The priority; a higher one goes first.
    pub(crate) priority: Priority,
    /// The queue, if the task names one.
    pub(crate) queue: Option<Name>,
    /// The time at which the task is due; at once by default.
    pub(crate) due: Option<Due>,
}

/// When a task is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// This long after it is accepted.
    After(Duration),
    /// At this time.
    At(When),
}

impl Options {
    /// Takes the value that a file has for one of `OPTION_KEYS`.
    pub(super) fn set(&mut self, key: &str, text: &str) -> Result<(), String> {
        let job = &mut self.job;
        match key {
            "retries" => job.retries = parse_retries(text)?,
            "backoff" => job.backoff = Some(parse_backoff(text)?),
            "timeout" => job.timeout = Some(parse_positive(text)?),
            "give_up_after" => job.give_up_after = Some(parse_positive(text)?),
            "expires" => job.expires_after = Some(parse_positive(text)?),
            "delay" => self.due = Some(Due::After(parse_duration(text)?)),
            "at" => {
                clock::check()?;
                self.due = Some(Due::At(parse_time(text, &clock::here())?));
            }
            "priority" => self.priority = Priority::new(parse_priority(text)?),
            "queue" => self.queue = Some(parse_name(text)?),
            _ => return Err("it cannot be read".to_owned()),
        }
        Ok(())
    }
}

/// The options as `add` takes them, in the order of its help.
#[derive(Debug, clap::Args)]
pub(crate) struct OptionArguments {
    /// Start it this long from now or later, like `10m` or `1h30m`
    #[arg(long, short, value_name = "TIME", value_parser = parse_duration, conflicts_with = "at")]
    delay: Option<Duration>,
    /// Start it at this time or later: `18:00`, `6pm tomorrow`, `monday 06:00`, `2026-11-24 18:00`;
    /// --help lists all forms
    #[arg(long, short, value_name = "TIME")]
    at: Option<String>,
    /// How often to retry it if it fails
    #[arg(long, short, value_name = "NUMBER", value_parser = parse_retries)]
    retries: Option<u32>,
    /// The pauses before retries: `none`, `10s`, or `1s..5m` for pauses that double
    #[arg(long, value_name = "PAUSE", value_parser = parse_backoff)]
    backoff: Option<StoredBackoff>,
    /// How long each attempt may run
    #[arg(long, short, value_name = "TIME", value_parser = parse_positive)]
    timeout: Option<Duration>,
    /// How long it may take in total, with all its retries
    #[arg(long, value_name = "TIME", value_parser = parse_positive)]
    give_up_after: Option<Duration>,
    /// How late it may start; if it is later, it does not run at all
    #[arg(long, value_name = "TIME", value_parser = parse_positive)]
    expires: Option<Duration>,
    /// Its priority, from -128 to 127; a higher one goes first
    #[arg(long, value_name = "NUMBER", value_parser = parse_priority, allow_hyphen_values = true)]
    priority: Option<i8>,
    /// Its name in lists [default: the command]
    #[arg(long, short, value_name = "NAME", value_parser = parse_title)]
    pub(crate) name: Option<String>,
    /// The queue in which it waits [default: default]
    #[arg(long, value_name = "QUEUE", value_parser = parse_name)]
    queue: Option<Name>,
}

impl OptionArguments {
    /// The options that these arguments set.
    pub(crate) fn options(&self) -> Result<Options> {
        let due = match (&self.at, self.delay) {
            (Some(at), _) => match parse_time(at, &clock::here()) {
                Ok(when) => Some(Due::At(when)),
                Err(error) => bail!("--at: {error}"),
            },
            (None, delay) => delay.map(Due::After),
        };
        let mut job = JobOptions::default();
        job.retries = self.retries.unwrap_or(0);
        job.backoff = self.backoff;
        job.timeout = self.timeout;
        job.give_up_after = self.give_up_after;
        job.expires_after = self.expires;
        Ok(Options {
            job,
            priority: Priority::new(self.priority.unwrap_or(0)),
            queue: self.queue.clone(),
            due,
        })
    }
}

fn parse_title(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("the name is empty".to_owned());
    }
    Ok(text.to_owned())
}
