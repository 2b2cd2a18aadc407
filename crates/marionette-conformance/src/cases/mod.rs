//! The cases, one file for each topic. A claim is the name of its function.

mod batches;
mod checks;
mod claim;
mod crashes;
mod dropped;
mod due;
mod ended;
mod ends;
mod faults;
mod fences;
mod forgotten;
mod hidden;
mod insert;
mod inspect;
mod lists;
mod options;
mod order;
mod payloads;
mod people;
mod queues;
mod renew;
mod repeat;
mod retention;
mod settle;
mod sharing;
mod together;
mod wait;

use crate::case::Case;

/// All cases, by topic.
pub(crate) fn all() -> Vec<(&'static str, Vec<Case>)> {
    vec![
        ("insert", insert::cases()),
        ("checks", checks::cases()),
        ("payloads", payloads::cases()),
        ("claim", claim::cases()),
        ("order", order::cases()),
        ("queues", queues::cases()),
        ("due", due::cases()),
        ("renew", renew::cases()),
        ("settle", settle::cases()),
        ("fences", fences::cases()),
        ("crashes", crashes::cases()),
        ("hidden", hidden::cases()),
        ("wait", wait::cases()),
        ("ended", ended::cases()),
        ("ends", ends::cases()),
        ("retention", retention::cases()),
        ("inspect", inspect::cases()),
        ("lists", lists::cases()),
        ("people", people::cases()),
        ("batches", batches::cases()),
        ("together", together::cases()),
        ("sharing", sharing::cases()),
        ("repeat", repeat::cases()),
        ("dropped", dropped::cases()),
        ("faults", faults::cases()),
        ("options", options::cases()),
        ("forgotten", forgotten::cases()),
    ]
}
