//! From conditions on the command line to a filter of the store, and through its pages.

use std::time::SystemTime;

use anyhow::{Context, Result, anyhow};
use jiff::{ToSpan, ZonedDateTime};
use marionette::TaskId;
use marionette::inspect::{Filter, Inspect, JobSummary, Page};
use marionette::store::JobState;

use crate::clock;
use crate::store::told;
use crate::time::{parse_duration, parse_time};

use super::args::{Pick, States};

/// How many jobs are asked for at once.
const PAGE: usize = 1_000;

impl Pick {
    /// Whether it names no condition.
    pub(super) fn is_empty(&self) -> bool {
        self.state.is_empty()
            && self.kind.is_empty()
            && self.queue.is_empty()
            && self.older.is_none()
            && self.newer.is_none()
            && self.since.is_none()
            && self.until.is_none()
            && self.text.is_none()
    }

    /// The filter that it means.
    pub(super) fn filter(&self) -> Result<Filter> {
        let ago = |age| clock::now().checked_sub(age);
        let time = |option: &str, text: &Option<String>| match text {
            None => Ok(None),
            Some(text) => past_time(text, &clock::here())
                .map(Some)
                .map_err(|error| anyhow!(error))
                .with_context(|| option.to_owned()),
        };
        let since = time("--since", &self.since)?;
        let until = time("--until", &self.until)?;
        Ok(Filter {
            states: states(&self.state),
            kinds: self.kind.clone(),
            queues: self.queue.clone(),
            accepted_from: [since, self.newer.and_then(ago)]
                .into_iter()
                .flatten()
                .max(),
            accepted_before: [until, self.older.and_then(ago)]
                .into_iter()
                .flatten()
                .min(),
            text: self.text.clone(),
        })
    }
}

/// All the states that are named, each once.
pub(super) fn states(named: &[States]) -> Vec<JobState> {
    let is_named = |state: &JobState| named.iter().any(|states| states.0.contains(state));
    JobState::ALL.into_iter().filter(is_named).collect()
}

/// Reads a time that has come: what [`parse_time`] reads, but of the days that it could be the last
/// one and not the next; `today`, `yesterday`, `2h ago` as well.
fn past_time(text: &str, now: &ZonedDateTime) -> Result<SystemTime, String> {
    let lower = text.trim().to_lowercase();
    let earlier = |days: i64| now.checked_sub(days.days()).unwrap_or_else(|_| now.clone());
    if let Some(age) = lower.strip_suffix(" ago") {
        let now = parse_time("now", now)?.time;
        let time = now.checked_sub(parse_duration(age)?);
        return time.ok_or_else(|| format!("{text:?} is too long ago"));
    }
    let (day, rest) = lower.split_once(' ').unwrap_or((&lower, "00:00"));
    let read = match day {
        "today" => parse_time(&format!("{} {rest}", now.date()), now),
        "yesterday" => parse_time(&format!("{} {rest}", earlier(1).date()), now),
        "now" | "tomorrow" | "in" => parse_time(text, now),
        _ if day.starts_with(|char: char| char.is_ascii_alphabetic()) => {
            parse_time(&format!("{day} {rest}"), &earlier(7))
        }
        _ if !day.contains('-') => parse_time(&lower, &earlier(1)),
        _ => parse_time(text, now),
    };
    let wrong = |_| {
        format!(
            "{text:?} is no time; write it like `06:00`, `yesterday 18:00`, `monday 06:00`, \
             `2026-11-24 18:00` or `10m ago`"
        )
    };
    read.map(|when| when.time).map_err(wrong)
}

/// The pages of what matches, newest first.
#[derive(Debug)]
pub(super) struct Pages {
    filter: Filter,
    /// How many are still wanted.
    left: usize,
    after: Option<TaskId>,
    has_more: bool,
}

impl Pages {
    /// All that match.
    pub(super) fn all(filter: Filter) -> Self {
        Self::first(filter, usize::MAX)
    }

    /// So many of those that match.
    pub(super) fn first(filter: Filter, limit: usize) -> Self {
        Self {
            filter,
            left: limit,
            after: None,
            has_more: true,
        }
    }

    /// The next page; `None` behind the last.
    pub(super) async fn next(&mut self, store: &impl Inspect) -> Result<Option<Vec<JobSummary>>> {
        if !self.has_more || self.left == 0 {
            return Ok(None);
        }
        let page = Page {
            after: self.after,
            limit: self.left.min(PAGE),
        };
        let listed = store.list(self.filter.clone(), page).await.map_err(told)?;
        self.left -= listed.jobs.len().min(self.left);
        self.after = listed.next;
        self.has_more = listed.next.is_some();
        Ok(Some(listed.jobs))
    }

    /// Whether there are more than were wanted.
    pub(super) fn has_more(&self) -> bool {
        self.has_more
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn times_that_have_come_are_read_as_people_write_them() {
        // A Tuesday.
        let now: ZonedDateTime = "2026-11-24T12:00[Europe/Berlin]".parse().unwrap();
        for (text, expected) in [
            ("06:00", "2026-11-24 06:00:00"),
            ("18:00", "2026-11-23 18:00:00"),
            ("today", "2026-11-24 00:00:00"),
            ("today 07:30", "2026-11-24 07:30:00"),
            ("yesterday", "2026-11-23 00:00:00"),
            ("Yesterday 18:00", "2026-11-23 18:00:00"),
            ("monday 06:00", "2026-11-23 06:00:00"),
            ("wednesday", "2026-11-18 00:00:00"),
            ("2026-11-01", "2026-11-01 00:00:00"),
            ("2026-11-01 10:00", "2026-11-01 10:00:00"),
            ("2026-11-01T10:00Z", "2026-11-01 11:00:00"),
            ("2h ago", "2026-11-24 10:00:00"),
            ("now", "2026-11-24 12:00:00"),
        ] {
            let time = Timestamp::try_from(past_time(text, &now).unwrap()).unwrap();
            let zoned = time.to_zoned_datetime(now.time_zone().clone());
            assert_eq!(zoned.strftime("%F %T").to_string(), expected, "{text}");
        }
        let error = past_time("soonish", &now).unwrap_err();
        assert!(
            error.starts_with("\"soonish\" is no time; write it like"),
            "{error}"
        );
    }
}
