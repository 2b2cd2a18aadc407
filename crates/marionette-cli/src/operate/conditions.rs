//! Turns conditions on the command line into a filter of the store.

use anyhow::{Context, Result, anyhow};
use marionette::inspect::Filter;
use marionette::store::JobState;

use crate::args::selection::{Conditions, States};
use crate::console::clock;
use crate::console::time::parse_past_time;

impl Conditions {
    /// Whether no condition is given.
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

    /// The filter for these conditions.
    pub(super) fn filter(&self) -> Result<Filter> {
        let ago = |age| clock::now().checked_sub(age);
        let time = |option: &str, text: &Option<String>| match text {
            None => Ok(None),
            Some(text) => parse_past_time(text, &clock::here())
                .map(Some)
                .map_err(|error| anyhow!(error))
                .with_context(|| option.to_owned()),
        };
        let since = time("--since", &self.since)?;
        let until = time("--until", &self.until)?;
        let from = [since, self.newer.and_then(ago)];
        let before = [until, self.older.and_then(ago)];
        let mut filter = Filter::new()
            .states(states(&self.state))
            .kinds(self.kind.clone())
            .queues(self.queue.clone())
            .accepted_from(from.into_iter().flatten().max())
            .accepted_before(before.into_iter().flatten().min());
        filter.text.clone_from(&self.text);
        Ok(filter)
    }
}

/// All states that are named, each once.
pub(super) fn states(named: &[States]) -> Vec<JobState> {
    let is_named = |state: &JobState| named.iter().any(|states| states.0.contains(state));
    JobState::ALL.into_iter().filter(is_named).collect()
}
