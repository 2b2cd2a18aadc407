//! Which tasks an operator means.

use std::time::Duration;

use clap::ValueHint;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use marionette::store::{JobState, Name};

use crate::console::text::nearest;
use crate::console::time::parse_duration;
use crate::input::parse_name;

/// Which tasks: all conditions hold that are named.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Which tasks")]
pub(crate) struct Conditions {
    /// In one of these states: ready, scheduled, retrying, running, done, dead, cancelled,
    /// quarantined; or waiting (the first three), failed (dead, quarantined), ended (the last four)
    #[arg(
        long,
        short,
        value_name = "STATE",
        value_delimiter = ',',
        value_parser = states(),
        hide_possible_values = true
    )]
    pub(crate) state: Vec<States>,
    /// Of one of these kinds; commands have the kind `command`
    #[arg(
        long,
        short,
        value_name = "KIND",
        value_hint = ValueHint::Other,
        value_delimiter = ',',
        value_parser = parse_name
    )]
    pub(crate) kind: Vec<Name>,
    /// In one of these queues
    #[arg(
        long,
        value_name = "QUEUE",
        value_hint = ValueHint::Other,
        value_delimiter = ',',
        value_parser = parse_name
    )]
    pub(crate) queue: Vec<Name>,
    /// Accepted longer ago than this, like `2h` or `7d`
    #[arg(long, value_name = "AGE", value_parser = parse_duration)]
    pub(crate) older: Option<Duration>,
    /// Accepted within this time, like `10m`
    #[arg(long, value_name = "AGE", value_parser = parse_duration)]
    pub(crate) newer: Option<Duration>,
    /// Accepted at this time or later: `06:00`, `yesterday 18:00`, `monday`, `2026-11-24`; written
    /// as for `add --at`, but it means the last such time, not the next
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Accepted before this time
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// With this text in its name, its payload, or, once it has ended, its reason; case matters
    #[arg(long, value_name = "TEXT")]
    pub(crate) text: Option<String>,
}

/// A state, or several that have a word in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct States(pub(crate) Vec<JobState>);

/// The words for states, which completions offer: those of what goes on…
const OPEN: [&str; 5] = ["ready", "scheduled", "retrying", "running", "waiting"];
/// …and those of what has ended.
const ENDS: [&str; 6] = [
    "done",
    "dead",
    "cancelled",
    "quarantined",
    "failed",
    "ended",
];

fn states() -> impl TypedValueParser<Value = States> {
    PossibleValuesParser::new(OPEN.into_iter().chain(ENDS)).try_map(|text| parse_states(&text))
}

fn parse_states(text: &str) -> Result<States, String> {
    if let Some(state) = JobState::ALL
        .into_iter()
        .find(|state| state.as_str() == text)
    {
        return Ok(States(vec![state]));
    }
    let is_meant: fn(JobState) -> bool = match text {
        "waiting" => |state| !state.is_end() && state != JobState::Running,
        "failed" => |state| matches!(state, JobState::Dead | JobState::Quarantined),
        "ended" => JobState::is_end,
        _ => {
            let mut states: Vec<_> = JobState::ALL.iter().map(|state| state.as_str()).collect();
            states.extend(["waiting", "failed", "ended"]);
            let meant = nearest(text, states.iter().copied());
            let meant = meant.map_or_else(String::new, |meant| format!("did you mean `{meant}`? "));
            return Err(format!("{meant}the states are {}", states.join(", ")));
        }
    };
    Ok(States(
        JobState::ALL
            .into_iter()
            .filter(|state| is_meant(*state))
            .collect(),
    ))
}

pub(super) fn ends() -> impl TypedValueParser<Value = States> {
    PossibleValuesParser::new(ENDS).try_map(|text| parse_states(&text))
}

/// By ids or by conditions.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Selection {
    /// The ids of tasks, enough of each to be clear, or their names
    #[arg(value_name = "ID", value_hint = ValueHint::Other)]
    pub(crate) ids: Vec<String>,
    #[command(flatten)]
    pub(crate) conditions: Conditions,
    /// All tasks that can be changed like this, if no condition is named
    #[arg(long, conflicts_with = "ids")]
    pub(crate) all: bool,
    /// Only say what would be changed
    #[arg(long, help_heading = "How")]
    pub(crate) dry_run: bool,
    /// Do not ask
    #[arg(long, short, help_heading = "How")]
    pub(crate) yes: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_have_words_in_common() {
        let states = |text: &str| parse_states(text).map(|states| states.0);
        assert_eq!(states("dead"), Ok(vec![JobState::Dead]));
        assert_eq!(
            states("failed"),
            Ok(vec![JobState::Dead, JobState::Quarantined])
        );
        assert_eq!(
            states("waiting"),
            Ok(vec![
                JobState::Ready,
                JobState::Scheduled,
                JobState::Retrying
            ])
        );
        assert_eq!(states("ended").map(|states| states.len()), Ok(4));
        let error = states("broken").unwrap_err();
        assert!(
            error.starts_with("the states are ready, scheduled, retrying"),
            "{error}"
        );
    }
}
