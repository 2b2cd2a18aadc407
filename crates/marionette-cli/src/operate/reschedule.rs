//! `marionette reschedule`: gives waiting tasks another time.

use anyhow::{Result, anyhow};

use crate::args::operate::Reschedule;
use crate::args::selection::Selection;
use crate::console::clock;
use crate::console::time::parse_time;

use super::apply;
use super::change::Change;
use super::operator::Operator;

pub(super) async fn reschedule(operator: &Operator, args: &Reschedule) -> Result<u8> {
    let (text, ids) = args.words.split_last().expect("clap requires one word");
    let when = parse_time(text, &clock::here()).map_err(|error| match ids {
        [] => anyhow!("the time comes last: {error}"),
        _ => anyhow!(error),
    })?;
    if let Some(note) = &when.note {
        operator.console.note(note);
    }
    let selection = Selection {
        ids: ids.to_vec(),
        conditions: args.conditions.clone(),
        all: args.all,
        dry_run: args.dry_run,
        yes: args.yes,
    };
    apply::apply(operator, &selection, &Change::Reschedule(when.time)).await
}
